//! Features from before adaptation: what they are, and that nothing else depends on them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use isthmus_results::read_records;
use support::Sandbox;

/// A bottleneck of another size than the extractor's output, and domains normalised apart.
const EXPERIMENT: &str = r#"
name = "before"
seeds = [1]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [32]
dropout = 0.1

[bottleneck]
name = "linear"
size = 8

[classifier]
name = "linear"

[training]
iterations = 6
batch_size = 16
evaluate_every = 3
normalization = "per-domain"

[training.optimizer]
name = "sgd"

[methods.source-only]
align = [{ name = "source-only" }]

[methods.mcc]
align = [{ name = "mcc" }]

[methods.pseudo-label]
stages = [
    { align = [{ name = "source-only" }] },
    { align = [{ name = "pseudo-label", rounds = 2, threshold = 0.1 }] },
]
"#;

/// Shape and bytes of kept tensors by name.
type Kept = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// What records keep of samples before and after adaptation, and their metrics, by method.
fn kept(results: &Path) -> BTreeMap<String, (Option<Kept>, Option<Kept>, String)> {
    let set = read_records(&[results.to_owned()]).unwrap();
    let records = set.records.iter().map(|record| {
        let (before, after) = (record.outputs_before().unwrap(), record.outputs().unwrap());
        let plain = |tensors: BTreeMap<_, burn::tensor::TensorData>| -> Kept {
            let tensors = tensors.into_iter();
            tensors
                .map(|(name, data)| (name, (data.shape().to_vec(), data.as_bytes().to_vec())))
                .collect()
        };
        let metrics = fs::read_to_string(record.directory.join("metrics.csv")).unwrap();
        (record.run.method.clone(), (before.map(plain), after.map(plain), metrics))
    });
    records.collect()
}

#[test]
fn features_before_are_those_that_the_last_stage_finds_and_change_no_metric() {
    let sandbox = Sandbox::new();
    sandbox.write("before.toml", EXPERIMENT);
    sandbox.write("with.toml", &format!("{EXPERIMENT}\n[record]\noutputs = 20\n"));
    for (file, results) in [("before.toml", "without"), ("with.toml", "with")] {
        let said = sandbox.isthmus(&["run", file, "--results", results]);
        assert_eq!(said.code, 0, "{}", said.errors);
    }
    let without = kept(&sandbox.path().join("without"));
    let with = kept(&sandbox.path().join("with"));
    for (method, (before, after, metrics)) in &without {
        assert!(before.is_none() && after.is_none());
        assert_eq!(*metrics, with[method].2, "{method}");
    }
    let before = |method: &str| with[method].0.clone().unwrap();
    let after = |method: &str| with[method].1.clone().unwrap();

    // The last stage of the chain finds the model that the run of its first stage leaves.
    let found = before("pseudo-label");
    assert_eq!(found.len(), 4);
    for (name, tensor) in &found {
        assert!(*tensor == after("source-only")[name], "{name}");
    }
    assert_eq!(found["target_features"].0, [20, 8]);
    assert!(found["target_features"] != after("pseudo-label")["target_features"]);
    // A single stage finds a new network, the same for both: the extractor's output is kept, not
    // the bottleneck's.
    assert_eq!(before("mcc")["source_features"].0, [20, 32]);
    assert!(before("mcc") == before("source-only"));
    assert!(before("mcc")["source_labels"] == after("mcc")["source_labels"]);
}
