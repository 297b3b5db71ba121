use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::spec::{LAST, LabelledDomain, PluginSpec, Task, WeightsFrom};
use isthmus_results::RecordWriter;
use isthmus_results::record::{Environment, FrozenInfo, TaskInfo};
use serde_json::json;

use super::taken::{check_same, shapes_of};
use super::*;
use crate::jobs::{PlannedJob, all_jobs};
use crate::prepared::VERSION;
use crate::testing::quickstart;

const SHAPE: isthmus_core::input::InputShape =
    isthmus_core::input::InputShape::Features { size: 64 };

/// A run of the quickstart, whose extractor is a perceptron.
fn planned(place: usize) -> PlannedJob {
    quickstart("").remove(place)
}

/// The tensors of its extractor, all of one value, with those of a classifier.
fn tensors(value: f32) -> Vec<NamedTensor> {
    let shapes = shapes_of(&planned(0).job.extractor.plugin, SHAPE, 1).unwrap();
    let tensor = |path: String, shape: Vec<usize>| {
        let values = vec![value; shape.iter().product()];
        NamedTensor { path, data: TensorData::new(values, shape) }
    };
    let own = shapes.into_iter().map(|(path, shape)| tensor(format!("extractor.{path}"), shape));
    own.chain([tensor("classifier.bias".to_owned(), vec![10])]).collect()
}

/// Writes the record of a run with these tensors below a folder.
fn record(results: &Path, planned: &PlannedJob, tensors: &[NamedTensor]) -> PathBuf {
    recorded(results, planned, tensors, None, &[])
}

/// As [`record`], with what is left out, and a model that the validator `v` chose.
fn recorded(
    results: &Path,
    planned: &PlannedJob,
    tensors: &[NamedTensor],
    frozen: Option<FrozenInfo>,
    chosen: &[NamedTensor],
) -> PathBuf {
    let header = planned.header("data", VERSION);
    let mut writer = RecordWriter::create(results, &header, Environment::detect("cpu", 1)).unwrap();
    writer.model(tensors).unwrap();
    if !chosen.is_empty() {
        writer.choose(0, 5, &[("validator/v", 1.0)], &mut || chosen.to_vec()).unwrap();
    }
    let classes = (0..10).map(|class| class.to_string()).collect();
    writer.task(&TaskInfo { classes, shape: SHAPE, frozen, weights_from: None }).unwrap();
    writer.finish().unwrap()
}

fn read(folder: &Path) -> Result<TakenWeights, WeightsFromError> {
    read_choice(folder, LAST)
}

fn read_choice(folder: &Path, choice: &str) -> Result<TakenWeights, WeightsFromError> {
    let from = WeightsFrom::new(folder.to_str().unwrap(), choice);
    TakenWeights::read(&planned(0).job.extractor.plugin, &from)
}

/// What is said of weights that cannot be taken, with the folder written as FOLDER.
fn refused(folder: &Path, result: Result<TakenWeights, WeightsFromError>) -> (String, String) {
    let error = result.unwrap_err();
    let text = |text: String| text.replace(folder.to_str().unwrap(), "FOLDER");
    (text(error.to_string()), text(error.help().unwrap_or_default()))
}

#[test]
fn the_extractor_of_a_record_is_identified_by_its_tensors_alone() {
    let folder = tempfile::tempdir().unwrap();
    let one = record(&folder.path().join("a"), &planned(0), &tensors(0.5));
    let taken = read(&one).unwrap();
    assert!(taken.tensors.keys().all(|path| path.starts_with("layers.")), "{taken:?}");
    assert_eq!((taken.sources, taken.shape), (1, SHAPE));
    // The folder above holds one record.
    assert_eq!(read(&folder.path().join("a")).unwrap().info, taken.info);
    let moved = record(&folder.path().join("b"), &planned(1), &tensors(0.5));
    assert_eq!(read(&moved).unwrap().info.sha256, taken.info.sha256);
    let other = record(&folder.path().join("c"), &planned(0), &tensors(0.25));
    assert_ne!(read(&other).unwrap().info.sha256, taken.info.sha256);
}

#[test]
fn a_folder_without_one_finished_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (said, help) = refused(path, read(&path.join("none")));
    assert_eq!(said, "there is no folder FOLDER/none");
    assert!(help.contains("relative to the current folder"), "{help}");
    let (said, _) = refused(path, read(path));
    assert_eq!(said, "FOLDER holds no finished record");

    let header = planned(0).header("data", VERSION);
    let writer = RecordWriter::create(path, &header, Environment::detect("cpu", 1)).unwrap();
    writer.fail("no power").unwrap();
    let error = read(path).unwrap_err();
    assert!(error.is_absence());
    assert!(error.to_string().contains("no power"), "{error}");

    record(path, &planned(0), &tensors(0.5));
    record(path, &planned(1), &tensors(0.5));
    let (said, help) = refused(path, read(path));
    assert!(
        said.starts_with("FOLDER holds 2 finished records, expected one:\n  FOLDER/"),
        "{said}"
    );
    assert!(said.contains(": source-only, fonts -> uci, seed 2"), "{said}");
    assert_eq!(help, "name one of them");
}

#[test]
fn another_extractor_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut planned = planned(0);
    planned.job.extractor.plugin.config["hidden"] = json!([8]);
    let (said, help) = refused(path, read(&record(&path.join("a"), &planned, &tensors(0.5))));
    let end = " had an extractor with `hidden = [8]`, this one has `hidden = [256,128]`";
    assert!(said.ends_with(end), "{said}");
    assert!(help.contains("`weights` alone may differ"), "{help}");
    planned.job.extractor.plugin.name = "lenet".to_owned();
    let (said, _) = refused(path, read(&record(&path.join("b"), &planned, &tensors(0.5))));
    assert!(said.ends_with(" had the extractor `lenet`, this one is `mlp`"), "{said}");
}

#[test]
fn the_weights_that_a_network_began_with_may_differ() {
    let resnet = |weights: &str| PluginSpec {
        name: "resnet18".to_owned(),
        config: json!({ "weights": weights }),
    };
    check_same(Path::new("record"), &resnet("imagenet"), &resnet("random")).unwrap();
}

#[test]
fn a_frozen_extractor_is_not_in_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut planned = planned(0);
    planned.job.extractor.frozen = true;
    let (said, help) = refused(path, read(&record(&path.join("a"), &planned, &tensors(0.5))));
    assert!(said.contains("was frozen, so that its record has none of its tensors"), "{said}");
    assert!(help.contains("`frozen = false`"), "{help}");
    planned.job.extractor.weights_from = Some(WeightsFrom::new("results/first", LAST));
    let (_, help) = refused(path, read(&record(&path.join("b"), &planned, &tensors(0.5))));
    assert_eq!(help, "name the record that it took its weights from, `results/first`");
}

#[test]
fn a_tensor_of_another_shape_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut wrong = tensors(0.5);
    let place = wrong.iter().position(|it| it.path == "extractor.layers.0.linear.bias").unwrap();
    let lacking = wrong.remove(place);
    let (said, help) = refused(path, read(&record(&path.join("a"), &planned(0), &wrong)));
    assert!(said.starts_with("tensor `layers.0.linear.bias` is not in FOLDER/a/"), "{said}");
    assert!(said.ends_with(", the extractor needs [256]"), "{said}");
    assert!(help.contains("as many sources"), "{help}");
    wrong.push(NamedTensor { data: TensorData::new(vec![0.0_f32; 3], [3]), ..lacking });
    let (said, _) = refused(path, read(&record(&path.join("b"), &planned(0), &wrong)));
    assert!(said.starts_with("tensor `layers.0.linear.bias` has shape [3] in"), "{said}");
    let taken = read(&record(&path.join("c"), &planned(0), &tensors(0.5))).unwrap();
    let smaller = isthmus_core::input::InputShape::Features { size: 5 };
    let plugin = planned(0).job.extractor.plugin;
    let (said, _) = refused(path, taken.check(&plugin, smaller, 1).map(|()| taken));
    assert!(said.contains("has shape [64, 256] in FOLDER/c/"), "{said}");
    assert!(said.ends_with(", the extractor needs [5, 256]"), "{said}");
}

#[test]
fn a_model_that_a_validator_chose_is_taken_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = recorded(folder.path(), &planned(0), &tensors(0.5), None, &tensors(0.25));
    let chosen = read_choice(&path, "v").unwrap();
    assert_eq!(chosen.info.choice, "v");
    assert_ne!(chosen.info.sha256, read(&path).unwrap().info.sha256);
    let error = read_choice(&path, "snd").unwrap_err();
    assert!(error.to_string().ends_with("no model that `snd` chose; it holds `last`, `v`"));
    assert_eq!(error.key(), "extractor.weights_choice");
}

#[test]
fn what_a_record_leaves_out_is_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let frozen = FrozenInfo {
        weights: "ab12".to_owned(),
        tensors: vec!["extractor.layers.0.linear.bias".to_owned()],
    };
    let record = recorded(path, &planned(0), &tensors(0.5)[1..], Some(frozen), &[]);
    let (said, help) = refused(path, read(&record));
    assert!(said.ends_with("with the checksum ab12; found is no file"), "{said}");
    assert!(help.contains("`isthmus weights`"), "{help}");
}

#[test]
fn a_model_from_before_the_last_may_leave_out_more() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = FrozenInfo { weights: "ab12".to_owned(), tensors: Vec::new() };
    let all = tensors(0.5);
    let record = recorded(folder.path(), &planned(0), &all, Some(frozen), &all[1..]);
    read(&record).unwrap();
    let (said, _) = refused(folder.path(), read_choice(&record, "v"));
    assert!(said.ends_with("with the checksum ab12; found is no file"), "{said}");
}

#[test]
fn a_record_without_a_task_is_of_an_earlier_version() {
    let folder = tempfile::tempdir().unwrap();
    let header = planned(0).header("data", VERSION);
    let environment = Environment::detect("cpu", 1);
    let mut writer = RecordWriter::create(folder.path(), &header, environment).unwrap();
    writer.model(&tensors(0.5)).unwrap();
    let record = writer.finish().unwrap();
    let (said, help) = refused(folder.path(), read(&record));
    assert!(said.contains("does not say what its model takes"), "{said}");
    assert_eq!(help, "run that experiment again");
}

#[test]
fn a_finished_run_finds_its_weights_beside_it_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let place = record(&results, &planned(0), &tensors(0.5));
    let info = read(&place).unwrap().info;
    let mut extractor = planned(0).job.extractor;
    extractor.weights_from = Some(WeightsFrom::new("nowhere", LAST));
    let own = results.join("other").join("0123456789abcdef");
    assert_eq!(find_again(&extractor, &info, &own).unwrap().folder, place);

    let elsewhere = folder.path().join("a/b/c");
    let (said, help) = refused(folder.path(), find_again(&extractor, &info, &elsewhere));
    let start = format!("the run began with the extractor of run {} of `quickstart`", info.run);
    assert!(said.starts_with(&start), "{said}");
    assert!(said.contains("\n  nowhere\n  FOLDER/a/quickstart/"), "{said}");
    assert!(help.contains("put the record of that run back"), "{help}");

    std::fs::remove_dir_all(&place).unwrap();
    record(&results, &planned(0), &tensors(0.25));
    let (said, _) = refused(folder.path(), find_again(&extractor, &info, &own));
    assert!(said.contains(&format!("hash {}; those in", info.sha256)), "{said}");
}

#[test]
fn runs_are_told_apart_by_the_weights_and_not_by_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let places = [("a", 0.5), ("b", 0.5), ("c", 0.25)]
        .map(|(name, value)| record(&folder.path().join(name), &planned(0), &tensors(value)));
    let ids = places.each_ref().map(|place| {
        let PlannedJob { experiment, .. } = planned(0);
        let mut experiment = (*experiment).clone();
        experiment.extractor.weights_from = Some(WeightsFrom::new(place.to_str().unwrap(), LAST));
        let settled = settle(experiment, None).unwrap();
        let job = settled.experiment.jobs().remove(0);
        assert!(settled.taken.of(&job.extractor).is_some());
        (job.id("data", VERSION), job.stages_id(1, "data", VERSION))
    });
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0].0, ids[2].0);
    assert_ne!(ids[0].1, ids[2].1);
    // A run that takes nothing has the id that it always had.
    let text = serde_json::to_string(&planned(0).job).unwrap();
    assert!(!text.contains("weights_from"), "{text}");
}

#[test]
fn weights_that_know_the_targets_labels_make_an_upper_bound() {
    let folder = tempfile::tempdir().unwrap();
    let bound_of = |record: &Path| {
        let mut experiment = (*planned(0).experiment).clone();
        experiment.extractor.weights_from = Some(WeightsFrom::new(record.to_str().unwrap(), LAST));
        let settled = settle(experiment, None).unwrap();
        let jobs = all_jobs(None, &settled.experiment);
        let bound = jobs[0].header("data", VERSION).run.target_labels_used;
        assert_eq!(settled.warnings.iter().any(|it| it.contains("upper bounds")), bound);
        bound
    };
    let of = |name: &str, planned: &PlannedJob| {
        record(&folder.path().join(name), planned, &tensors(0.5))
    };
    assert!(!bound_of(&of("same", &planned(0))));
    let mut reversed = planned(0);
    reversed.job.data.tasks = vec![Task::new(["uci"], "fonts")];
    assert!(bound_of(&of("reversed", &reversed)));
    let known = LabelledDomain { dataset: "quickstart".to_owned(), domain: "uci".to_owned() };
    let mut through = planned(0);
    through.job.extractor.weights_from =
        Some(WeightsFrom { labelled: vec![known], ..WeightsFrom::new("reversed", LAST) });
    assert!(bound_of(&of("through", &through)));
    let bound = quickstart("").into_iter().find(|it| it.job.method.label == "target-only").unwrap();
    assert!(bound_of(&of("bound", &bound)));
    let mut other = reversed;
    other.job.data.dataset = "other".to_owned();
    assert!(!bound_of(&of("other", &other)));
}

#[test]
fn a_damaged_record_and_an_extractor_that_cannot_be_built_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let place = record(folder.path(), &planned(0), &tensors(0.5));
    let taken = read(&place).unwrap();
    std::fs::write(place.join("model.safetensors"), "half").unwrap();
    let (said, _) = refused(folder.path(), read(&place));
    assert!(said.ends_with("is damaged: it changed after the run was finished"), "{said}");
    let plugin = PluginSpec { name: "nowhere".to_owned(), config: json!({}) };
    let (said, _) = refused(folder.path(), taken.check(&plugin, SHAPE, 1).map(|()| taken));
    assert!(said.contains("extractor `nowhere`"), "{said}");
}
