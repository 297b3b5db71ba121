//! A record, and the readers of its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_data::{Descriptor, Roots, SetReaders};
use isthmus_experiment::{DatasetInfo, Datasets, DomainInfo};
use isthmus_results::record::{Environment, SharedStage, StageStore};
use isthmus_results::{
    CompareOptions, Record, RecordHeader, RecordWriter, Rounds, compare, read_records, runs_csv,
};
use sha2::{Digest, Sha256};

/// The id of the stage that is stored.
const STAGE: &str = "stage";

/// What experiment files can name, of what isthmus carries in itself.
pub static DATASETS: LazyLock<Datasets> = LazyLock::new(|| {
    let roots = Roots { descriptors: Vec::new(), data: PathBuf::new(), cache: PathBuf::new() };
    let names = Descriptor::names(&roots).unwrap_or_default();
    names
        .into_iter()
        .map(|name| {
            let info = Descriptor::find(&name, &roots).map(|descriptor| DatasetInfo {
                domains: descriptor
                    .domains
                    .iter()
                    .map(|domain| DomainInfo {
                        name: domain.name.clone(),
                        has_test_set: matches!(domain.readers, SetReaders::Given { .. }),
                    })
                    .collect(),
                samples: descriptor.samples(),
                targets: descriptor.targets(),
            });
            (name, info.map_err(|error| error.to_string()))
        })
        .collect()
});

/// The files of a finished record of two evaluations, by their names.
static RECORD: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let results = tempfile::tempdir().expect("a folder can be made");
    let text = include_str!("../../../experiments/quickstart.toml");
    let checked = isthmus_experiment::parse(text, &DATASETS).expect("the quickstart is right");
    let jobs = checked.experiment.jobs();
    let job = jobs.first().expect("it has jobs");
    let header = RecordHeader::new(&checked.experiment, job, "0011223344556677", "0.1.0", false);
    let environment = Environment::detect("cpu", 1);
    let mut writer = RecordWriter::create(results.path(), &header, environment)
        .expect("the folder can be written");
    for (step, value) in [(100, 0.25), (1500, 0.75)] {
        let values = [("target_accuracy", value), ("source_loss", 1.0 - value)];
        writer.evaluation(0, step, &values).expect("the folder can be written");
    }
    let record = writer.finish().expect("the folder can be written");
    let files = std::fs::read_dir(record).expect("the record is there");
    files
        .map(|entry| {
            let path = entry.expect("the record is there").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("the record is there"))
        })
        .collect()
});

/// The file of a whole record.
pub fn seed(name: &str) -> Vec<Vec<u8>> {
    vec![RECORD[name].clone()]
}

/// Puts `bytes` in the place of a record's file, as if they had been recorded, and reads everything
/// of it.
pub fn read(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    const DONE: &str = "done";
    let record = folder.join("quickstart/0123456789abcdef");
    std::fs::create_dir_all(&record).expect("the folder can be made");
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(record.join(name), bytes).expect("the folder can be written");
    };
    let mut done = String::new();
    let own = [(name.to_owned(), bytes.to_vec())];
    let others = RECORD.iter().filter(|(other, _)| *other != name && *other != DONE);
    for (name, content) in own.iter().map(|(a, b)| (a, b)).chain(others) {
        put(name, content);
        done.push_str(&format!("{:x}  {name}\n", Sha256::digest(content)));
    }
    if name != DONE {
        put(DONE, done.as_bytes());
    }
    let mut accepted = false;
    if let Ok(opened) = Record::open(&record) {
        accepted = opened.job().is_ok()
            & opened.environment().is_ok()
            & opened.events().is_ok()
            & opened.predictions().is_ok()
            & opened.model().is_ok()
            & opened.chosen().is_ok()
            & opened.task_info().is_ok();
        accepted &= opened.verify().is_ok();
    }
    let paths = vec![folder.to_owned()];
    accepted &= read_records(&paths).is_ok();
    let options = CompareOptions { paths, rounds: Rounds::All, ..CompareOptions::default() };
    if let Ok(comparison) = compare(&options) {
        let format = isthmus_results::Format::Terminal(isthmus_results::TerminalOptions {
            width: Some(80),
            styled: false,
        });
        drop(comparison.render(format));
    }
    drop(runs_csv(&options));
    accepted
}

/// The file of a whole checkpoint.
pub fn checkpoint() -> Vec<Vec<u8>> {
    let results = tempfile::tempdir().expect("a folder can be made");
    let tensor = |values: Vec<f32>, shape: [usize; 2]| NamedTensor {
        path: format!("model/{shape:?}"),
        data: burn::tensor::TensorData::new(values, shape),
    };
    let tensors = vec![tensor(vec![0.5; 6], [2, 3]), tensor(vec![1.0; 4], [4, 1])];
    let stage = SharedStage {
        checkpoint: Checkpoint { stage: 1, step: 10, tensors },
        metrics: Vec::new(),
        seconds: 2.5,
    };
    StageStore::new(results.path()).save(STAGE, stage).expect("the folder can be written");
    vec![std::fs::read(file_of(results.path())).expect("the stage was kept")]
}

/// Reads a checkpoint.
pub fn read_checkpoint(folder: &Path, bytes: &[u8]) -> bool {
    let file = file_of(folder);
    let place = file.parent().expect("it is in a folder");
    std::fs::create_dir_all(place).expect("the folder can be made");
    std::fs::write(&file, bytes).expect("the folder can be written");
    StageStore::new(folder).load(STAGE).is_ok_and(|stage| stage.is_some())
}

fn file_of(results: &Path) -> PathBuf {
    let found = std::fs::read_dir(results).into_iter().flatten().flatten();
    let folder = found.map(|entry| entry.path()).find(|path| path.is_dir());
    folder.unwrap_or_else(|| results.join(".stages")).join(format!("{STAGE}.safetensors"))
}
