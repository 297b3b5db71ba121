//! Sweeps: what they expand to, and their mistakes.

use serde_json::{Value, json};

use super::{GOOD, bad, good};
use crate::{Severity, Sweep};
use isthmus_core::spec::Experiment;

/// The good file with a `[sweep]` table.
fn with(sweep: &str) -> String {
    format!("{GOOD}\n[sweep]\n{sweep}")
}

fn sweep(text: &str) -> Sweep {
    good(&with(text)).sweep.unwrap()
}

/// The settings of the variants that run a method.
fn settings(sweep: &Sweep, label: &str) -> Vec<Value> {
    sweep
        .variants
        .iter()
        .filter(|variant| variant.methods.iter().any(|method| method == label))
        .map(|variant| Value::Object(variant.settings.clone()))
        .collect()
}

fn only(text: &str) -> (String, String) {
    let text = with(text);
    let found = bad(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    let one = found.iter().next().unwrap();
    assert_eq!(one.severity, Severity::Error);
    let help = one.help.clone().unwrap_or_default();
    (format!("{} @ {}", one.message, &text[one.span.clone()]), help)
}

fn lr(experiment: &Experiment) -> f64 {
    experiment.methods[0].stages[0].training.optimizer.config["lr"].as_f64().unwrap()
}

#[test]
fn a_file_without_a_sweep_has_none() {
    assert!(good(GOOD).sweep.is_none());
}

#[test]
fn lists_are_a_grid() {
    let found = sweep(
        "values.training.optimizer.lr = [0.1, 0.2]\nvalues.\"training.iterations\" = [5, 6, 7]\n",
    );
    let all = settings(&found, "zeta");
    assert_eq!(all.len(), 6);
    assert_eq!(all[0], json!({ "training.iterations": 5, "training.optimizer.lr": 0.1 }));
    assert_eq!(all[5], json!({ "training.iterations": 7, "training.optimizer.lr": 0.2 }));
    assert_eq!(all, settings(&found, "dann+dan"));
    let last = &found.variants[5].experiment;
    assert_eq!(lr(last), 0.2);
    assert_eq!(last.methods[1].stages[0].training.iterations, 7);
    assert_eq!(last.seeds, [1, 2]);
    assert_eq!(found.halving, None);
}

#[test]
fn a_setting_below_a_label_concerns_that_method_alone() {
    let found = sweep(
        "values.'methods.zeta.align.0.trade_off' = [0.1, 1, 10]\nvalues.'training.batch_size' = \
         [16, 32]\nvalues.'methods.\"dann+dan\".align.1.weight' = [1, 2]\n",
    );
    assert_eq!(settings(&found, "zeta").len(), 6);
    assert_eq!(settings(&found, "dann+dan").len(), 4);
    for variant in &found.variants {
        let zeta = &variant.experiment.methods[0].stages[0].align[0].plugin.config["trade_off"];
        let own = variant.settings.get("methods.zeta.align.0.trade_off");
        assert_eq!(zeta.as_f64(), own.map_or(Some(1.0), Value::as_f64), "{:?}", variant.settings);
    }
    let alone = sweep("values.methods.zeta.align.0.trade_off = [0.1, 1]\n");
    assert_eq!(settings(&alone, "dann+dan"), [json!({})]);
    assert_eq!(settings(&alone, "zeta").len(), 2);
}

#[test]
fn values_are_drawn_from_every_form_within_its_range() {
    let found = sweep(
        "count = 200\nvalues.training.optimizer.lr = { log_uniform = [0.001, 0.1] }\n\
         values.training.optimizer.momentum = { uniform = [0.5, 0.9] }\n\
         values.training.iterations = { integer = [3, 5] }\n\
         values.training.schedule.name = { choice = ['constant', 'inverse-decay'] }\n",
    );
    let all = settings(&found, "zeta");
    assert_eq!(all.len(), 200);
    let column = |key: &str| -> Vec<Value> { all.iter().map(|one| one[key].clone()).collect() };
    let numbers = |key: &str| -> Vec<f64> {
        column(key).iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let rates = numbers("training.optimizer.lr");
    assert!(rates.iter().all(|rate| (0.001..=0.1).contains(rate)));
    let low = rates.iter().filter(|rate| **rate < 0.01).count();
    assert!((70..=130).contains(&low), "half of a log-uniform draw lies below the middle: {low}");
    assert!(rates.iter().all(|rate| format!("{rate:e}").split('e').next().unwrap().len() <= 5));
    assert!(numbers("training.optimizer.momentum").iter().all(|one| (0.5..=0.9).contains(one)));
    let iterations = column("training.iterations");
    assert!([3, 4, 5].iter().all(|one| iterations.contains(&json!(one))));
    assert!(iterations.iter().all(|one| (3..=5).contains(&one.as_u64().unwrap())));
    let schedules = column("training.schedule.name");
    assert!(schedules.contains(&json!("constant")) && schedules.contains(&json!("inverse-decay")));
}

#[test]
fn draws_depend_on_the_seed_and_the_key_alone() {
    const RATE: &str = "values.training.optimizer.lr = { log_uniform = [0.001, 0.1] }\n";
    const STEPS: &str = "values.training.iterations = { integer = [1, 1000] }\n";
    let one = sweep(&format!("count = 4\nseed = 3\n{RATE}{STEPS}"));
    let other = sweep(&format!("count = 4\nseed = 3\n{STEPS}{RATE}"));
    assert_eq!(settings(&one, "zeta"), settings(&other, "zeta"));
    let text = |sweep: &Sweep| serde_json::to_string(&settings(sweep, "zeta")).unwrap();
    assert_eq!(text(&one), text(&other), "records hold the settings in one order");
    let alone = sweep(&format!("count = 5\nseed = 3\n{RATE}"));
    let rates = |sweep: &Sweep| -> Vec<Value> {
        settings(sweep, "zeta").iter().map(|one| one["training.optimizer.lr"].clone()).collect()
    };
    assert_eq!(rates(&one), rates(&alone)[..4]);
    let again = sweep(&format!("count = 4\nseed = 4\n{RATE}{STEPS}"));
    assert_ne!(rates(&one), rates(&again));
}

#[test]
fn draws_are_multiplied_with_the_grid_and_are_the_same_in_it() {
    let found = sweep(
        "count = 3\nvalues.training.optimizer.lr = { uniform = [0.1, 0.2] }\n\
         values.training.iterations = [5, 6]\n",
    );
    let all = settings(&found, "zeta");
    assert_eq!(all.len(), 6);
    for place in 0..3 {
        assert_eq!(all[place]["training.optimizer.lr"], all[place + 3]["training.optimizer.lr"]);
    }
}

#[test]
fn halving_is_read_with_its_defaults() {
    let text = format!(
        "{GOOD}[selection]\nvalidators = [{{ name = 'certainty' }}]\n[sweep]\n\
         values.training.optimizer.lr = [0.1, 0.2]\n[sweep.halving]\nvalidator = 'certainty'\n"
    );
    let halving = good(&text).sweep.unwrap().halving.unwrap();
    assert_eq!((halving.validator.as_str(), halving.keep), ("certainty", 0.5));
    assert_eq!(halving.rounds, [0.25, 0.5, 1.0]);

    let place = |from: &str, to: &str| {
        let text = text.replace(from, to);
        let found = bad(&text);
        let one = found.iter().next().unwrap();
        let help = one.help.clone().unwrap_or_default();
        (format!("{} @ {}", one.message, &text[one.span.clone()]), help)
    };
    let (message, help) = place("validator = 'certainty'", "validator = 'certanty'");
    assert_eq!(message, "`certanty` is not one of the validators in `[selection]` @ 'certanty'");
    assert_eq!(help, "did you mean `certainty`?");
    let (message, help) = place("validator = 'certainty'", "validator = 'target_accuracy'");
    assert!(message.starts_with("`target_accuracy` is not one of the validators"), "{message}");
    assert!(help.contains("which see no target labels"), "{help}");
    for rounds in ["[0.5, 0.25, 1.0]", "[0.25, 0.5]", "[0.0, 1.0]", "[0.5, 0.5, 1]"] {
        let with = format!("validator = 'certainty'\nrounds = {rounds}");
        let (message, _) = place("validator = 'certainty'", &with);
        assert!(message.ends_with(&format!("that grow up to 1 @ {rounds}")), "{message}");
    }
    let (message, _) = place("validator = 'certainty'", "validator = 'certainty'\nkeep = 1");
    assert_eq!(message, "`sweep.halving.keep = 1` must be > 0 and < 1 @ 1");
}

#[test]
fn a_wrong_value_is_told_where_it_was_written() {
    let (message, _) = only("values.training.optimizer.lr = [0.1, -0.2]\n");
    assert_eq!(message, "with `training.optimizer.lr = -0.2`: `lr = -0.2` must be >= 0 @ -0.2");
    let (message, _) = only("count = 9\nvalues.training.iterations = { uniform = [1, 9] }\n");
    assert!(message.contains("must be a whole number @ { uniform = [1, 9] }"), "{message}");
}

#[test]
fn values_that_do_not_fit_the_rest_of_the_file_are_told_at_the_sweep() {
    let (message, _) = only(
        "values.training.optimizer.nesterov = [true]\nvalues.training.optimizer.momentum = [0.9, \
         0]\n",
    );
    assert!(message.starts_with("with `training.optimizer."), "{message}");
    assert!(message.contains("`nesterov` of `sgd`: needs momentum"), "{message}");
}

#[test]
fn keys_that_are_not_there_are_told_with_what_was_meant() {
    let (message, help) = only("values.training.optimiser.lr = [0.1, 0.2]\n");
    assert!(message.contains("`optimiser` is not a key of `training` (it has"), "{message}");
    assert!(message.ends_with("@ lr") || message.ends_with("@ optimiser"), "{message}");
    assert_eq!(help, "did you mean `optimizer`?");
    let (message, help) = only("values.'methods.zta.align.0.trade_off' = [0.1]\n");
    assert!(message.starts_with("`methods.zta.align.0.trade_off`: there is no method `zta` @ "));
    assert_eq!(help, "did you mean `zeta`?");
    let (message, _) = only("values.'methods.zeta.align.3.trade_off' = [0.1]\n");
    assert!(message.contains("`3` is not a position of a list of 1"), "{message}");
    let (message, _) = only("values.'training.iterations.x' = [1, 2]\n");
    assert!(message.contains("there is nothing below `training.iterations`"), "{message}");
    let (message, _) = only("values.'a b' = [1]\n");
    assert_eq!(message, "`a b` is not a dotted key @ 'a b'");
    let (message, _) = only("values.'x.y' = [1]\n");
    assert!(message.contains("`x` is not a key of an experiment file"), "{message}");
}

#[test]
fn what_all_runs_share_cannot_be_swept() {
    for key in ["data.dataset", "data.protocol", "selection.validation_share", "seeds", "device"] {
        let (message, help) = only(&format!("values.'{key}' = ['a']\n"));
        assert!(message.starts_with(&format!("`{key}` cannot be swept @ ")), "{message}");
        assert!(!help.is_empty());
    }
    let (message, _) = only("values.extractor.width = [4, 16]\n");
    assert_eq!(
        message,
        "`extractor.width` cannot be swept: it changes what is read from files @ width"
    );
}

#[test]
fn mistakes_of_the_table_itself() {
    let (message, _) = only("values = {}\n");
    assert!(message.starts_with("there is nothing to sweep"), "{message}");
    let (message, _) = only("values.training.iterations = [5, 6, 5]\n");
    assert_eq!(message, "the value 5 of `training.iterations` is there twice @ 5");
    let (message, _) = only("values.training.iterations = []\n");
    assert!(message.contains("has 0 elements, must have >= 1 @ []"), "{message}");
    let (message, _) =
        only("values.'training.iterations' = [5]\nvalues.training.iterations = [6]\n");
    assert!(message.starts_with("`training.iterations` is swept twice"), "{message}");
    let (message, _) = only(
        "values.'training.optimizer' = [{ name = 'adam' }]\nvalues.'training.optimizer.lr' = [1]\n",
    );
    assert!(message.contains("are swept, and one holds the other"), "{message}");
    let (message, help) = only("values.training.iterations = { integer = [1, 5] }\n");
    assert!(message.contains("`sweep.count` does not say how many"), "{message}");
    assert!(help.contains("count = 8"));
    let (message, _) = only("count = 2\nvalues.training.iterations = { integer = [5, 1] }\n");
    assert!(message.contains("must name its least value first @ [5, 1]"), "{message}");
    let (message, _) = only("count = 2\nvalues.training.optimizer.lr = { log_uniform = [0, 1] }\n");
    assert!(message.contains("must be of numbers > 0 @ [0, 1]"), "{message}");
    let (message, _) = only("values.training.iterations = 5\n");
    assert!(message.contains("`sweep.values.training.iterations = 5` must be a list"), "{message}");
    let (message, help) = only("cuont = 2\nvalues.training.iterations = [5]\n");
    assert!(message.starts_with("`cuont` is not a key of `sweep`"), "{message}");
    assert_eq!(help, "did you mean `count`?");
    let many: Vec<String> = (1..200).map(|one| one.to_string()).collect();
    let many = many.join(", ");
    let (message, _) = only(&format!(
        "values.training.iterations = [{many}]\nvalues.training.batch_size = [{many}]\n"
    ));
    assert!(message.contains("the sweep has 39601 combinations, more than 20000"), "{message}");
}

#[test]
fn a_count_without_draws_is_a_warning() {
    let checked = good(&with("count = 3\nvalues.training.iterations = [5, 6]\n"));
    let found = checked.warnings.iter().find(|one| one.message.contains("nothing is drawn"));
    assert_eq!(found.unwrap().severity, Severity::Warning);
    assert_eq!(checked.sweep.unwrap().variants.len(), 2);
}
