//! Weights from another run's record, as far as the file alone tells.

use super::{bad, changed, good};
use isthmus_core::spec::{LAST, WeightsFrom};

fn with(lines: &str) -> String {
    changed("weights = \"here\"\nfrozen = true", lines)
}

/// Message and place of the only problem.
fn only(text: &str) -> (String, String) {
    let found = bad(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    let one = found.iter().next().unwrap();
    (one.message.clone(), text[one.span.clone()].to_owned())
}

#[test]
fn a_record_is_named_with_one_of_its_models() {
    let extractor = |lines: &str| good(&with(lines)).experiment.extractor;
    assert_eq!(extractor("frozen = false").weights_from, None);
    let found = extractor("weights_from = 'results/a'");
    assert_eq!(found.weights_from, Some(WeightsFrom::new("results/a", LAST)));
    assert!(found.plugin.config.get("weights_from").is_none());
    let found = extractor("weights_from = 'results/a'\nweights_choice = 'snd'");
    assert_eq!(found.weights_from, Some(WeightsFrom::new("results/a", "snd")));
    // Frozen, it does not have random weights.
    assert!(good(&with("frozen = true\nweights_from = 'results/a'")).warnings.is_empty());
}

#[test]
fn what_names_no_record_is_refused_at_its_place() {
    let (message, place) = only(&with("weights_choice = 'snd'"));
    assert!(message.contains("no record is named"), "{message}");
    assert_eq!(place, "'snd'");
    let (message, place) = only(&with("weights_from = ' '"));
    assert_eq!((message.as_str(), place.as_str()), ("`weights_from` names no folder", "' '"));
    let (message, place) = only(&with("weights_from = 3"));
    assert_eq!((message.as_str(), place.as_str()), ("`weights_from = 3` must be text", "3"));
    let text = with("weights_from = 'results/a'").replace("\"small-net\"", "\"identity\"");
    let (message, _) = only(&text);
    assert!(message.starts_with("`identity` has no weights to take"), "{message}");
}

#[test]
fn a_frozen_extractor_takes_one_record_in_a_sweep() {
    let sweep = "\n[sweep.values]\nextractor.weights_from = ['a', 'b']\n";
    let found = good(&(with("weights_from = 'a'") + sweep)).sweep.unwrap();
    let records = found.variants.iter().map(|it| it.experiment.extractor.weights_from.clone());
    let expected = ["a", "b"].map(|record| Some(WeightsFrom::new(record, LAST)));
    assert_eq!(records.collect::<Vec<_>>(), expected);
    let found = bad(&(with("weights_from = 'a'\nfrozen = true") + sweep));
    let message = &found.iter().next().unwrap().message;
    assert!(message.contains("it changes what is read from files"), "{message}");
}
