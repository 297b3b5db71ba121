//! Builds the parts of a job from the registry.

use burn::tensor::Device;
use isthmus_core::error::MethodError;
use isthmus_core::input::InputShape;
use isthmus_core::method::{MethodContext, TrainingMethod};
use isthmus_core::model::Model;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Build, Kind, Plugin};
use isthmus_core::spec::{Job, PluginSpec, StageSpec, TrainingSpec};
use isthmus_core::test_time::TestTimeMethod;
use isthmus_core::updater::Updater;

use crate::composed::{Composed, WeightedTerm};
use crate::error::EngineError;

fn plugin(kind: Kind, spec: &PluginSpec) -> Result<&'static Plugin, EngineError> {
    registry::find(kind, &spec.name)
        .ok_or_else(|| EngineError::MissingPlugin { kind: kind.name(), name: spec.name.clone() })
}

/// Builds an extractor by its specification.
///
/// # Errors
/// If it is not linked, cannot take such inputs, or its weights cannot be loaded.
pub fn build_extractor(
    spec: &PluginSpec,
    shape: InputShape,
    context: &BuildContext,
) -> Result<Box<dyn Extractor>, EngineError> {
    match plugin(Kind::Extractor, spec)?.build {
        Build::Extractor { build, .. } => Ok(build(&spec.config, shape, context)?),
        _ => unreachable!("plugins of kind extractor are built as extractors"),
    }
}

/// Builds the model of a job for inputs of `shape`. When the extractor is frozen, the inputs are
/// the features it was run for beforehand, and the identity stands in its place.
///
/// # Errors
/// If a part is not linked or cannot be built for these sizes.
pub fn build_model(
    job: &Job,
    shape: InputShape,
    classes: usize,
    device: &Device,
    key: &Key,
) -> Result<Model, EngineError> {
    let context = |part: &str| BuildContext {
        device: device.clone(),
        key: key.named(part),
        sources: job.task().sources.len(),
    };
    let extractor = if job.extractor.frozen {
        let identity = PluginSpec { name: "identity".to_owned(), config: serde_json::json!({}) };
        build_extractor(&identity, shape, &context("extractor"))?
    } else {
        build_extractor(&job.extractor.plugin, shape, &context("extractor"))?
    };
    let bottleneck = match &job.bottleneck {
        None => None,
        Some(spec) => match plugin(Kind::Bottleneck, spec)?.build {
            Build::Bottleneck(build) => {
                let shape = InputShape::Features { size: extractor.output_size() };
                Some(build(&spec.config, shape, &context("bottleneck"))?)
            }
            _ => unreachable!("plugins of kind bottleneck are built as bottlenecks"),
        },
    };
    let features = bottleneck.as_ref().unwrap_or(&extractor).output_size();
    let classifier = match plugin(Kind::Classifier, &job.classifier)?.build {
        Build::Classifier(build) => {
            build(&job.classifier.config, features, classes, &context("classifier"))?
        }
        _ => unreachable!("plugins of kind classifier are built as classifiers"),
    };
    Ok(Model { extractor, bottleneck, classifier })
}

/// What runs a stage.
pub enum StageMethod {
    /// Steps of training.
    Training(Box<dyn TrainingMethod>),
    /// A stream of target samples.
    TestTime(Box<dyn TestTimeMethod>),
}

/// Builds the method of a stage: the one that has it to itself, or the terms together.
///
/// # Errors
/// If a method is not linked or cannot work in this context.
pub fn build_method(
    stage: &StageSpec,
    context: &MethodContext,
) -> Result<StageMethod, EngineError> {
    let mut terms = Vec::new();
    for align in &stage.align {
        let name = align.plugin.name.clone();
        let failed = |source: MethodError| EngineError::Method { method: name.clone(), source };
        let context = MethodContext { key: context.key.named(&name), ..context.clone() };
        match plugin(Kind::Method, &align.plugin)?.build {
            Build::Training(build) => {
                let method = build(&align.plugin.config, &context).map_err(failed)?;
                return Ok(StageMethod::Training(method));
            }
            Build::TestTime(build) => {
                let method = build(&align.plugin.config, &context).map_err(failed)?;
                return Ok(StageMethod::TestTime(method));
            }
            Build::Term(build) => {
                let term = build(&align.plugin.config, &context).map_err(failed)?;
                terms.push(WeightedTerm { name, weight: align.weight, term });
            }
            _ => unreachable!("plugins of kind method are built as methods"),
        }
    }
    let composed = Composed::new(terms, stage.training.label_smoothing);
    Ok(StageMethod::Training(Box::new(composed)))
}

/// Builds what applies the gradients of a stage.
///
/// # Errors
/// If the optimizer or the schedule is not linked.
pub fn build_updater(training: &TrainingSpec) -> Result<Updater, EngineError> {
    let (optimizer, learning_rate) = match plugin(Kind::Optimizer, &training.optimizer)?.build {
        Build::Optimizer { build, learning_rate } => {
            (build(&training.optimizer.config), learning_rate(&training.optimizer.config))
        }
        _ => unreachable!("plugins of kind optimizer are built as optimizers"),
    };
    let schedule = match plugin(Kind::Schedule, &training.schedule)?.build {
        Build::Schedule(build) => build(&training.schedule.config),
        _ => unreachable!("plugins of kind schedule are built as schedules"),
    };
    Ok(Updater::new(
        optimizer,
        schedule,
        learning_rate,
        training.learning_rate_factors,
        training.gradient_clipping,
    ))
}
