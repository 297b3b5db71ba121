//! One job: the stages of a method on one task with one seed.

use burn::tensor::Device;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::method::MethodContext;
use isthmus_core::model::Model;
use isthmus_core::network::NamedTensor;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Build, Kind, Plugin};
use isthmus_core::spec::{Job, StageSpec};

use crate::build::{StageMethod, build_method, build_model, build_updater};
use crate::checkpoint::{load_model, model_tensors};
use crate::data::JobData;
use crate::error::EngineError;
use crate::evaluation::Evaluation;
use crate::observer::Observer;
use crate::selection::Selection;
use crate::stage::{StageSetup, run_stage};
use crate::stream::{batches, run_stream};

/// What a finished job leaves.
pub struct JobOutcome {
    /// The last evaluation on the target's test set.
    pub target: Evaluation,
    /// Steps of the last stage: that evaluation's.
    pub last_step: usize,
    /// The trained model, part by part.
    pub tensors: Vec<NamedTensor>,
    /// The trained model, off the tape.
    pub model: Model,
}

impl std::fmt::Debug for JobOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobOutcome")
            .field("target", &self.target)
            .field("tensors", &self.tensors.len())
            .finish_non_exhaustive()
    }
}

/// Runs a job on prepared data, from its beginning or from a checkpoint of it; `device` is the
/// plain device, without autodiff.
///
/// The outcome does not depend on where the job was interrupted, bit for bit.
///
/// # Errors
/// If a part cannot be built, a method cannot go on, a sample cannot be read, the checkpoint is
/// not of this job, or the observer cannot write or stops the job.
pub fn run_job(
    job: &Job,
    data: &JobData,
    device: &Device,
    resumed: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<JobOutcome, EngineError> {
    let device = device.clone().autodiff();
    let key = Key::new(job.seed);
    let shape = data.input_shape();
    let classes = data.classes.len();
    let mut model = build_model(job, shape, classes, &device, &key.named("model"))?;
    let selection =
        job.selection.as_ref().map(|spec| Selection::new(spec, data, &key)).transpose()?;
    let first = resumed.map_or(0, |checkpoint| checkpoint.stage);
    if let Some(checkpoint) = resumed {
        load_model(checkpoint, &mut model)?;
    }
    let (mut evaluation, mut last_step) = (Evaluation::default(), 0);
    for (index, stage) in job.method.stages.iter().enumerate().skip(first) {
        let key = key.named("stage").at(index as u64);
        let stream = is_stream(stage)
            .then(|| batches(data.target.test.samples.rows(), stage.training.batch_size));
        last_step = stream.unwrap_or(stage.training.steps());
        let context = MethodContext {
            device: device.clone(),
            key: key.named("method"),
            input_shape: shape,
            feature_size: model.feature_size(),
            classes,
            sources: data.sources.len(),
            total_steps: stream.unwrap_or(stage.training.iterations),
        };
        let method = build_method(stage, &context)?;
        let mut updater = build_updater(&stage.training)?;
        let setup = StageSetup {
            index,
            label: &job.method.label,
            training: &stage.training,
            target_labels: uses_target_labels(stage),
            device: &device,
            key,
            selection: selection.as_ref(),
        };
        let resumed = resumed.filter(|checkpoint| checkpoint.stage == index && checkpoint.step > 0);
        let (model, updater) = (&mut model, &mut updater);
        evaluation = match method {
            StageMethod::Training(mut method) => {
                run_stage(&setup, model, &mut *method, updater, data, resumed, observer)?
            }
            StageMethod::TestTime(mut method) => {
                run_stream(&setup, model, &mut *method, updater, data, resumed, observer)?
            }
        };
    }
    let tensors = model_tensors(&mut model);
    Ok(JobOutcome { target: evaluation, last_step, tensors, model: model.evaluation_copy() })
}

/// Whether a stage trains on the target's labels: an upper bound.
pub fn uses_target_labels(stage: &StageSpec) -> bool {
    methods(stage).any(|plugin| plugin.needs.target_labels)
}

/// Whether a stage predicts a stream. How many steps it has is then decided by the data.
pub fn is_stream(stage: &StageSpec) -> bool {
    methods(stage).any(|plugin| matches!(plugin.build, Build::TestTime(_)))
}

fn methods(stage: &StageSpec) -> impl Iterator<Item = &'static Plugin> {
    stage.align.iter().filter_map(|align| registry::find(Kind::Method, &align.plugin.name))
}
