//! One job from its data to its record.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use isthmus_core::spec::{Job, KeptModels};
use isthmus_data::FittedTransforms;
use isthmus_engine::{EngineError, JobData, JobOutcome, run_job, start_with};
use isthmus_results::record::{Begun, Environment, FrozenInfo, MetricRow, RunInfo, TaskInfo};
use isthmus_results::{Event, RecordError, RecordHeader, RecordWriter};
use serde::{Deserialize, Serialize};

use crate::failed::JobError;
use crate::interrupt::Interrupt;
use crate::log;
use crate::outputs;
use crate::recorder::{Recorder, Recording};
use crate::sharing::{Sharing, Start};
use crate::splits::Splits;
use crate::theory;
use crate::watch::Watch;
use crate::weights_from::TakenWeights;

/// What all jobs of a run have in common.
pub struct Setting {
    /// Folder of the results.
    pub results: PathBuf,
    /// The device, without autodiff.
    pub device: Device,
    /// What records note of the machine.
    pub environment: Environment,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Stages that several jobs begin with.
    pub sharing: Sharing,
    /// Ends jobs before their time.
    pub interrupt: Interrupt,
}

/// What a job is run on.
pub struct ReadyData {
    /// Its domains.
    pub data: JobData,
    /// How their samples were split.
    pub splits: Splits,
    /// What their features went through.
    pub transforms: Option<FittedTransforms>,
}

/// How a job ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ending {
    /// It was run to its end.
    Finished {
        /// The last value of the primary metric on the target, in its unit; absent where the
        /// target has no labels.
        primary: Option<String>,
        /// How long it took.
        seconds: f64,
        /// How long training the stages took that it shares with another job and did not train.
        seconds_shared: Option<f64>,
    },
    /// It was asked to end, and left a checkpoint.
    Interrupted,
    /// Another process is running it.
    Elsewhere,
}

/// Runs a job, from the checkpoint of an interrupted run where there is one, and writes its
/// record; `taken` is what its extractor begins with where that is another run's.
///
/// # Errors
/// If it cannot be trained, evaluated or written; the record then tells why.
pub fn run_recorded(
    job: &Job,
    header: &RecordHeader,
    ready: &ReadyData,
    taken: Option<&TakenWeights>,
    setting: &Setting,
    watch: &dyn Watch,
) -> Result<Ending, JobError> {
    let started = Instant::now();
    let ReadyData { data, splits, transforms } = ready;
    let begun = RecordWriter::begin(&setting.results, header, setting.environment.clone());
    let Begun { mut writer, checkpoint: mut resumed, seconds: mut seconds_before } = match begun {
        Err(RecordError::InUse(_)) => return Ok(Ending::Elsewhere),
        begun => begun?,
    };
    let mut lock = None;
    let mut seconds_shared = None;
    if resumed.is_none() {
        match setting.sharing.start(job)? {
            Start::Beginning(held) => lock = held,
            Start::After(stage) => {
                writer.event(&Event::Note {
                    text: format!(
                        "stages 1 to {} were trained by another run",
                        stage.checkpoint.stage
                    ),
                })?;
                writer.restore(stage.metrics);
                seconds_before = stage.seconds;
                seconds_shared = Some(stage.seconds);
                resumed = Some(stage.checkpoint);
            }
        }
    }
    let log = log::record_into(writer.events());
    let device = &setting.device;
    // Of a frozen extractor, the features were made with these weights.
    let start = match (resumed, taken.filter(|_| !job.extractor.frozen)) {
        (None, Some(taken)) => start_with(job, data, device, &taken.tensors).map(Some),
        (resumed, _) => Ok(resumed),
    };
    let outcome = start.and_then(|start| {
        let mut recorder = Recorder::new(Recording {
            writer: &mut writer,
            job,
            data,
            device,
            watch,
            interrupt: &setting.interrupt,
            checkpoint_every: setting.checkpoint_every,
            sharing: &setting.sharing,
            shared: setting.sharing.shared(job),
            lock,
            seconds_before,
        });
        run_job(job, data, device, start.as_ref(), &mut recorder)
    });
    drop(log);
    let written = match outcome {
        Ok(mut outcome) => writer
            .splits(splits)
            .and_then(|()| match transforms {
                Some(transforms) => writer.feature_transforms(&transforms.tensors()),
                None => Ok(()),
            })
            .map_err(JobError::from)
            .and_then(|()| write_outcome(&mut writer, job, data, taken, device, &mut outcome))
            .map(|()| primary(&header.run, writer.metrics())),
        Err(EngineError::Interrupted { .. }) => return Ok(Ending::Interrupted),
        Err(error) => Err(error.into()),
    };
    match written {
        Ok(primary) => {
            writer.finish()?;
            let seconds = started.elapsed().as_secs_f64();
            Ok(Ending::Finished { primary, seconds, seconds_shared })
        }
        Err(error) => {
            // A disk that is full keeps neither the run nor the word of its end: the first cause
            // is the one to tell.
            if let Err(second) = writer.fail(&error.to_string()) {
                tracing::warn!(%second, "the cause of a failure could not be recorded");
            }
            Err(error)
        }
    }
}

/// The last value of the primary metric on the target as people read it: `accuracy 97.5 %`.
fn primary(run: &RunInfo, metrics: &[MetricRow]) -> Option<String> {
    let measure = run.metrics.primary_measure();
    let last = run.stages.saturating_sub(1);
    let of_last = |row: &&MetricRow| row.stage == last && row.metric == measure.name;
    let row = metrics.iter().filter(of_last).max_by_key(|row| row.step)?;
    let percent = if measure.unit.is_percent() { " %" } else { "" };
    Some(format!("{} {}{percent}", measure.title, measure.unit.text(row.value)))
}

fn write_outcome(
    writer: &mut RecordWriter,
    job: &Job,
    data: &JobData,
    taken: Option<&TakenWeights>,
    device: &Device,
    outcome: &mut JobOutcome,
) -> Result<(), JobError> {
    let test = &data.target.test.samples;
    let names: Vec<String> = (0..test.rows()).map(|row| test.name(row)).collect();
    writer.predictions(&names, &outcome.target.predictions)?;
    if job.kept_models() != KeptModels::None {
        writer.model(&outcome.tensors)?;
    }
    let frozen = outcome.predictor.file().map(|file| FrozenInfo {
        weights: file.weights().to_owned(),
        tensors: file.absent_from(&outcome.tensors),
    });
    let (classes, shape) = (data.classes.clone(), data.input_shape());
    let weights_from = taken.map(|taken| taken.info.clone());
    writer.task(&TaskInfo { classes, shape, frozen, weights_from })?;
    if !outcome.pictures.is_empty() {
        writer.pictures(&outcome.pictures)?;
    }
    let Some(record) = &job.record else { return Ok(()) };
    if record.outputs > 0 {
        writer.outputs(&outputs::after(outcome, data, record.outputs, device)?)?;
        if !writer.has_outputs_before() {
            tracing::warn!(
                "the run was begun by a version that keeps no features from before adaptation"
            );
        }
    }
    if record.theory {
        let stage = job.method.stages.len() - 1;
        let terms = theory::terms(outcome, data, device, job.seed)?;
        let terms: Vec<(&str, f64)> =
            terms.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        writer.evaluation(stage, outcome.last_step, &terms)?;
    }
    Ok(())
}
