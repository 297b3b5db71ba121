//! Mistakes: the message, the place that it points at, the advice.

use super::{GOOD, bad, changed, good};
use crate::{Severity, span_of};

/// All findings as `message @ text at the place`.
fn found(text: &str) -> Vec<String> {
    bad(text)
        .iter()
        .map(|one| {
            assert_eq!(one.severity, Severity::Error);
            format!("{} @ {}", one.message, &text[one.span.clone()])
        })
        .collect()
}

fn only(text: &str) -> String {
    let mut all = found(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn help(text: &str) -> String {
    bad(text).iter().next().unwrap().help.clone().unwrap_or_default()
}

#[test]
fn unknown_names_are_told_with_what_was_meant() {
    let text = changed("{ name = \"dann\" }", "{ name = \"dan_n\" }");
    assert_eq!(only(&text), "unknown method `dan_n` @ \"dan_n\"");
    assert_eq!(help(&text), "did you mean `dann` or `dan`?");

    let text = changed("lr = 0.1", "learning_rate = 0.1");
    assert_eq!(
        only(&text),
        "`learning_rate` is not a field of `sgd` (it has `lr`, `momentum`, `nesterov`, \
         `weight_decay`) @ \
         learning_rate"
    );
    assert_eq!(help(&text), "did you mean `lr`?");

    let text = changed("iterations = 50", "iteration = 50");
    assert!(only(&text).starts_with("`iteration` is not a key of `training` (it has"));
    assert_eq!(help(&text), "did you mean `iterations`?");

    let text = changed("seeds = [1, 2]", "seed = [1, 2]");
    assert!(only(&text).starts_with("`seed` is not a key of an experiment file (it has"));

    let text = changed("\"office\"", "\"offic\"");
    assert_eq!(only(&text), "unknown data set `offic` @ \"offic\"");
    assert_eq!(help(&text), "did you mean `office`?");

    let text = changed("dslr + webcam", "dslr + web_cam");
    assert_eq!(only(&text), "`web_cam` is not a domain of `office` @ web_cam");
}

#[test]
fn ranges_and_types_are_told_with_the_value() {
    let text = changed("trade_off = 0.5", "trade_off = -1");
    assert_eq!(only(&text), "`trade_off = -1` must be >= 0 @ -1");
    let text = changed("iterations = 50", "iterations = 0");
    assert_eq!(only(&text), "`training.iterations = 0` must be >= 1 @ 0");
    let text = changed("iterations = 50", "iterations = 5.5");
    assert_eq!(only(&text), "`training.iterations = 5.5` must be a whole number @ 5.5");
    let text = changed("iterations = 50", "iterations = 50\naccumulate = 0");
    assert_eq!(only(&text), "`training.accumulate = 0` must be >= 1 @ 0");
    let text = changed("lr = 0.1", "lr = nan");
    assert_eq!(only(&text), "`lr = nan` must be a finite number @ nan");
    let text = changed("gradient_clipping = 10.0", "gradient_clipping = inf");
    assert_eq!(only(&text), "`training.gradient_clipping = inf` must be a finite number @ inf");
    let text = changed("lr = 0.1", "lr = 'fast'");
    assert_eq!(only(&text), "`lr = \"fast\"` must be a number @ 'fast'");
    let text = changed("seeds = [1, 2]", "seeds = [1, -2]");
    assert_eq!(only(&text), "`seeds[1] = -2` must be >= 0 @ -2");
    let text = changed("seeds = [1, 2]", "seeds = []");
    assert_eq!(only(&text), "`seeds` has 0 elements, must have >= 1 @ []");
    let text = changed("frozen = true", "frozen = 'yes'");
    assert_eq!(only(&text), "`frozen = \"yes\"` must be true or false @ 'yes'");
    let text = changed("{ name = \"dan\", weight = 2 }", "{ name = 'dan', estimator = 'linea' }");
    assert_eq!(only(&text), "`estimator = \"linea\"` must be `quadratic` or `linear` @ 'linea'");
    assert_eq!(help(&text), "did you mean `linear`?");
    let text = changed("{ name = \"dan\", weight = 2 }", "{ name = 'dan', weight = -2 }");
    assert_eq!(only(&text), "`weight = -2` must be >= 0 @ -2");
    let text = changed("dataset = \"office\"", "dataset = 'office'\nprotocol = { split = 1.5 }");
    assert_eq!(only(&text), "`data.protocol.split = 1.5` must be > 0 and < 1 @ 1.5");
    let text = changed("dataset = \"office\"", "dataset = 'office'\nprotocol = 'transductiv'");
    assert_eq!(
        only(&text),
        "`data.protocol = \"transductiv\"` must be `transductive` or `given` or \
         `{ split = ... }` @ 'transductiv'"
    );
    let text = changed("seeds = [1, 2]", "seeds = [1, 99999999999999999999]");
    assert!(only(&text).contains("too large"));
}

#[test]
fn nested_choices_are_checked() {
    let with = |table: &str| {
        changed("{ name = \"dann\" }", &format!("{{ name = 'dann', discriminator = {table} }}"))
    };
    assert_eq!(only(&with("{ name = 'mpl' }")), "unknown discriminator `mpl` @ 'mpl'");
    assert_eq!(
        only(&with("{ name = 'mlp', hiden = [3] }")),
        "`hiden` is not a field of `mlp` (it has `hidden`, `dropout`) @ hiden"
    );
    assert_eq!(
        only(&with("{ hidden = [3] }")),
        "this table must have a `name`: which discriminator is it? @ { hidden = [3] }"
    );
    assert_eq!(
        only(&with("'mlp'")),
        "`discriminator = \"mlp\"` must be a table that names a discriminator @ 'mlp'"
    );
}

#[test]
fn cross_field_checks_point_at_the_field() {
    let text = changed("lr = 0.1", "momentum = 0.0\nnesterov = true");
    assert_eq!(only(&text), "`nesterov` of `sgd`: needs momentum @ true");
    let text = changed("{ name = \"dan\", weight = 2 }", "{ name = 'dan', widths = [] }");
    assert_eq!(only(&text), "`widths` of `dan`: at least one is needed @ []");
}

#[test]
fn errors_of_merged_tables_point_where_they_were_written() {
    let text = GOOD.to_owned()
        + "[methods.x]\nalign = [{ name = 'dan' }]\ntraining = { optimizer = { lr = -3 } }\n";
    assert_eq!(only(&text), "`lr = -3` must be >= 0 @ -3");
    // A mistake of the shared table is told once, and there.
    let text = changed("lr = 0.1", "lr = -4");
    assert_eq!(only(&text), "`lr = -4` must be >= 0 @ -4");
    // Even where every method brings its own optimizer.
    let text = text.replace("align =", "training.optimizer.name = 'adam'\nalign =");
    assert_eq!(only(&text), "`lr = -4` must be >= 0 @ -4");
}

/// Two terms of one name would share the optimizer's state of their networks.
#[test]
fn two_of_a_kind_need_labels_in_a_stage() {
    let text = changed("[{ name = \"dann\" }]", "[{ name = \"dann\" }, { name = \"dann\" }]");
    assert!(only(&text).starts_with("`dann` is twice in one stage"), "{}", only(&text));
    assert!(help(&text).contains("label = \"second\""));
    let text = changed("[{ name = \"dann\" }]", "[{ name = \"dann\", label = \"a.b\" }]");
    assert_eq!(only(&text), "`label = \"a.b\"` must be letters, digits, `-` and `_` @ \"a.b\"");
}

#[test]
fn groups_of_parameters_are_checked() {
    let group = |text: &str| {
        changed("[methods.zeta]", &format!("[[training.groups]]\n{text}\n[methods.zeta]"))
    };
    let text = group("roles = [\"critic\"]");
    assert!(only(&text).contains("critic"), "{}", only(&text));
    let text = group("optimizer = { name = \"adam\" }\nweight_decay = 0.0");
    assert_eq!(only(&text), "`adam` has no `weight_decay` @ 0.0");
    let text = group("weight_decay = -1");
    assert!(only(&text).contains("must be >= 0"), "{}", only(&text));
}

#[test]
fn norm_layers_must_group_rows_as_a_method_needs_it() {
    let text = changed("{ name = \"dann\" }", "{ name = \"dial\" }");
    assert_eq!(
        only(&text),
        "`dial` needs `normalization = \"mixed\"`, and this stage has `\"shared\"` @ \"dial\""
    );
    assert!(help(&text).contains("training = { normalization = \"mixed\" }"));
    good(&changed(
        "align = [{ name = \"dann\" }]",
        "align = [{ name = \"dial\" }]\ntraining = { normalization = \"mixed\" }",
    ));
}

#[test]
fn methods_must_fit_their_stage() {
    let text = changed("{ name = \"dann\" }", "{ name = \"adabn\" }");
    assert!(only(&text).starts_with("`adabn` starts from a trained model, and no stage"));
    assert!(help(&text).contains("stages = [{ align = [{ name = \"source-only\" }] }"));

    let chain = "stages = [{ align = [{ name = \"fitted\" }] }, { align = [{ name = \"dann\" }] }]";
    let text = changed("align = [{ name = \"dann\" }]", chain);
    assert_eq!(
        only(&text),
        "`fitted` predicts by what it has fitted, not by the model: nothing can come after it @ \
         \"fitted\""
    );
    assert_eq!(help(&text), "make it the last stage");

    let text = changed("{ name = \"dann\" }", "{ name = \"target-only\" }");
    assert!(only(&text).starts_with("`target-only` trains on target labels, and no"));

    let text = changed("{ name = \"dann\" }", "{ name = \"dann\" }, { name = \"source-only\" }");
    assert_eq!(
        only(&text),
        "`source-only` drives its own updates and must be alone in its stage @ \"source-only\""
    );

    let text = changed("{ name = \"dann\" }", "{ name = \"source-only\", weight = 0.5 }");
    assert_eq!(only(&text), "`source-only` has no `weight`: it drives its own updates @ 0.5");

    let text = changed("{ name = \"dann\" }", "{ name = \"mcd\" }, { name = \"source-only\" }");
    assert_eq!(
        only(&text),
        "`source-only` drives its own updates and must be alone in its stage @ \"source-only\""
    );

    let text = changed("{ name = \"dann\" }", "{ name = \"mcd\" }, { name = \"self-training\" }");
    assert_eq!(
        only(&text),
        "`self-training` and `mcd` both drive the updates of one stage @ \"self-training\""
    );

    let text = changed("[{ name = \"dann\" }]", "[]");
    assert_eq!(only(&text), "`align` is empty @ []");

    let text = changed("align = [{ name = \"dann\" }]", "");
    assert_eq!(only(&text), "this method has neither `align` nor `stages` @ [methods.zeta]");

    let text = changed("[{ name = \"dann\" }]", "[{ name = \"dann\" }]\nstages = []");
    assert!(only(&text).starts_with("a method has `align`, for one stage, or `stages`"));

    let text = GOOD.split("[methods").next().unwrap().to_owned() + "[methods]\n";
    assert_eq!(only(&text), "there is no method to compare @ [methods]");
    let text = GOOD.split("[methods").next().unwrap();
    assert_eq!(only(text), "an experiment file needs `methods` @ ");
}

#[test]
fn tasks_must_fit_the_data_set() {
    let with = |task: &str| changed("amazon -> webcam", task);
    assert_eq!(
        only(&with("amazon -> amazon")),
        "`amazon` is source and target of the same task @ \"amazon -> amazon\""
    );
    assert_eq!(
        only(&with("dslr + dslr -> amazon")),
        "the source `dslr` is there twice @ \"dslr + dslr -> amazon\""
    );
    assert!(only(&with("amazon, webcam")).starts_with("the task `amazon, webcam` has no `->`"));
    assert!(only(&with("-> webcam")).starts_with("the task `-> webcam` lacks a domain"));
    assert!(
        only(&with("dslr + webcam -> amazon"))
            .starts_with("the task `dslr + webcam -> amazon` is there twice")
    );
    let tasks = "[\"amazon -> webcam\", \"dslr + webcam -> amazon\"]";
    let text = changed(tasks, "'all'").replace("\"office\"", "\"single\"");
    assert!(only(&text).starts_with("`single` has the domains `only`: no pair"));
    let text = changed("\"office\"", "\"broken\"");
    assert_eq!(only(&text), "the data set `broken` cannot be used @ \"broken\"");
    assert_eq!(help(&text), "its file has a mistake");
}

#[test]
fn an_upper_bound_needs_target_samples_that_it_was_not_trained_on() {
    let with = |protocol: &str, tasks: &str| {
        changed("{ name = \"dann\" }", "{ name = \"target-only\" }")
            .replace("dataset =", &format!("protocol = {protocol}\ndataset ="))
            .replace("[\"amazon -> webcam\", \"dslr + webcam -> amazon\"]", tasks)
    };
    let message = "`target-only` trains on target labels, and no target samples are held out";
    assert!(only(&with("'transductive'", "'all'")).starts_with(message));
    good(&with("{ split = 0.5 }", "'all'"));
    good(&with("'given'", "'amazon -> dslr'"));
    let mixed = bad(&with("'given'", "['amazon -> dslr', 'dslr -> amazon']"));
    let all: Vec<_> = mixed.iter().collect();
    assert_eq!((all[0].severity, all[1].severity), (Severity::Warning, Severity::Error));
    assert!(all[0].message.starts_with("`amazon` has no test set of its own"));
    assert!(all[1].message.starts_with(message));
}

#[test]
fn other_mistakes_of_the_top_level() {
    let text = changed("seeds = [1, 2]", "seeds = [1, 2, 1]");
    assert_eq!(only(&text), "the seed 1 is there twice @ 1");
    let text = changed("seeds", "device = 'cuda'\nseeds");
    assert!(only(&text).starts_with("`device = \"cuda\"` must be `cpu`, `gpu` or `gpu:N`"));
    let text = changed("name = \"test\"", "name = \"a/b\"");
    assert!(only(&text).contains("it names a folder"));
    let text = changed("name = \"test\"\n", "");
    assert_eq!(only(&text), "an experiment file needs `name` @ ");
    let text = changed("dataset = \"office\"\n", "");
    assert_eq!(only(&text), "`data` needs `dataset` @ [data]");
    let text = changed("name = \"small-net\"\nweights = \"here\"", "name = \"identity\"");
    assert!(only(&text).starts_with("`identity` has no weights to freeze"));
    let text = changed("[bottleneck]", "[data]");
    assert_eq!(only(&text), "this is not TOML: duplicate key @ data");
    let text = changed("tasks =", "transform = { resize = 10, crop = 20, std = [0] }\ntasks =");
    assert_eq!(
        found(&text),
        [
            "`crop = 20` must be <= `resize`, which is 10 @ 20",
            "`std` divides: each value must be > 0 @ [0]"
        ]
    );
}

#[test]
fn all_mistakes_of_a_file_are_told_in_order() {
    let text = GOOD
        .replace("seeds = [1, 2]", "seeds = [1, 1]")
        .replace("amazon -> webcam", "amazon -> web")
        .replace("frozen = true", "froze = true")
        .replace("iterations = 50", "iterations = -5")
        .replace("\"dann\" }", "\"dannn\" }")
        .replace("trade_off = 0.5", "trade = 0.5");
    let all = found(&text);
    let places: Vec<&str> = all.iter().map(|one| one.split(" @ ").nth(1).unwrap()).collect();
    assert_eq!(places, ["1", "web", "froze", "-5", "\"dannn\"", "trade"], "{all:#?}");
}

#[test]
fn places_of_keys_can_be_asked_for_later() {
    assert_eq!(&GOOD[span_of(GOOD, "data.tasks.1")], "\"dslr + webcam -> amazon\"");
}
