//! `data.feature_transforms` through the real command.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use isthmus_results::{Record, read_records};
use support::Sandbox;
use support::npz::{Array, write_npz};

const ROWS: usize = 40;

/// Features `mean + deviation * (row's place in its class)`, so that what is fitted is known.
fn write_features(sandbox: &Sandbox, name: &str, scale: f32, shift: f32) {
    let values: Vec<f32> = (0..ROWS)
        .flat_map(|row| {
            let class = (row % 2) as f32;
            let place = (row / 2) as f32 / 20.0;
            [shift + scale * (class + 0.2 * place), 7.0, shift - scale * place]
        })
        .collect();
    let labels: Vec<i64> = (0..ROWS).map(|row| (row % 2) as i64).collect();
    let arrays =
        [("x", &[ROWS, 3][..], Array::Floats(&values)), ("y", &[ROWS], Array::Integers(&labels))];
    write_npz(&sandbox.path().join(format!("datasets/mine/{name}.npz")), &arrays);
}

fn sandbox(extractor: &str, transforms: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "datasets/mine.toml",
        "name = 'mine'\ndomains = [\n\
         { name = 'a', reader = { name = 'features', file = 'a.npz', features = 'x', labels = 'y' } },\n\
         { name = 'b', reader = { name = 'features', file = 'b.npz', features = 'x', labels = 'y' } },\n]\n",
    );
    write_features(&sandbox, "a", 1.0, 0.0);
    write_features(&sandbox, "b", 50.0, 1000.0);
    sandbox.write(
        "e.toml",
        &format!(
            "name = 'scaled'\nseeds = [1]\n[data]\ndataset = 'mine'\ntasks = ['a -> b']\n\
             protocol = 'transductive'\nfeature_transforms = [{transforms}]\n\
             views.weak = [{{ name = 'gaussian-noise', deviation = 0.1 }}]\n{extractor}\n\
             [classifier]\nname = 'linear'\n[training]\niterations = 100\nbatch_size = 16\n\
             [training.optimizer]\nname = 'adam'\nlr = 0.05\n\
             [methods.source-only]\nalign = [{{ name = 'source-only' }}]\n"
        ),
    );
    sandbox
}

const IDENTITY: &str = "[extractor]\nname = 'identity'\n";

fn record(sandbox: &Sandbox) -> (PathBuf, Record) {
    let record = read_records(&[sandbox.path().join("results")]).unwrap().records.remove(0);
    (record.directory.clone(), record)
}

fn run(sandbox: &Sandbox) -> (PathBuf, Record) {
    let said = sandbox.isthmus(&["run", "e.toml"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    record(sandbox)
}

fn accuracy(record: &Record) -> f64 {
    let rows = record.metrics.iter().filter(|row| row.metric == "target_accuracy");
    rows.max_by_key(|row| row.step).unwrap().value
}

/// The classes of `predictions.csv` of a record, and those that `predict` gives for the target.
fn classes(sandbox: &Sandbox, directory: &Path) -> [Vec<String>; 2] {
    let column = |text: &str, name: &str| -> Vec<String> {
        let mut lines = text.lines();
        let at = lines.next().unwrap().split(',').position(|it| it == name).unwrap();
        lines.map(|line| line.split(',').nth(at).unwrap().to_owned()).collect()
    };
    let recorded = fs::read_to_string(directory.join("predictions.csv")).unwrap();
    let said = sandbox.isthmus(&["predict", directory.to_str().unwrap(), "mine"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    [column(&recorded, "predicted"), column(&said.answer, "class")]
}

#[test]
fn each_domain_is_scaled_by_its_own_training_samples_and_predict_does_the_same() {
    let plain = sandbox(IDENTITY, "");
    let (_, unscaled) = run(&plain);
    assert!(accuracy(&unscaled) < 0.6, "the shift of scale does no harm: {}", accuracy(&unscaled));
    assert!(unscaled.feature_transforms().unwrap().is_empty());

    let sandbox = sandbox(IDENTITY, "{ name = 'z-score' }, { name = 'pca', size = 2 }");
    let (directory, record) = run(&sandbox);
    assert!(accuracy(&record) > 0.95, "{}", accuracy(&record));
    let fitted = record.feature_transforms().unwrap();
    let values = |name: &str| fitted[name].try_to_vec::<f32>().unwrap();
    let names: Vec<&str> = fitted.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    let near = |found: f32, wanted: f32| assert!((found / wanted - 1.0).abs() < 1e-4, "{found}");
    // The mean of the classes is 0.5, of the places 0.475.
    near(values("0.z-score.source-0.mean")[0], 0.5 + 0.2 * 0.475);
    near(values("0.z-score.target.mean")[0], 1000.0 + 50.0 * (0.5 + 0.2 * 0.475));
    near(values("0.z-score.target.mean")[2], 1000.0 - 50.0 * 0.475);
    // What does not vary is divided by 1.
    assert_eq!(values("0.z-score.target.deviation")[1], 1.0);
    assert_eq!(values("1.pca.target.components"), values("1.pca.source-0.components"));

    let [recorded, predicted] = classes(&sandbox, &directory);
    assert_eq!(recorded, predicted);
    let source = ["predict", directory.to_str().unwrap(), "mine", "--domain", "a"];
    let said = sandbox.isthmus(&source);
    let right = said.answer.lines().skip(1).enumerate();
    let right = right.filter(|(row, line)| line.split(',').nth(1) == Some(&*(row % 2).to_string()));
    assert!(right.count() >= 38, "a source goes through what was fitted to it: {}", said.answer);
    let said = sandbox.isthmus(&["reproduce", directory.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}{}", said.answer, said.errors);
    // A record without the file is damaged, not used as if nothing had been fitted.
    fs::remove_file(directory.join("feature-transforms.safetensors")).unwrap();
    let said = sandbox.isthmus(&["predict", directory.to_str().unwrap(), "mine"]);
    assert_eq!(said.code, 2, "{}", said.errors);
    assert!(said.errors.contains("feature-transforms.safetensors"), "{}", said.errors);
}

#[test]
fn features_of_a_frozen_extractor_are_changed_after_they_are_extracted() {
    let frozen = "[extractor]\nname = 'mlp'\nfrozen = true\nhidden = [8]\n";
    let sandbox = sandbox(frozen, "{ name = 'unit-length' }, { name = 'min-max' }");
    let (directory, record) = run(&sandbox);
    let fitted = record.feature_transforms().unwrap();
    assert_eq!(fitted["1.min-max.target.range"].shape().to_vec(), [8]);
    // Vectors of length 1 have no value beyond it.
    let smallest = fitted["1.min-max.target.smallest"].try_to_vec::<f32>().unwrap();
    assert!(smallest.iter().all(|value| value.abs() <= 1.0), "{smallest:?}");
    let [recorded, predicted] = classes(&sandbox, &directory);
    assert_eq!(recorded, predicted);

    let out = sandbox.path().join("out");
    let frozen_weights = ["export", directory.to_str().unwrap(), "--output", out.to_str().unwrap()];
    let said = sandbox.isthmus(&frozen_weights);
    assert!(said.errors.contains("frozen with random weights"), "{}", said.errors);
}

#[test]
fn an_export_has_what_was_fitted_to_the_target() {
    let sandbox = sandbox(IDENTITY, "{ name = 'z-score' }");
    let (directory, _) = run(&sandbox);
    let said = sandbox.isthmus(&["export", directory.to_str().unwrap(), "--output", "out"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(sandbox.read("out/README.md").contains("Features go through `z-score` before"));
    assert!(sandbox.read("out/model.json").contains("\"fitted_on\": \"each-domain\""));
    let bytes = fs::read(sandbox.path().join("out/feature-transforms.safetensors")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("0.z-score.mean") && !text.contains("source"), "{text}");
}

#[test]
fn transforms_are_swept_and_those_that_do_not_fit_are_told() {
    let sandbox = sandbox(IDENTITY, "");
    let text = sandbox.read("e.toml").replace("feature_transforms = []\n", "");
    let sweep = "[sweep.values]\ndata.feature_transforms = [[{ name = 'z-score' }], \
                 [{ name = 'z-score', fitted_on = 'sources' }]]\n";
    sandbox.write("e.toml", &format!("{text}{sweep}"));
    let said = sandbox.isthmus(&["run", "e.toml"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    let by_choice: BTreeMap<String, f64> = records
        .iter()
        .map(|record| {
            let job = record.job().unwrap();
            (job.data.feature_transforms[0].config["fitted_on"].to_string(), accuracy(record))
        })
        .collect();
    assert!(by_choice["\"each-domain\""] > 0.95, "{by_choice:?}");
    assert!(by_choice["\"sources\""] < 0.6, "{by_choice:?}");

    let refused = |transforms: &str| {
        sandbox.write("e.toml", &text.replace("protocol", &format!("{transforms}\nprotocol")));
        let said = sandbox.isthmus(&["run", "e.toml"]);
        assert_ne!(said.code, 0, "{}", said.answer);
        said.errors
    };
    write_features(&sandbox, "a", 2.0, 0.0);
    let error = refused("feature_transforms = [{ name = 'log-one-plus' }]");
    assert!(error.contains("`log-one-plus`") && error.contains("greater than -1"), "{error}");
    let error = refused("feature_transforms = [{ name = 'pca', size = 3 }]");
    assert!(error.contains("vary in 2 directions"), "{error}");
    let error = refused("feature_transforms = [{ name = 'zscore' }]");
    assert!(error.contains("did you mean `z-score`"), "{error}");
    sandbox.write(
        "e.toml",
        &text
            .replace("'mine'", "'quickstart-images'")
            .replace("a -> b", "fonts -> uci")
            .replace("protocol", "feature_transforms = [{ name = 'z-score' }]\nprotocol"),
    );
    let said = sandbox.isthmus(&["check", "e.toml"]);
    assert_eq!(said.code, 2, "{}", said.answer);
    assert!(said.errors.contains("`z-score` changes features and series"), "{}", said.errors);
}
