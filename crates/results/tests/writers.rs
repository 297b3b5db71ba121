//! What writers leave of chosen models, and several of them at once.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use burn::tensor::TensorData;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_results::{Record, RecordError, RecordWriter, read_records};
use support::{environment, experiment, header};

#[test]
fn equal_models_are_stored_once() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["adabn"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let mut writer = RecordWriter::create(results.path(), &header, environment()).unwrap();
    let of = |value: f32| {
        let data = TensorData::new(vec![value], [1]);
        vec![NamedTensor { path: "classifier.bias".to_owned(), data }]
    };
    // `a` chooses step 5, `b` step 10 with an equal model, `c` the last one's.
    for (step, value, scores) in
        [(5, 1.0, [2.0, 0.0, 0.0]), (10, 1.0, [1.0, 3.0, 0.0]), (15, 2.0, [1.0, 1.0, 4.0])]
    {
        let [a, b, c] = scores;
        let values = [("validator/a", a), ("validator/b", b), ("validator/c", c)];
        writer.evaluation(0, step, &values).unwrap();
        writer.choose(0, step, &values, &mut || of(value)).unwrap();
    }
    writer.model(&of(2.0)).unwrap();
    let record = Record::open(&writer.finish().unwrap()).unwrap();
    record.verify().unwrap();
    let mut files: Vec<String> = fs::read_dir(&record.directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("model"))
        .collect();
    files.sort();
    assert_eq!(files, ["model-5.safetensors", "model.safetensors"]);
    let chosen = record.chosen().unwrap().unwrap();
    let model = |validator: &str| chosen.by_validator()[validator].model();
    assert_eq!(model("a"), "model-5.safetensors");
    assert_eq!(model("b"), "model-5.safetensors");
    assert_eq!(model("c"), "model.safetensors");
    assert_eq!(chosen.by_validator()["b"].step, 10);
    let tensors = record.tensors(&model("b")).unwrap();
    assert_eq!(tensors["classifier.bias"].try_to_vec::<f32>().unwrap(), [1.0]);
}

/// Many processes on one run: each either holds it alone or is told that another one does, and
/// none goes on from a checkpoint that is not the newest.
#[test]
fn writers_that_come_at_once_never_disturb_each_other() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let header = header(&experiment, &experiment.jobs()[0]);
    let newest = std::sync::atomic::AtomicUsize::new(0);
    let work = |number: usize| {
        for round in 0..60 {
            let begun = RecordWriter::begin(results.path(), &header, environment());
            let begun = match begun {
                Err(RecordError::InUse(_)) => continue,
                begun => begun.unwrap(),
            };
            let mut writer = begun.writer;
            let step = begun.checkpoint.map_or(0, |checkpoint| checkpoint.step);
            assert_eq!(step, newest.load(std::sync::atomic::Ordering::SeqCst));
            writer.evaluation(0, step + 1, &[("target_accuracy", 0.5)]).unwrap();
            if (number + round).is_multiple_of(3) {
                // Counted while the lock is held: whoever comes next finds no checkpoint.
                newest.store(0, std::sync::atomic::Ordering::SeqCst);
                writer.finish().unwrap();
            } else {
                let checkpoint = Checkpoint { stage: 0, step: step + 1, tensors: Vec::new() };
                writer.checkpoint(checkpoint, 0.0).unwrap();
                newest.store(step + 1, std::sync::atomic::Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        (0..8).for_each(|number| drop(scope.spawn(move || work(number))));
    });
    let record = read_records(&[results.path().to_owned()]).unwrap();
    assert!(record.records.len() <= 1);
    record.records.iter().for_each(|record| record.verify().unwrap());
}
