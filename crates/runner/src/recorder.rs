//! Writes down what happens in a job, and shows how far it is.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::metric::Measurement;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::spec::{Job, KeptModels};
use isthmus_engine::{EngineError, JobData, Next, Observer, start_of};
use isthmus_results::record::{SharedStage, StageLock};
use isthmus_results::{Event, RecordError, RecordWriter};

use crate::interrupt::Interrupt;
use crate::outputs;
use crate::sharing::Sharing;
use crate::shown::Shown;
use crate::watch::Watch;

/// Measurements of training steps are recorded under this prefix.
const TRAINING: &str = "train/";

/// What a recorder is made of.
pub struct Recording<'a> {
    /// The record.
    pub writer: &'a mut RecordWriter,
    /// The job.
    pub job: &'a Job,
    /// Its data.
    pub data: &'a JobData,
    /// The device, without autodiff.
    pub device: &'a Device,
    /// Who is told how far it is.
    pub watch: &'a dyn Watch,
    /// Ends the job before its time.
    pub interrupt: &'a Interrupt,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Stages that other jobs begin with too.
    pub sharing: &'a Sharing,
    /// Ids of what the job's first stages leave, one a stage, where other jobs begin so too.
    pub shared: Vec<Option<String>>,
    /// Held while the first of them is trained.
    pub lock: Option<StageLock>,
    /// Seconds of training that were spent before this process took the job up.
    pub seconds_before: f64,
}

/// The observer of a job.
pub struct Recorder<'a> {
    recording: Recording<'a>,
    /// Steps of the stages before the current one.
    steps_before: usize,
    steps_of_stage: usize,
    latest: Vec<Measurement>,
    shown: Shown,
    started: Instant,
    saved: Instant,
    clock: StepClock,
}

/// Measures the steps of a stage, without what lies between them.
struct StepClock {
    steps: usize,
    time: Duration,
    /// When the step began that is under way.
    began: Instant,
}

impl StepClock {
    fn start() -> Self {
        Self { steps: 0, time: Duration::ZERO, began: Instant::now() }
    }

    /// The step under way has ended, and the next begins.
    fn step_done(&mut self) {
        let now = Instant::now();
        self.time += now - self.began;
        self.began = now;
        self.steps += 1;
    }

    /// What was done since the last step does not count.
    fn skip(&mut self) {
        self.began = Instant::now();
    }
}

impl<'a> Recorder<'a> {
    /// An observer that starts now.
    pub fn new(recording: Recording<'a>) -> Self {
        let now = Instant::now();
        Self {
            recording,
            steps_before: 0,
            steps_of_stage: 0,
            latest: Vec::new(),
            shown: Shown::default(),
            started: now,
            saved: now,
            clock: StepClock::start(),
        }
    }

    fn seconds(&self) -> f64 {
        self.recording.seconds_before + self.started.elapsed().as_secs_f64()
    }
}

fn failed(error: RecordError) -> EngineError {
    EngineError::Record(Box::new(error))
}

impl Observer for Recorder<'_> {
    fn stage_started(&mut self, stage: usize, total_steps: usize) -> Result<(), EngineError> {
        let stages = &self.recording.job.method.stages;
        self.steps_before = stages[..stage].iter().map(|it| it.training.steps()).sum();
        self.steps_of_stage = total_steps;
        self.clock = StepClock::start();
        let methods = stages[stage].align.iter().map(|align| align.plugin.name.clone()).collect();
        self.recording
            .writer
            .event(&Event::StageStarted { stage, methods, steps: total_steps })
            .map_err(failed)
    }

    fn stage_entered(
        &mut self,
        stage: usize,
        model: &mut dyn FnMut() -> Model,
    ) -> Result<(), EngineError> {
        let Recording { writer, job, data, device, .. } = &mut self.recording;
        let rows = job.record.as_ref().map_or(0, |record| record.outputs);
        if rows == 0 || stage + 1 < job.method.stages.len() {
            return Ok(());
        }
        let tensors = outputs::before(&mut model(), job, data, rows, device)?;
        writer.outputs_before(&tensors).map_err(failed)?;
        self.clock.skip();
        Ok(())
    }

    fn step_done(
        &mut self,
        _stage: usize,
        step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        self.clock.step_done();
        self.recording.watch.at(self.steps_before + step);
        if !measurements.is_empty() {
            self.shown.trained(measurements);
            self.recording.watch.message(self.shown.text());
            self.latest = measurements.to_vec();
        }
        Ok(())
    }

    fn evaluated(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
        model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        let training =
            self.latest.drain(..).map(|(name, value)| (format!("{TRAINING}{name}"), value));
        let all: Vec<Measurement> = measurements.iter().cloned().chain(training).collect();
        let values: Vec<(&str, f64)> =
            all.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        tracing::info!(stage, step, ?values, "evaluated");
        let writer = &mut *self.recording.writer;
        writer.evaluation(stage, step, &values).map_err(failed)?;
        if self.recording.job.kept_models() == KeptModels::All {
            writer.choose(stage, step, &values, model).map_err(failed)?;
        }
        self.shown.evaluated(measurements);
        self.recording.watch.message(self.shown.text());
        self.recording.watch.evaluated(self.steps_before + step, &all);
        self.clock.skip();
        Ok(())
    }

    fn stage_finished(
        &mut self,
        stage: usize,
        model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        let seconds = self.seconds();
        let recording = &mut self.recording;
        let StepClock { steps, time, .. } = self.clock;
        let finished = Event::StageFinished { stage, steps, seconds: time.as_secs_f64() };
        recording.writer.event(&finished).map_err(failed)?;
        if let Some(id) = &recording.shared[stage] {
            let stage = SharedStage {
                checkpoint: start_of(stage + 1, model()),
                metrics: recording.writer.metrics().to_vec(),
                seconds,
            };
            recording.sharing.store().save(id, stage).map_err(failed)?;
            recording.lock = None;
        }
        Ok(())
    }

    fn next(&mut self) -> Next {
        if self.recording.interrupt.asked() {
            Next::Stop
        } else if self.saved.elapsed() >= self.recording.checkpoint_every {
            Next::Save
        } else {
            Next::Continue
        }
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), EngineError> {
        let seconds = self.seconds();
        self.recording.writer.checkpoint(checkpoint, seconds).map_err(failed)?;
        self.saved = Instant::now();
        self.clock.skip();
        Ok(())
    }
}
