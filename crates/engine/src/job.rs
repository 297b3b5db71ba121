//! One job: the stages of a method on one task with one seed.

use std::collections::BTreeMap;

use burn::tensor::{Device, TensorData};
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::method::MethodContext;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::{Evaluation, Objective};
use isthmus_core::predictor::Predictor;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Kind, MethodBuilder, Plugin};
use isthmus_core::spec::{Job, StageSpec};
use isthmus_core::validation::Outputs;

use crate::build::{
    StageMethod, build_method, build_model, build_objective, build_updater, read_by,
};
use crate::checkpoint::{load_model, start_of};
use crate::data::JobData;
use crate::error::EngineError;
use crate::fit::run_fit;
use crate::observer::Observer;
use crate::selection::Selection;
use crate::stage::{StageOutcome, StageSetup, run_stage};
use crate::stream::run_stream;
use crate::stream_plan::total_batches;

/// What a finished job leaves.
pub struct JobOutcome {
    /// The last evaluation on the target's test set.
    pub target: Evaluation,
    /// What was predicted of the target's test samples, by a test-time method on its way.
    pub outputs: Outputs,
    /// Steps of the last stage: that evaluation's.
    pub last_step: usize,
    /// Everything that decides the predictions.
    pub tensors: Vec<NamedTensor>,
    /// What predicts.
    pub predictor: Box<dyn Predictor>,
    /// Images that show what the last stage's driver does, by their captions.
    pub pictures: Vec<NamedTensor>,
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
    let (objective, mut model) = begun(job, data, &device)?;
    let outputs = objective.outputs(classes);
    let selection =
        job.selection.as_ref().map(|spec| Selection::new(spec, data, &key)).transpose()?;
    let first = resumed.map_or(0, |checkpoint| checkpoint.stage);
    if let Some(checkpoint) = resumed {
        load_model(checkpoint, &mut model)?;
    }
    let batches_of = |stage: &StageSpec| {
        is_stream(stage).then(|| total_batches(data, stage.training.batch_size))
    };
    let (feature_size, hidden_layers) = (model.feature_size(), model.extractor.layers());
    let context = |index: usize, stage: &StageSpec| MethodContext {
        device: device.clone(),
        key: key.named("stage").at(index as u64).named("method"),
        input_shape: shape,
        feature_size,
        hidden_layers,
        classes,
        outputs,
        sources: data.sources.len(),
        total_steps: batches_of(stage).unwrap_or(stage.training.iterations),
        trained: index > 0,
        classifier: job.classifier.clone(),
    };
    // What cannot be built is told before the first stage has trained for hours.
    for (index, stage) in job.method.stages.iter().enumerate().skip(first + 1) {
        build_method(stage, &context(index, stage))?;
    }
    let (mut outcome, mut last_step) = (None, 0);
    for (index, stage) in job.method.stages.iter().enumerate().skip(first) {
        let method = build_method(stage, &context(index, stage))?;
        let key = key.named("stage").at(index as u64);
        last_step = match &method {
            StageMethod::Fit(_) => 1,
            _ => batches_of(stage).unwrap_or(stage.training.steps()),
        };
        let mut updater = build_updater(&stage.training)?;
        let setup = StageSetup {
            index,
            label: &job.method.label,
            training: &stage.training,
            target_labels: uses_target_labels(stage),
            measures_source: selection.is_some() || !reads_no_source(stage),
            stream_order: job.data.stream_order,
            device: &device,
            key,
            objective: &*objective,
            selection: selection.as_ref(),
        };
        let resumed = resumed.filter(|checkpoint| checkpoint.stage == index && checkpoint.step > 0);
        let (model, updater) = (&mut model, &mut updater);
        let finished = match method {
            StageMethod::Training(methods) => {
                run_stage(&setup, model, methods, updater, data, resumed, observer)?
            }
            StageMethod::Fit(mut method) => {
                run_fit(&setup, model, &mut *method, updater, data, resumed, observer)?
            }
            StageMethod::TestTime(mut method) => {
                run_stream(&setup, model, &mut *method, updater, data, resumed, observer)?
            }
        };
        outcome = Some(finished);
    }
    let StageOutcome { evaluation, outputs, mut predictor, pictures } =
        outcome.ok_or(EngineError::PastTheEnd { stages: job.method.stages.len() })?;
    let tensors = predictor.tensors();
    Ok(JobOutcome { target: evaluation, outputs, last_step, tensors, predictor, pictures })
}

/// The objective of a job, and its model before the first step.
fn begun(
    job: &Job,
    data: &JobData,
    device: &Device,
) -> Result<(Box<dyn Objective>, Model), EngineError> {
    let key = Key::new(job.seed).named("model");
    let objective = build_objective(&job.objective)?;
    let outputs = objective.outputs(data.classes.len());
    let model = build_model(job, data.input_shape(), outputs, device, &key)?;
    let model = read_by(&*objective, model, job)?;
    Ok((objective, model))
}

/// The start of a job whose extractor begins with these tensors, by their paths in it; all else is as
/// it would be without them.
///
/// # Errors
/// If a part cannot be built, or the tensors are not those of the extractor.
pub fn start_with(
    job: &Job,
    data: &JobData,
    device: &Device,
    extractor: &BTreeMap<String, TensorData>,
) -> Result<Checkpoint, EngineError> {
    let (_, mut model) = begun(job, data, &device.clone().autodiff())?;
    model.extractor.load_tensors(extractor)?;
    Ok(start_of(0, model.recorded_tensors()))
}

/// Whether a stage trains on the target's labels: an upper bound.
pub fn uses_target_labels(stage: &StageSpec) -> bool {
    methods(stage).any(|plugin| plugin.needs.target_labels)
}

/// Whether no method of a stage reads a source sample.
fn reads_no_source(stage: &StageSpec) -> bool {
    methods(stage).all(|plugin| plugin.needs.no_source)
}

/// Whether a stage predicts a stream. How many steps it has is then decided by the data.
pub fn is_stream(stage: &StageSpec) -> bool {
    methods(stage).any(|plugin| matches!(plugin.method(), Some(MethodBuilder::TestTime(_))))
}

/// Whether a stage fits once: it has one step, whatever its training says.
pub fn fits_once(stage: &StageSpec) -> bool {
    methods(stage).any(|plugin| matches!(plugin.method(), Some(MethodBuilder::Fit(_))))
}

fn methods(stage: &StageSpec) -> impl Iterator<Item = &'static Plugin> {
    stage.align.iter().filter_map(|align| registry::find(Kind::Method, &align.plugin.name))
}
