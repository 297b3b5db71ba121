//! Records: written, read back, damaged, interrupted, refused.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use burn::tensor::TensorData;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::PredictionColumn;
use isthmus_results::record::{MetricRow, first_difference, is_finished};
use isthmus_results::{Event, Prediction, Record, RecordError, RecordWriter, read_records};
use support::{environment, experiment, header, write_run};

fn tensors() -> Vec<NamedTensor> {
    let tensor = |path: &str, data: TensorData| NamedTensor { path: path.to_owned(), data };
    vec![
        tensor("classifier.weight", TensorData::new(vec![1.0_f32, -2.0, 0.5, 3.0], [2, 2])),
        tensor("bottleneck.bias", TensorData::new(vec![f32::MIN_POSITIVE], [1])),
    ]
}

fn write_predictions(writer: &mut RecordWriter) {
    let rows = predictions();
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    let columns = [
        PredictionColumn::classes("label", rows.iter().map(|row| row.label).collect()),
        PredictionColumn::classes(
            "predicted",
            rows.iter().map(|row| Some(row.predicted)).collect(),
        ),
        PredictionColumn::numbers(
            "confidence",
            rows.iter().map(|row| Some(row.confidence)).collect(),
        ),
    ];
    writer.predictions(&names, &columns).unwrap();
}

fn predictions() -> Vec<Prediction> {
    vec![
        Prediction {
            row: 0,
            name: "a, \"b\"\n/é.png".to_owned(),
            label: Some(3),
            predicted: 3,
            confidence: 0.9,
        },
        Prediction {
            row: 1,
            name: "1".to_owned(),
            label: None,
            predicted: 2,
            confidence: 1.0 / 3.0,
        },
    ]
}

/// Writes a complete record with every kind of file.
fn write_complete(results: &Path) -> Record {
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let mut writer = RecordWriter::create(results, &header, environment()).unwrap();
    writer
        .event(&Event::StageStarted { stage: 0, methods: vec!["dann".into()], steps: 10 })
        .unwrap();
    writer.evaluation(0, 10, &[("target_accuracy", 0.1 + 0.2)]).unwrap();
    writer.event(&Event::StageFinished { stage: 0, steps: 10, seconds: 0.5 }).unwrap();
    writer.model(&tensors()).unwrap();
    write_predictions(&mut writer);
    Record::open(&writer.finish().unwrap()).unwrap()
}

fn only_warning(results: &Path) -> String {
    let set = read_records(&[results.to_owned()]).unwrap();
    assert_eq!((set.records.len(), set.warnings.len()), (0, 1), "{:?}", set.warnings);
    set.warnings[0].reason.clone()
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    let results = tempfile::tempdir().unwrap();
    let record = write_complete(results.path());
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let job = &experiment.jobs()[0];
    assert_eq!(record.run, header(&experiment, job).run);
    assert_eq!(record.directory, results.path().join("office").join(&record.run.id));
    assert_eq!(record.job().unwrap(), *job);
    let row = MetricRow { stage: 0, step: 10, metric: "target_accuracy".into(), value: 0.1 + 0.2 };
    assert_eq!(record.metrics, [row]);
    assert_eq!(record.predictions().unwrap().unwrap(), predictions());
    let model = record.model().unwrap().unwrap();
    assert_eq!(model.len(), 2);
    for NamedTensor { path, data } in tensors() {
        assert_eq!(model[&path], data, "{path}");
    }
    let events = record.events().unwrap();
    assert_eq!(events.len(), 3);
    assert!(matches!(&events[1].event, Event::Evaluation { step: 10, .. }));
    let file = record.environment().unwrap();
    assert!(file.finished.unwrap() >= file.started);
    assert_eq!(file.environment, environment());
    assert_eq!(file.environment.burn, "0.22.1");
    record.verify().unwrap();
    assert!(is_finished(results.path(), "office", &record.run.id).unwrap());
}

#[test]
fn the_same_run_writes_the_same_bytes_apart_from_times() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = write_complete(first.path());
    std::thread::sleep(Duration::from_millis(5));
    let second_record = write_complete(second.path());
    let mut names: Vec<_> = fs::read_dir(&first.directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "done",
            "environment.json",
            "events.jsonl",
            "job.json",
            "metrics.csv",
            "model.safetensors",
            "predictions.csv"
        ]
    );
    for name in names {
        let read = |record: &Record| fs::read(record.directory.join(&name)).unwrap();
        let holds_times = ["environment.json", "events.jsonl"].contains(&name.as_str());
        assert_eq!(read(&first) != read(&second_record), holds_times, "{name}");
    }
    assert_eq!(first.digests(), second_record.digests());
}

#[test]
fn the_order_of_tensors_does_not_change_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1, 2]);
    let digest = |job: usize, tensors: &[NamedTensor]| {
        let header = header(&experiment, &experiment.jobs()[job]);
        let mut writer = RecordWriter::create(folder.path(), &header, environment()).unwrap();
        writer.model(tensors).unwrap();
        let record = Record::open(&writer.finish().unwrap()).unwrap();
        record.digests()["model.safetensors"].clone()
    };
    let mut reversed = tensors();
    reversed.reverse();
    assert_eq!(digest(0, &tensors()), digest(1, &reversed));
}

#[test]
fn tensors_that_a_checkpoint_cannot_hold_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let mut writer = RecordWriter::create(folder.path(), &header, environment()).unwrap();
    let mut doubled = tensors();
    doubled.push(doubled[0].clone());
    let error = writer.model(&doubled).unwrap_err().to_string();
    assert!(error.ends_with("two tensors are named `classifier.weight`"), "{error}");
    let double = TensorData::new(vec![1.0_f64], [1]);
    let tensor = NamedTensor { path: "w".into(), data: double };
    let error = writer.model(&[tensor]).unwrap_err().to_string();
    assert!(error.ends_with("tensor `w` is F64, records hold F32"), "{error}");
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.ends_with("is unfinished: model.safetensors could not be written"), "{error}");
    assert!(!is_finished(folder.path(), "office", &header.run.id).unwrap());
}

#[test]
fn an_unfinished_record_is_reported_with_the_cause_of_its_end() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let begin = || RecordWriter::create(results.path(), &header, environment()).unwrap();

    drop(begin());
    let warning = only_warning(results.path());
    assert!(warning.ends_with("is unfinished: it has no `done` file"), "{warning}");

    begin().fail("source_loss is NaN").unwrap();
    let warning = only_warning(results.path());
    assert!(warning.ends_with("is unfinished: the run failed: source_loss is NaN"), "{warning}");
    assert!(!is_finished(results.path(), "office", &header.run.id).unwrap());
}

#[test]
fn damaged_records_are_reported_by_file() {
    let damage = |file: &str, change: &dyn Fn(&Path)| {
        let results = tempfile::tempdir().unwrap();
        let record = write_complete(results.path());
        change(&record.directory.join(file));
        only_warning(results.path())
    };
    let append = |path: &Path| {
        let mut text = fs::read_to_string(path).unwrap();
        text.push_str("0,11,target_accuracy,1.0\n");
        fs::write(path, text).unwrap();
    };
    let warning = damage("metrics.csv", &append);
    assert!(
        warning.ends_with("metrics.csv is damaged: it changed after the run was finished"),
        "{warning}"
    );
    let warning = damage("metrics.csv", &|path| fs::remove_file(path).unwrap());
    assert!(warning.starts_with("cannot read ") && warning.contains("metrics.csv"), "{warning}");
    let warning = damage("job.json", &|path| fs::write(path, "{\"format\":1,").unwrap());
    assert!(warning.contains("job.json is damaged: EOF while parsing"), "{warning}");
    let warning = damage("job.json", &|path| fs::write(path, "{\"format\":99}").unwrap());
    assert!(
        warning.ends_with("job.json has format 99; this isthmus reads formats up to 1"),
        "{warning}"
    );
    let warning = damage("done", &|path| fs::write(path, "0123").unwrap());
    assert!(warning.contains("done is damaged: line 1 is `0123`"), "{warning}");
    let warning = damage("done", &|path| fs::write(path, "").unwrap());
    assert!(warning.ends_with("done is damaged: it does not name job.json"), "{warning}");
}

#[test]
fn a_changed_checkpoint_is_found_when_it_is_read() {
    let results = tempfile::tempdir().unwrap();
    let record = write_complete(results.path());
    let path = record.directory.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(record.model(), Err(RecordError::Damaged { .. })));
    assert!(matches!(record.verify(), Err(RecordError::Damaged { .. })));
}

#[test]
fn a_new_run_takes_the_place_of_the_earlier_one_only_when_it_is_complete() {
    let results = tempfile::tempdir().unwrap();
    let earlier = write_complete(results.path());
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let job = &experiment.jobs()[0];

    let writer =
        RecordWriter::create(results.path(), &header(&experiment, job), environment()).unwrap();
    writer.fail("no space").unwrap();
    let kept = Record::open(&earlier.directory).unwrap();
    kept.verify().unwrap();
    assert_eq!(kept.digests(), earlier.digests());

    let directory = write_run(results.path(), &experiment, job, 0.25);
    assert_eq!(directory, earlier.directory);
    let record = Record::open(&directory).unwrap();
    assert_eq!(record.metrics.last().unwrap().value, 0.75);
    assert!(record.model().unwrap().is_none(), "nothing of the earlier record is left");
    let folders = fs::read_dir(results.path().join("office")).unwrap().count();
    assert_eq!(folders, 1);
}

#[test]
fn an_interrupted_replacement_is_taken_back() {
    let results = tempfile::tempdir().unwrap();
    let record = write_complete(results.path());
    let replaced = record.directory.with_extension("replaced");
    fs::rename(&record.directory, &replaced).unwrap();
    let set = read_records(&[results.path().to_owned()]).unwrap();
    assert_eq!(set.records.len(), 1, "the earlier record is still read: {:?}", set.warnings);

    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let writer = RecordWriter::create(results.path(), &header, environment()).unwrap();
    assert_eq!(Record::open(&record.directory).unwrap().digests(), record.digests());
    drop(writer);
    assert!(!replaced.exists());
}

#[test]
fn two_writers_of_one_record_do_not_meet() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let first = RecordWriter::create(results.path(), &header, environment()).unwrap();
    let error = RecordWriter::create(results.path(), &header, environment()).unwrap_err();
    assert!(matches!(error, RecordError::InUse(_)), "{error}");
    first.finish().unwrap();
    RecordWriter::create(results.path(), &header, environment()).unwrap().finish().unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results");
    fs::write(&file, "not a folder").unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let error = RecordWriter::create(&file, &header, environment()).unwrap_err().to_string();
    let place = file.join("office");
    assert!(error.starts_with(&format!("cannot create {}: ", place.display())), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

#[test]
fn an_experiment_name_stays_below_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let long = "n".repeat(201);
    for name in ["", ".", "..", "a/b", "/a", "../a", &long] {
        let mut experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
        experiment.name = name.to_owned();
        let header = header(&experiment, &experiment.jobs()[0]);
        let error = RecordWriter::create(folder.path(), &header, environment()).unwrap_err();
        assert!(matches!(error, RecordError::ExperimentName(_)), "{name}: {error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn records_are_found_from_any_path_and_once() {
    let results = tempfile::tempdir().unwrap();
    let root = results.path();
    let record = write_complete(root);
    let file = record.directory.join("metrics.csv");
    let paths = [root.to_owned(), root.join("office"), record.directory.clone(), file];
    for path in &paths {
        let set = read_records(std::slice::from_ref(path)).unwrap();
        assert_eq!((set.records.len(), set.warnings.len()), (1, 0), "{}", path.display());
    }
    assert_eq!(read_records(&paths).unwrap().records.len(), 1);

    let error = read_records(&[root.join("missing")]).unwrap_err();
    assert!(matches!(error, RecordError::Io { .. }), "{error}");
    let other = root.join("notes.txt");
    fs::write(&other, "").unwrap();
    let error = read_records(&[other]).unwrap_err();
    assert!(matches!(error, RecordError::NotARecord(_)), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_reported_instead_of_followed() {
    let results = tempfile::tempdir().unwrap();
    write_complete(results.path());
    std::os::unix::fs::symlink(results.path(), results.path().join("office/again")).unwrap();
    let set = read_records(&[results.path().to_owned()]).unwrap();
    assert_eq!(set.records.len(), 1);
    assert_eq!(set.warnings.len(), 1);
    assert!(set.warnings[0].to_string().contains("a symbolic link, not followed"));
}

#[test]
fn a_stale_partial_record_is_replaced_as_a_whole() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let job = &experiment.jobs()[0];
    let header = header(&experiment, job);
    let mut writer = RecordWriter::create(results.path(), &header, environment()).unwrap();
    writer.model(&tensors()).unwrap();
    drop(writer);
    let record = Record::open(&write_run(results.path(), &experiment, job, 0.5)).unwrap();
    assert!(record.model().unwrap().is_none());
    let set = read_records(&[results.path().to_owned()]).unwrap();
    assert_eq!((set.records.len(), set.warnings.len()), (1, 0), "{:?}", set.warnings);
}

#[test]
fn the_first_difference_of_two_records_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let original = write_complete(&folder.path().join("a"));
    let same = write_complete(&folder.path().join("b"));
    assert_eq!(first_difference(&original, &same).unwrap(), None);

    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let results = folder.path().join("c");
    let mut writer = RecordWriter::create(&results, &header, environment()).unwrap();
    writer.evaluation(0, 10, &[("target_accuracy", 0.25)]).unwrap();
    write_predictions(&mut writer);
    let other = Record::open(&writer.finish().unwrap()).unwrap();
    let difference = first_difference(&original, &other).unwrap().unwrap();
    assert_eq!(difference.file, "metrics.csv");
    assert!(difference.place.starts_with("line 2: "), "{}", difference.place);
}
