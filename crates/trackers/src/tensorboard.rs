//! TensorBoard's event files.
//!
//! A file is a sequence of records: the length of the data, the checksum of the length, the data,
//! its checksum. The data of each is a message in the form of protocol buffers.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::metric::Measurement;
use isthmus_core::registry::{About, Plugin, TrackerPlugin};
use isthmus_core::tracker::{TrackedEnd, TrackedRun, Tracker, TrackerError};
use jiff::Timestamp;
use prost::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes event files that TensorBoard reads while runs are trained (`tensorboard --logdir
/// tensorboard`), a folder a run: `EXPERIMENT/METHOD/TASK/seed-SEED`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TensorBoard {
    /// The folder, relative to the current one.
    pub folder: PathBuf,
}

impl Default for TensorBoard {
    fn default() -> Self {
        Self { folder: PathBuf::from("tensorboard") }
    }
}

impl PluginConfig for TensorBoard {}

impl TrackerPlugin for TensorBoard {
    fn build(self) -> Box<dyn Tracker> {
        Box::new(EventFiles { folder: self.folder, files: HashMap::new() })
    }
}

inventory::submit! {
    Plugin::tracker::<TensorBoard>(About {
        name: "tensorboard",
        summary: "Writes event files that TensorBoard shows",
        paper: "",
    })
}

/// `tensorflow.Event`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// The event files of the runs that are under way.
struct EventFiles {
    folder: PathBuf,
    files: HashMap<String, (PathBuf, File)>,
}

impl EventFiles {
    fn write(&mut self, run: &TrackedRun, event: &Event) -> Result<(), TrackerError> {
        let Some((path, file)) = self.files.get_mut(&run.id) else { return Ok(()) };
        file.write_all(&record(&event.encode_to_vec()))
            .map_err(TrackerError::of("cannot write", &*path))
    }
}

impl Tracker for EventFiles {
    fn began(&mut self, run: &TrackedRun) -> Result<(), TrackerError> {
        let folder = self
            .folder
            .join(component(&run.experiment))
            .join(component(&run.method))
            .join(component(&run.task))
            .join(format!("seed-{}", run.seed));
        fs::create_dir_all(&folder).map_err(TrackerError::of("cannot make the folder", &folder))?;
        let now = Timestamp::now();
        let path = free_path(&folder, now, &run.id);
        let file = File::create_new(&path).map_err(TrackerError::of("cannot write", &path))?;
        self.files.insert(run.id.clone(), (path, file));
        let file_version = Some("brain.Event:2".to_owned());
        self.write(run, &Event { wall_time: seconds(now), step: 0, file_version, summary: None })
    }

    fn measured(
        &mut self,
        run: &TrackedRun,
        step: usize,
        metrics: &[Measurement],
    ) -> Result<(), TrackerError> {
        let value = |(name, value): &Measurement| SummaryValue {
            tag: name.clone(),
            simple_value: Some(*value as f32),
        };
        let summary = Some(Summary { value: metrics.iter().map(value).collect() });
        let wall_time = seconds(Timestamp::now());
        self.write(run, &Event { wall_time, step: step as i64, file_version: None, summary })
    }

    fn ended(&mut self, run: &TrackedRun, _end: TrackedEnd) -> Result<(), TrackerError> {
        self.files.remove(&run.id);
        Ok(())
    }
}

/// A file that is not there yet: TensorBoard joins the files of a folder.
fn free_path(folder: &Path, now: Timestamp, id: &str) -> PathBuf {
    let named = |number: usize| {
        folder.join(format!("events.out.tfevents.{:010}.{id}.{number}", now.as_second()))
    };
    let mut number = 0;
    while named(number).exists() {
        number += 1;
    }
    named(number)
}

/// A name as part of a path: `source -> target` has no slash, a label may.
fn component(name: &str) -> String {
    name.replace(['/', '\\'], "_")
}

fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

/// Data with its length and checksums.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked(data).to_le_bytes());
    record
}

/// The checksum CRC32C, masked as the format has it.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    /// The events of a file, its checksums checked.
    fn events(path: &Path) -> Vec<Event> {
        let bytes = fs::read(path).unwrap();
        let (mut rest, mut events) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked(&rest[..8]).to_le_bytes());
            let data = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked(data).to_le_bytes());
            events.push(Event::decode(data).unwrap());
            rest = &rest[16 + length..];
        }
        events
    }

    #[test]
    fn measurements_are_events_of_the_run_s_file() {
        let folder = tempfile::tempdir().unwrap();
        let config = TensorBoard { folder: folder.path().to_owned() };
        let mut tracker = config.build();
        let (first, second) = (run(1), run(2));
        tracker.began(&first).unwrap();
        tracker.began(&second).unwrap();
        let metrics = [("target_accuracy".to_owned(), 0.5), ("train/loss".to_owned(), 2.0)];
        tracker.measured(&first, 10, &metrics).unwrap();
        tracker.measured(&first, 20, &metrics[..1]).unwrap();
        tracker.ended(&first, TrackedEnd::Finished).unwrap();
        // A run that goes on writes a second file.
        tracker.began(&first).unwrap();

        let own = folder.path().join("digits/dann + mcc/a_b -> c/seed-1");
        let mut files: Vec<PathBuf> =
            fs::read_dir(own).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 2);
        let events = events(&files[0]);
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        assert_eq!(events.len(), 3);
        let values = &events[1].summary.as_ref().unwrap().value;
        assert_eq!((events[1].step, values.len()), (10, 2));
        assert_eq!((values[1].tag.as_str(), values[1].simple_value), ("train/loss", Some(2.0)));
    }
}
