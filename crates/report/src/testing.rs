//! Records written by hand, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use isthmus_core::metric::Metrics;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::PredictionColumn;
use isthmus_core::spec::{StageSpec, Task};
use isthmus_results::record::{Environment, Position, RunInfo};
use isthmus_results::{RecordHeader, RecordWriter, Rounds};
use resvg::usvg::roxmltree::Document;
use serde_json::json;

use crate::results::Results;

/// A run that never ran.
#[derive(Clone, Debug)]
pub(crate) struct Made<'a> {
    pub method: &'a str,
    pub upper_bound: bool,
    pub place: usize,
    pub source: &'a str,
    pub target: &'a str,
    pub seed: u64,
    pub stages: usize,
    pub dataset: &'a str,
    pub configuration: &'a str,
    /// The stages as the job states them.
    pub stages_of_job: Vec<StageSpec>,
    /// What is kept of the final model's outputs.
    pub outputs: Vec<Kept<'a>>,
    /// What is kept from before adaptation.
    pub outputs_before: Vec<Kept<'a>>,
    /// Grey images of one pixel by their captions.
    pub pictures: Vec<(&'a str, Vec<f32>)>,
    pub metrics: Metrics,
    /// What a sweep set.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A tensor that a record keeps: name, rows and columns, values.
pub(crate) type Kept<'a> = (&'a str, [usize; 2], Vec<f32>);

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            method: "dann",
            upper_bound: false,
            place: 0,
            source: "amazon",
            target: "dslr",
            seed: 1,
            stages: 1,
            dataset: "office31",
            configuration: "c0ffee00",
            stages_of_job: Vec::new(),
            outputs: Vec::new(),
            outputs_before: Vec::new(),
            pictures: Vec::new(),
            metrics: Metrics::classes(),
            settings: serde_json::Map::new(),
        }
    }
}

/// Writes a record with these metrics and, where there are any, predictions; returns its folder.
/// It took `10 + seed` seconds.
pub(crate) fn made(
    results: &Path,
    run: &Made<'_>,
    metrics: &str,
    predictions: Option<&str>,
) -> PathBuf {
    let Made { method, dataset, seed, .. } = *run;
    let task = Task::new([run.source], run.target);
    let job = json!({
        "data": {
            "dataset": dataset, "tasks": [task], "protocol": "transductive", "transform": null,
        },
        "extractor": { "plugin": { "name": "identity", "config": {} }, "frozen": true },
        "bottleneck": null,
        "classifier": { "name": "linear", "config": {} },
        "objective": { "name": "classes", "config": {} },
        "method": { "label": method, "stages": run.stages_of_job },
        "seed": seed,
        "device": "cpu",
    });
    let text = format!("{run:?}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let header = RecordHeader {
        run: RunInfo {
            id: format!("{hash:016x}"),
            experiment: "made".to_owned(),
            dataset: dataset.to_owned(),
            method: method.to_owned(),
            task,
            seed,
            stages: run.stages,
            target_labels_used: run.upper_bound,
            configuration: run.configuration.to_owned(),
            data_fingerprint: "0011223344556677".to_owned(),
            isthmus_version: "0.1.0".to_owned(),
            position: Position { method: run.place, task: 0 },
            metrics: run.metrics.clone(),
            settings: run.settings.clone(),
            round: None,
            halving: None,
        },
        job: serde_json::from_value(job).unwrap(),
    };
    let mut writer = RecordWriter::create(results, &header, Environment::detect("cpu", 2)).unwrap();
    for row in metrics.lines() {
        let [stage, step, metric, value] = fields(row);
        let (stage, step) = (stage.parse().unwrap(), step.parse().unwrap());
        writer.evaluation(stage, step, &[(metric, value.parse().unwrap())]).unwrap();
    }
    if let Some(rows) = predictions {
        let rows: Vec<[&str; 4]> = rows.lines().map(fields).collect();
        let names: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
        let classes = |column: usize| rows.iter().map(|row| row[column].parse().ok()).collect();
        let confidences = rows.iter().map(|row| row[3].parse().ok()).collect();
        let columns = [
            PredictionColumn::classes("label", classes(1)),
            PredictionColumn::classes("predicted", classes(2)),
            PredictionColumn::numbers("confidence", confidences),
        ];
        writer.predictions(&names, &columns).unwrap();
    }
    if !run.outputs.is_empty() {
        writer.outputs(&tensors(&run.outputs)).unwrap();
    }
    if !run.outputs_before.is_empty() {
        writer.outputs_before(&tensors(&run.outputs_before)).unwrap();
    }
    if !run.pictures.is_empty() {
        let picture = |(caption, pixels): &(&str, Vec<f32>)| NamedTensor {
            path: (*caption).to_owned(),
            data: TensorData::new(pixels.clone(), [pixels.len(), 1, 1, 1]),
        };
        writer.pictures(&run.pictures.iter().map(picture).collect::<Vec<_>>()).unwrap();
    }
    let folder = writer.finish().unwrap();
    // Times and memory of the tests' own are not always the same.
    let environment = json!({
        "environment": {
            "operating_system": "linux", "architecture": "x86_64", "processor": "a processor",
            "threads": 2, "device": "cpu", "rustc": "rustc 1.95.0", "burn": "0.22.1",
        },
        "started": "2026-01-02T03:04:05Z",
        "finished": format!("2026-01-02T03:04:{:02}Z", 15 + seed),
        "peak_memory_bytes": 512 * 1024 * 1024,
    });
    fs::write(folder.join("environment.json"), environment.to_string()).unwrap();
    folder
}

fn tensors(kept: &[Kept<'_>]) -> Vec<NamedTensor> {
    let tensor = |(name, shape, values): &Kept<'_>| NamedTensor {
        path: (*name).to_owned(),
        data: TensorData::new(values.clone(), *shape),
    };
    kept.iter().map(tensor).collect()
}

fn fields(row: &str) -> [&str; 4] {
    row.split(',').collect::<Vec<_>>().try_into().unwrap()
}

/// The results below a folder.
pub(crate) fn loaded(folder: &Path) -> Results {
    Results::load(&[folder.to_owned()], Rounds::Last).unwrap()
}

/// Parses a chart as the XML that it must be, and returns its texts.
pub(crate) fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

/// Counts the elements of a chart with this tag.
pub(crate) fn count(svg: &str, tag: &str) -> usize {
    let document = Document::parse(svg).unwrap();
    document.descendants().filter(|node| node.tag_name().name() == tag).count()
}
