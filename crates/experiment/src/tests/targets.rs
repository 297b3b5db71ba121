//! What a data set's targets ask of the rest of the file.

use super::{bad, changed, good};

/// The good file on a data set of numbers, with an objective.
fn prices(objective: &str) -> String {
    let text = changed("dataset = \"office\"", "dataset = \"prices\"");
    format!("{text}\n{objective}")
}

fn message(text: &str) -> String {
    let all = bad(text);
    let texts = all
        .iter()
        .map(|one| format!("{} | {}", one.message, one.help.as_deref().unwrap_or_default()));
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_objective_takes_the_targets_of_the_data_set() {
    let found = message(&prices(""));
    assert!(
        found.contains("`prices` has numbers as targets, the objective `classes` takes classes"),
        "{found}"
    );
    assert!(found.contains("objectives for numbers: `numbers`"), "{found}");
    good(&prices("[objective]\nname = \"numbers\"\n"));
}

#[test]
fn methods_and_validators_of_classes_are_refused_where_there_are_none() {
    let numbers = "[objective]\nname = \"numbers\"\n";
    let mcd = format!("{numbers}[methods.mcd]\nalign = [{{ name = \"mcd\" }}]\n");
    let found = message(&prices(&mcd));
    assert!(found.contains("`mcd` needs scores of classes, and the objective has none"), "{found}");
    let validators = "[selection]\nvalidators = [{ name = \"certainty\" }]\n";
    let found = message(&prices(&format!("{numbers}{validators}")));
    assert!(found.contains("validators score classes, and `numbers` predicts none"), "{found}");
    let found = message(&prices(&format!("{numbers}[record]\ntheory = true\n")));
    assert!(found.contains("errors of classes, and `numbers` predicts none"), "{found}");
}

#[test]
fn a_method_for_open_sets_needs_its_objective() {
    let method = "[methods.open]\nalign = [{ name = \"opens\" }]\n";
    let found = message(&format!("{}\n{method}", super::GOOD));
    assert!(found.contains("`opens` needs an output for samples of unknown classes"), "{found}");
}

#[test]
fn class_sets_are_of_classes_each_once() {
    let with = |sets: &str| changed("[extractor]", &format!("[data.classes]\n{sets}\n[extractor]"));
    let checked = good(&with("source = [\"a\", \"b\"]\ntarget = [\"b\"]"));
    let classes = checked.experiment.data.classes.unwrap();
    assert_eq!(classes.target, Some(vec!["b".to_owned()]));
    let found = message(&with("target = [\"b\", \"b\"]"));
    assert!(found.contains("the class `b` is there twice"), "{found}");
    let found = message(&with("source = [\"b\"]"));
    assert!(found.contains("a source of one class teaches nothing"), "{found}");
    let text = with("source = [\"a\", \"b\"]").replace("\"office\"", "\"prices\"");
    let found = message(&format!("{text}\n[objective]\nname = \"numbers\"\n"));
    assert!(
        found.contains("needs one class for each sample, this data set has numbers"),
        "{found}"
    );
}
