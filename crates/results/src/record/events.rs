//! What happened during a run, line by line.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::RecordError;

/// Something that happened during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A stage began.
    StageStarted {
        /// Place of the stage, from 0.
        stage: usize,
        /// Names of its methods.
        methods: Vec<String>,
        /// Number of steps.
        steps: usize,
    },
    /// A stage ended.
    StageFinished {
        /// Place of the stage, from 0.
        stage: usize,
        /// Steps of the stage that this process made.
        #[serde(default)]
        steps: usize,
        /// Seconds that these steps took, without evaluations and checkpoints.
        #[serde(default)]
        seconds: f64,
    },
    /// The model was evaluated.
    Evaluation {
        /// Place of the stage, from 0.
        stage: usize,
        /// Steps done in this stage.
        step: usize,
        /// Name and value of each metric.
        #[serde(with = "metric_values")]
        metrics: Vec<(String, f64)>,
    },
    /// Something worth telling, e.g. that features came from the cache.
    Note {
        /// The text.
        text: String,
    },
    /// A line of the program's log.
    Log {
        /// Severity, e.g. `WARN`.
        level: String,
        /// The module that wrote it.
        target: String,
        /// The text.
        message: String,
    },
    /// The run ended before its time.
    Failed {
        /// The error.
        cause: String,
    },
}

/// An event with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedEvent {
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
}

/// The event file of a record that is being written. Clones append to the same file, from any
/// thread; each event is one write, so lines never mix.
#[derive(Clone, Debug)]
pub struct EventLog {
    path: PathBuf,
    file: Arc<Mutex<Option<File>>>,
}

impl EventLog {
    pub(super) fn new(path: &Path, file: File) -> Self {
        Self { path: path.to_owned(), file: Arc::new(Mutex::new(Some(file))) }
    }

    /// Appends an event with the present time.
    ///
    /// # Errors
    /// If the file cannot be written, or the record is finished.
    pub fn append(&self, event: &Event) -> Result<(), RecordError> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = guard.as_mut().ok_or_else(|| RecordError::Finished(self.path.clone()))?;
        file.write_all(line(Timestamp::now(), event).as_bytes())
            .map_err(RecordError::io("cannot write", &self.path))
    }

    /// Closes the file for all clones: a folder with open files cannot be renamed on Windows.
    pub(super) fn close(&self) -> Result<(), RecordError> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match guard.take() {
            Some(file) => file.sync_all().map_err(RecordError::io("cannot write", &self.path)),
            None => Ok(()),
        }
    }
}

fn line(time: Timestamp, event: &Event) -> String {
    let mut fields = Map::new();
    fields.insert("time".to_owned(), Value::String(time.to_string()));
    if let Value::Object(event) = serde_json::to_value(event).expect("an event is plain data") {
        fields.extend(event);
    }
    format!("{}\n", Value::Object(fields))
}

/// Reads `events.jsonl`.
pub(super) fn read(path: &Path) -> Result<Vec<TimedEvent>, RecordError> {
    #[derive(Deserialize)]
    struct Time {
        time: Timestamp,
    }
    let text = std::fs::read_to_string(path).map_err(RecordError::io("cannot read", path))?;
    text.lines()
        .enumerate()
        .map(|(index, line)| {
            let parse = || -> Result<TimedEvent, serde_json::Error> {
                let Time { time } = serde_json::from_str(line)?;
                Ok(TimedEvent { time, event: serde_json::from_str(line)? })
            };
            parse()
                .map_err(|error| RecordError::damaged(path, format!("line {}: {error}", index + 1)))
        })
        .collect()
}

/// Metrics as a JSON object in their order. JSON has no numbers for what is not finite: these are
/// written as text.
mod metric_values {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::{Serialize, Serializer};
    use serde_json::{Map, Value};

    pub fn serialize<S: Serializer>(
        metrics: &[(String, f64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let value = |value: f64| match serde_json::Number::from_f64(value) {
            Some(number) => Value::Number(number),
            None => Value::String(format!("{value:?}")),
        };
        let object: Map<String, Value> =
            metrics.iter().map(|(name, number)| (name.clone(), value(*number))).collect();
        object.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, f64)>, D::Error> {
        Map::<String, Value>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, value)| {
                let number = match &value {
                    Value::String(text) => text.parse().ok(),
                    other => other.as_f64(),
                };
                match number {
                    Some(number) => Ok((name, number)),
                    None => Err(D::Error::custom(format!("metric `{name}` is {value}"))),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let log = EventLog::new(&path, File::create(&path).unwrap());
        let events = [
            Event::StageStarted { stage: 0, methods: vec!["dann".into()], steps: 10 },
            Event::Evaluation {
                stage: 0,
                step: 10,
                metrics: vec![("target_loss".into(), f64::INFINITY), ("accuracy".into(), 0.1)],
            },
            Event::Log {
                level: "WARN".into(),
                target: "a::b".into(),
                message: "two\nlines".into(),
            },
            Event::StageFinished { stage: 0, steps: 10, seconds: 0.5 },
        ];
        for event in &events {
            log.append(event).unwrap();
        }
        let read: Vec<Event> = read(&path).unwrap().into_iter().map(|event| event.event).collect();
        assert_eq!(read, events);
    }

    #[test]
    fn a_line_begins_with_its_time_and_kind() {
        let line = line(Timestamp::UNIX_EPOCH, &Event::Note { text: "features cached".into() });
        assert_eq!(
            line,
            "{\"time\":\"1970-01-01T00:00:00Z\",\"event\":\"note\",\"text\":\"features cached\"}\n"
        );
    }

    #[test]
    fn a_closed_log_refuses_events() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let log = EventLog::new(&path, File::create(&path).unwrap());
        log.clone().close().unwrap();
        let error =
            log.append(&Event::StageFinished { stage: 0, steps: 10, seconds: 0.5 }).unwrap_err();
        assert!(matches!(error, RecordError::Finished(_)), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let path = Path::new("/dev/full");
        let log = EventLog::new(path, File::options().write(true).open(path).unwrap());
        let error = log
            .append(&Event::StageFinished { stage: 0, steps: 10, seconds: 0.5 })
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("cannot write /dev/full: No space left"), "{error}");
    }
}
