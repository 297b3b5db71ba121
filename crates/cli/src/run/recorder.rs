//! Writes down what happens in a job, and shows how far it is.

use isthmus_core::method::Measurement;
use isthmus_core::spec::Job;
use isthmus_engine::{EngineError, JobOutcome, Observer};
use isthmus_results::{Event, Prediction, RecordError, RecordWriter};

use super::progress::Bar;

/// Measurements of training steps are recorded under this prefix.
const TRAINING: &str = "train/";

/// The observer of a job.
pub struct Recorder<'a> {
    writer: &'a mut RecordWriter,
    job: &'a Job,
    bar: &'a Bar,
    /// Steps of the stages before the current one.
    steps_before: usize,
    steps_of_stage: usize,
    latest: Vec<Measurement>,
}

impl<'a> Recorder<'a> {
    /// Records into `writer` and shows steps on `bar`.
    pub fn new(writer: &'a mut RecordWriter, job: &'a Job, bar: &'a Bar) -> Self {
        Self { writer, job, bar, steps_before: 0, steps_of_stage: 0, latest: Vec::new() }
    }
}

fn failed(error: RecordError) -> EngineError {
    EngineError::Record(Box::new(error))
}

impl Observer for Recorder<'_> {
    fn stage_started(&mut self, stage: usize, total_steps: usize) -> Result<(), EngineError> {
        self.steps_before += self.steps_of_stage;
        self.steps_of_stage = total_steps;
        let align = &self.job.method.stages[stage].align;
        let methods = align.iter().map(|align| align.plugin.name.clone()).collect();
        self.writer
            .event(&Event::StageStarted { stage, methods, steps: total_steps })
            .map_err(failed)
    }

    fn step_done(
        &mut self,
        _stage: usize,
        step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        self.bar.at(self.steps_before + step);
        if !measurements.is_empty() {
            let shown: Vec<String> = measurements
                .iter()
                .filter(|(name, _)| name != "learning_rate")
                .map(|(name, value)| format!("{name} {value:.3}"))
                .collect();
            self.bar.message(shown.join(", "));
            self.latest = measurements.to_vec();
        }
        Ok(())
    }

    fn evaluated(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        let training: Vec<Measurement> = self
            .latest
            .drain(..)
            .map(|(name, value)| (format!("{TRAINING}{name}"), value))
            .collect();
        let values: Vec<(&str, f64)> = measurements
            .iter()
            .chain(&training)
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        tracing::info!(stage, step, ?values, "evaluated");
        self.writer.evaluation(stage, step, &values).map_err(failed)?;
        if step == self.steps_of_stage {
            self.writer.event(&Event::StageFinished { stage }).map_err(failed)?;
        }
        Ok(())
    }
}

/// Writes what a finished job leaves.
///
/// # Errors
/// If it cannot be written.
pub fn write_outcome(writer: &mut RecordWriter, outcome: &JobOutcome) -> Result<(), RecordError> {
    let predictions: Vec<Prediction> = outcome
        .target
        .predictions
        .iter()
        .enumerate()
        .map(|(row, prediction)| Prediction {
            row,
            label: prediction.class,
            predicted: prediction.predicted,
            confidence: prediction.confidence,
        })
        .collect();
    writer.predictions(&predictions)?;
    writer.model(&outcome.tensors)
}
