//! Records written by hand, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use isthmus_results::Rounds;
use resvg::usvg::roxmltree::Document;

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
    pub stages_of_job: serde_json::Value,
}

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
            stages_of_job: serde_json::Value::Null,
        }
    }
}

/// Writes a record with these metrics and, where there are any, predictions; returns its folder.
pub(crate) fn made(
    results: &Path,
    run: &Made<'_>,
    metrics: &str,
    predictions: Option<&str>,
) -> PathBuf {
    let seed = run.seed;
    let text = format!("{run:?}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let id = format!("{hash:016x}");
    let info = serde_json::json!({
        "format": 1,
        "run": {
            "id": id, "experiment": "made", "dataset": run.dataset, "method": run.method,
            "task": { "sources": [run.source], "target": run.target }, "seed": seed,
            "stages": run.stages, "target_labels_used": run.upper_bound,
            "configuration": run.configuration, "data_fingerprint": "0011223344556677",
            "isthmus_version": "0.1.0", "position": { "method": run.place, "task": 0 },
        },
        "job": {
            "seed": seed,
            "method": { "label": run.method, "stages": run.stages_of_job },
        },
    });
    let folder = results.join("made").join(&id);
    fs::create_dir_all(&folder).unwrap();
    let environment = serde_json::json!({
        "environment": {
            "operating_system": "linux", "architecture": "x86_64", "processor": "a processor",
            "threads": 2, "device": "cpu", "rustc": "rustc 1.95.0", "burn": "0.22.1",
        },
        "started": "2026-01-02T03:04:05Z",
        "finished": format!("2026-01-02T03:04:{:02}Z", 15 + seed),
        "peak_memory_bytes": 512 * 1024 * 1024,
    });
    fs::write(folder.join("environment.json"), environment.to_string()).unwrap();
    fs::write(folder.join("events.jsonl"), "").unwrap();
    add(&folder, "job.json", info.to_string().as_bytes());
    add(&folder, "metrics.csv", format!("stage,step,metric,value\n{metrics}").as_bytes());
    if let Some(rows) = predictions {
        let text = format!("row,label,predicted,confidence\n{rows}");
        add(&folder, "predictions.csv", text.as_bytes());
    }
    folder
}

/// Adds a file to a record, and to what its marker names.
pub(crate) fn add(folder: &Path, name: &str, bytes: &[u8]) {
    use std::io::Write;
    fs::write(folder.join(name), bytes).unwrap();
    let done = folder.join("done");
    let mut marker = fs::OpenOptions::new().create(true).append(true).open(done).unwrap();
    writeln!(marker, "{}  {name}", sha256(bytes)).unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A safetensors file of these tensors of numbers, by name, shape and values.
pub(crate) fn safetensors(tensors: &[(&str, [usize; 2], Vec<f32>)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, [rows, columns], values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        // Labels are one number a row.
        let shape = if *columns == 0 { vec![*rows] } else { vec![*rows, *columns] };
        let entry = serde_json::json!({
            "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()],
        });
        header.insert((*name).to_owned(), entry);
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    file
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
