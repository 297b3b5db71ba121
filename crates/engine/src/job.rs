//! One job: the stages of a method on one task with one seed.

use burn::tensor::Device;
use isthmus_core::method::MethodContext;
use isthmus_core::network::NamedTensor;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Kind};
use isthmus_core::spec::{Job, StageSpec};

use crate::build::{build_method, build_model, build_updater};
use crate::data::JobData;
use crate::error::EngineError;
use crate::evaluation::Evaluation;
use crate::observer::Observer;
use crate::stage::{StageSetup, run_stage};

/// What a finished job leaves.
#[derive(Clone, Debug)]
pub struct JobOutcome {
    /// The last evaluation on the target's test set.
    pub target: Evaluation,
    /// The trained model, part by part.
    pub tensors: Vec<NamedTensor>,
}

/// Runs a job on prepared data; `device` is the plain device, without autodiff.
///
/// # Errors
/// If a part cannot be built, a method cannot go on, a sample cannot be read, or the observer
/// cannot write.
pub fn run_job(
    job: &Job,
    data: &JobData,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<JobOutcome, EngineError> {
    let device = device.clone().autodiff();
    let key = Key::new(job.seed);
    let shape = data.input_shape();
    let classes = data.classes.len();
    let mut model = build_model(job, shape, classes, &device, &key.named("model"))?;
    let mut evaluation = Evaluation::default();
    for (index, stage) in job.method.stages.iter().enumerate() {
        let key = key.named("stage").at(index as u64);
        let context = MethodContext {
            device: device.clone(),
            key: key.named("method"),
            input_shape: shape,
            feature_size: model.feature_size(),
            classes,
            sources: data.sources.len(),
            total_steps: stage.training.iterations,
        };
        let mut method = build_method(stage, &context)?;
        let mut updater = build_updater(&stage.training)?;
        let setup = StageSetup {
            index,
            label: &job.method.label,
            training: &stage.training,
            target_labels: uses_target_labels(stage),
            device: &device,
            key,
        };
        evaluation = run_stage(&setup, &mut model, &mut *method, &mut updater, data, observer)?;
    }
    let tensors = model
        .parts()
        .into_iter()
        .flat_map(|part| {
            part.network.tensors().into_iter().map(move |tensor| NamedTensor {
                path: format!("{}.{}", part.name, tensor.path),
                data: tensor.data,
            })
        })
        .collect();
    Ok(JobOutcome { target: evaluation, tensors })
}

/// Whether a stage trains on the target's labels: an upper bound.
pub fn uses_target_labels(stage: &StageSpec) -> bool {
    stage.align.iter().any(|align| {
        registry::find(Kind::Method, &align.plugin.name)
            .is_some_and(|plugin| plugin.needs.target_labels)
    })
}
