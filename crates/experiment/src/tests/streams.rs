//! `[data.streams]`: targets that are several domains in an order.

use super::{GOOD, bad, changed, good};
use crate::Severity;
use isthmus_core::spec::{StreamOrder, Task};

/// The good file with streams, a task on one of them, and the protocol `given`.
fn streaming(streams: &str, task: &str) -> String {
    changed(
        "tasks = [\"amazon -> webcam\", \"dslr + webcam -> amazon\"]",
        &format!("protocol = \"given\"\ntasks = [\"{task}\"]\n{streams}"),
    )
}

const STORM: &str = "streams.storm = [{ domain = 'amazon', corruption = { name = 'rain' }, \
                     severities = [2, 5] }, { domain = 'webcam' }]";

fn task(text: &str) -> Task {
    good(text).experiment.data.tasks.remove(0)
}

fn message(text: &str) -> String {
    let found = bad(text);
    let all: Vec<_> = found.iter().filter(|one| one.severity == Severity::Error).collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    format!("{} @ {}", all[0].message, &text[all[0].span.clone()])
}

#[test]
fn a_stream_is_a_target_of_several_domains() {
    let task = task(&streaming(STORM, "dslr -> storm"));
    assert_eq!(task.to_string(), "dslr -> storm");
    assert_eq!(task.targets(), ["amazon/rain-2", "amazon/rain-5", "webcam"]);
    let all = "streams.storm = [{ domain = 'amazon', corruption = { name = 'rain' } }]";
    assert_eq!(self::task(&streaming(all, "dslr -> storm")).shifts.len(), 5);
}

#[test]
fn a_job_without_streams_is_written_as_before() {
    let data = serde_json::to_value(&good(GOOD).experiment.jobs()[0].data).unwrap();
    assert!(data.get("stream_order").is_none() && data["tasks"][0].get("shifts").is_none());
    let natural = changed("[extractor]", "[data]\n[extractor]")
        .replace("dataset = \"office\"", "dataset = \"office\"\nstream_order = \"natural\"");
    let natural = natural.replacen("[data]\n[extractor]", "[extractor]", 1);
    assert_eq!(good(&natural).experiment.data.stream_order, StreamOrder::Natural);
}

#[test]
fn a_source_is_in_a_stream_only_where_it_has_a_test_set() {
    let own = "streams.storm = [{ domain = 'dslr', corruption = { name = 'rain' } }]";
    assert_eq!(task(&streaming(own, "dslr -> storm")).shifts.len(), 5);
    let shared = "the source `amazon` and the stream `storm` share samples @ \"amazon -> storm\"";
    assert_eq!(message(&streaming(STORM, "amazon -> storm")), shared);
    let transductive = streaming(own, "dslr -> storm")
        .replace("protocol = \"given\"", "protocol = \"transductive\"");
    assert!(message(&transductive).starts_with("the source `dslr` and the stream `storm` share"));
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let one = |entry: &str| message(&streaming(&format!("streams.x = [{entry}]"), "dslr -> x"));
    assert_eq!(one("{ domain = 'moon' }"), "`moon` is not a domain of the data set @ 'moon'");
    assert_eq!(
        one("{ domain = 'amazon', corruption = { name = 'rein' } }"),
        "unknown corruption `rein` @ 'rein'"
    );
    assert_eq!(
        one("{ domain = 'amazon', corruption = { name = 'drift' } }"),
        "`drift` changes series; the data set has images @ 'drift'"
    );
    assert!(one("{ domain = 'amazon', severities = [1] }").contains("how strong a corruption is"));
    let nine = one("{ domain = 'amazon', corruption = { name = 'rain' }, severities = [9] }");
    assert!(nine.ends_with("@ 9"), "{nine}");
    assert_eq!(
        one("{ domain = 'amazon' }, { domain = 'amazon' }"),
        "the shift `amazon` is there twice @ { domain = 'amazon' }"
    );
    assert_eq!(one(""), "the stream `x` has no domain @ []");
    assert_eq!(
        message(&streaming("streams.webcam = [{ domain = 'dslr' }]", "dslr -> webcam")),
        "the stream `webcam` has the name of a domain @ webcam"
    );
    assert_eq!(message(&streaming(STORM, "storm -> dslr")), "`storm` is a stream @ storm");
    let blind = STORM.to_owned() + "\nstream_order = \"by-label\"\ntarget_labels = false";
    assert!(message(&streaming(&blind, "dslr -> storm")).contains("takes target labels"));
}
