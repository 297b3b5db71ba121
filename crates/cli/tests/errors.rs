//! What is said of mistakes in experiment files: one snapshot each.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::Sandbox;

/// A file without mistakes; tests replace parts of it.
const GOOD: &str = r#"name = "mine"
seeds = [1, 2]

[data]
dataset = "office31-features"
tasks = ["amazon -> webcam", "dslr + webcam -> amazon"]

[extractor]
name = "identity"

[bottleneck]
name = "linear"
size = 256

[classifier]
name = "linear"

[training]
iterations = 100

[training.optimizer]
name = "sgd"
lr = 0.01

[training.schedule]
name = "inverse-decay"

[methods.dann]
align = [{ name = "dann", weight = 1.0 }]

[methods.dan]
align = [{ name = "dan" }]
"#;

/// What `check` says of the good file with `from` replaced by `to`.
fn check(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the good file has no `{from}`");
    of_text(&GOOD.replace(from, to))
}

fn of_text(text: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("mine.toml", text);
    let said = sandbox.isthmus(&["check", "mine.toml"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(said.answer, "");
    said.errors
}

#[test]
fn the_good_file_is_right() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.toml", GOOD);
    let said = sandbox.isthmus(&["check", "mine.toml"]);
    assert_eq!((said.code, said.errors.as_str()), (0, ""));
    insta::assert_snapshot!(said.answer);
}

#[test]
fn unknown_method() {
    insta::assert_snapshot!(check("name = \"dan\"", "name = \"dan_n\""));
}

#[test]
fn field_of_another_name() {
    insta::assert_snapshot!(check("lr = 0.01", "learning_rate = 0.01"));
}

#[test]
fn value_out_of_range() {
    insta::assert_snapshot!(check("weight = 1.0", "weight = -1"));
}

#[test]
fn value_of_another_type() {
    insta::assert_snapshot!(check("iterations = 100", "iterations = \"many\""));
}

#[test]
fn number_that_is_none() {
    insta::assert_snapshot!(check("lr = 0.01", "lr = nan"));
}

#[test]
fn method_without_the_model_that_it_starts_from() {
    insta::assert_snapshot!(check("name = \"dan\"", "name = \"adabn\""));
}

/// Told before an hour of training, not after it.
#[test]
fn method_of_norm_layers_on_a_model_that_has_none() {
    let stages = "align = [{ name = \"dan\" }]";
    let adabn = "stages = [{ align = [{ name = \"source-only\" }] }, { align = [{ name = \
                 \"adabn\" }] }]";
    let tent = adabn.replace("adabn", "tent");
    insta::assert_snapshot!(of_text(
        &GOOD
            .replace("size = 256", "size = 256\nbatch_norm = false")
            .replace(stages, &format!("{adabn}\n\n[methods.tent]\n{tent}"))
    ));
}

#[test]
fn method_after_one_that_adapts_while_it_predicts() {
    insta::assert_snapshot!(check(
        "align = [{ name = \"dan\" }]",
        "stages = [\n    { align = [{ name = \"source-only\" }] },\n    \
         { align = [{ name = \"tent\" }] },\n    { align = [{ name = \"dan\" }] },\n]"
    ));
}

#[test]
fn method_after_one_that_predicts_by_what_it_has_fitted() {
    insta::assert_snapshot!(check(
        "align = [{ name = \"dan\" }]",
        "stages = [\n    { align = [{ name = \"tca\" }] },\n    { align = [{ name = \"dan\" }] },\n]"
    ));
}

#[test]
fn upper_bound_that_would_be_tested_on_its_training_samples() {
    insta::assert_snapshot!(check("name = \"dan\"", "name = \"target-only\""));
}

#[test]
fn method_that_does_not_add_up() {
    insta::assert_snapshot!(check(
        "{ name = \"dan\" }",
        "{ name = \"dan\" }, { name = \"source-only\" }"
    ));
}

#[test]
fn weight_of_a_method_that_drives_its_own_updates() {
    insta::assert_snapshot!(check(
        "{ name = \"dan\" }",
        "{ name = \"source-only\", weight = 0.5 }"
    ));
}

#[test]
fn nested_plugin_with_a_mistake() {
    insta::assert_snapshot!(check(
        "weight = 1.0",
        "discriminator = { name = \"mlp\", hiden = [64] }"
    ));
}

#[test]
fn fields_that_do_not_fit_each_other() {
    insta::assert_snapshot!(check("lr = 0.01", "momentum = 0.0"));
}

#[test]
fn no_methods() {
    insta::assert_snapshot!(of_text(GOOD.split("[methods").next().unwrap()));
}

#[test]
fn method_without_stages() {
    insta::assert_snapshot!(check("align = [{ name = \"dan\" }]\n", ""));
}

#[test]
fn label_that_is_there_twice() {
    insta::assert_snapshot!(check("[methods.dan]", "[methods.dann]"));
}

#[test]
fn seed_that_is_there_twice() {
    insta::assert_snapshot!(check("seeds = [1, 2]", "seeds = [1, 2, 1]"));
}

#[test]
fn unknown_data_set() {
    insta::assert_snapshot!(check("\"office31-features\"", "\"office31-feature\""));
}

#[test]
fn unknown_domain() {
    insta::assert_snapshot!(check("dslr + webcam", "dslr + web_cam"));
}

#[test]
fn source_that_is_the_target() {
    insta::assert_snapshot!(check("amazon -> webcam", "amazon -> amazon"));
}

#[test]
fn frozen_extractor_without_weights() {
    insta::assert_snapshot!(check("name = \"identity\"", "name = \"identity\"\nfrozen = true"));
}

#[test]
fn warning_of_a_frozen_random_extractor() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.toml", &GOOD.replace("\"identity\"", "\"mlp\"\nfrozen = true"));
    let said = sandbox.isthmus(&["check", "mine.toml"]);
    assert_eq!(said.code, 0);
    insta::assert_snapshot!(said.errors);
}

#[test]
fn text_that_is_not_toml() {
    insta::assert_snapshot!(check("iterations = 100", "iterations 100"));
}

#[test]
fn mistake_in_a_shared_table_is_told_once() {
    insta::assert_snapshot!(check("lr = 0.01", "lr = -0.01"));
}

#[test]
fn several_mistakes() {
    let text = GOOD
        .replace("seeds = ", "seed = ")
        .replace("iterations = 100", "iterations = 0")
        .replace("size = 256", "sise = 256")
        .replace("\"dan\"", "\"dannn\"");
    insta::assert_snapshot!(of_text(&text));
}

#[test]
fn value_that_was_set_on_the_command_line() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.toml", GOOD);
    let said = sandbox.isthmus(&["check", "mine.toml", "--set", "training.optimizer.lr=-1"]);
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.errors);
}

#[test]
fn data_set_of_ones_own_with_a_mistake() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.toml", &GOOD.replace("\"office31-features\"", "\"photos\""));
    sandbox.write("datasets/photos.toml", "name = \"photos\"\ndomans = []\n");
    let said = sandbox.isthmus(&["check", "mine.toml"]);
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.errors);
}

#[test]
fn sweep_with_a_value_out_of_range() {
    insta::assert_snapshot!(check(
        "[methods.dan]",
        "[sweep.values]\ntraining.optimizer.lr = [0.001, -0.01]\n\n[methods.dan]"
    ));
}

#[test]
fn sweep_over_a_key_that_is_not_there() {
    insta::assert_snapshot!(check(
        "[methods.dan]",
        "[sweep.values]\n\"training.optimiser.lr\" = [0.001, 0.01]\n\n[methods.dan]"
    ));
}

#[test]
fn sweep_over_a_method_that_is_not_there() {
    insta::assert_snapshot!(check(
        "[methods.dan]",
        "[sweep.values]\nmethods.dnan.align.0.weight = [0.1, 1.0]\n\n[methods.dan]"
    ));
}

#[test]
fn sweep_over_the_data() {
    insta::assert_snapshot!(check(
        "[methods.dan]",
        "[sweep.values]\ndata.protocol = [\"given\"]\n\n[methods.dan]"
    ));
}

#[test]
fn sweep_of_another_form() {
    insta::assert_snapshot!(check(
        "[methods.dan]",
        "[sweep.values]\ntraining.iterations = 5\n\n[methods.dan]"
    ));
}

#[test]
fn halving_by_a_metric_that_sees_target_labels() {
    insta::assert_snapshot!(check(
        "[methods.dan]",
        "[sweep]\nvalues.training.iterations = [5, 6]\nhalving.validator = \
         \"target_accuracy\"\n\n[methods.dan]"
    ));
}
