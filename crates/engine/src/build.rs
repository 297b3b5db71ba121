//! Builds the parts of a job from the registry.

use burn::tensor::Device;
use isthmus_core::error::MethodError;
use isthmus_core::input::InputShape;
use isthmus_core::method::{Driver, Fit, Method, MethodContext};
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::Objective;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::random::Key;
use isthmus_core::registry::{
    self, BottleneckKind, ClassifierKind, ExtractorKind, MethodBuilder, MethodKind, ObjectiveKind,
    OptimizerKind, ScheduleKind,
};
use isthmus_core::spec::{ExtractorSpec, Job, PluginSpec, StageSpec, TrainingSpec};
use isthmus_core::terms::{Terms, WeightedTerm};
use isthmus_core::test_time::TestTimeMethod;
use isthmus_core::updater::{GroupSelector, Part, UpdateGroup, UpdateSettings, Updater};

use crate::error::EngineError;

/// Builds the objective of a job.
///
/// # Errors
/// If it is not linked.
pub fn build_objective(spec: &PluginSpec) -> Result<Box<dyn Objective>, EngineError> {
    let build = registry::builder::<ObjectiveKind>(&spec.name)?;
    Ok(build(&spec.config))
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
    let builder = registry::builder::<ExtractorKind>(&spec.name)?;
    Ok((builder.build)(&spec.config, shape, context)?)
}

/// Builds the model of a job for inputs of `shape` and a classifier of `outputs` outputs. When the
/// extractor is frozen, the inputs are the features it was run for beforehand, and the identity
/// stands in its place.
///
/// # Errors
/// If a part is not linked or cannot be built for these sizes.
pub fn build_model(
    job: &Job,
    shape: InputShape,
    outputs: usize,
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
        Some(spec) => {
            let build = registry::builder::<BottleneckKind>(&spec.name)?;
            let shape = InputShape::Features { size: extractor.output_size() };
            Some(build(&spec.config, shape, &context("bottleneck"))?)
        }
    };
    let features = bottleneck.as_ref().unwrap_or(&extractor).output_size();
    let build = registry::builder::<ClassifierKind>(&job.classifier.name)?;
    let classifier = build(&job.classifier.config, features, outputs, &context("classifier"))?;
    let model = Model::new(extractor, bottleneck, classifier);
    Ok(match weights(&job.extractor) {
        Some(weights) if !job.extractor.frozen => model.from_file(weights),
        _ => model,
    })
}

/// Identifies the pretrained weights that an extractor begins with.
pub fn weights(extractor: &ExtractorSpec) -> Option<String> {
    let builder = registry::builder::<ExtractorKind>(&extractor.plugin.name).ok()?;
    (builder.weights)(&extractor.plugin.config)
}

/// Lets a model be read state by state, where the objective reads states.
///
/// # Errors
/// If the extractor gives none.
pub(crate) fn read_by(
    objective: &dyn Objective,
    model: Model,
    job: &Job,
) -> Result<Model, EngineError> {
    match objective.reads_states() {
        true => Ok(model.reading_states(&job.extractor.plugin.name)?),
        false => Ok(model),
    }
}

/// What runs a stage.
pub enum StageMethod {
    /// Steps of training.
    Training(TrainingMethods),
    /// One fit, without steps.
    Fit(Box<dyn Fit>),
    /// A stream of target samples.
    TestTime(Box<dyn TestTimeMethod>),
}

/// The terms of a stage, and its driver if it has one.
pub struct TrainingMethods {
    /// Label of the driver; empty without one.
    pub driver_label: String,
    /// Drives the updates; without one, every step is one update by the loss of the stage.
    pub driver: Option<Box<dyn Driver>>,
    /// The terms.
    pub terms: Terms,
}

/// Where the driver's own networks and state are in a checkpoint.
const DRIVER: &str = "driver";
/// Where those of the terms are.
const TERMS: &str = "terms";

/// The networks of a stage's methods.
pub(crate) fn networks<'m>(
    driver: &'m mut Option<Box<dyn Driver>>,
    terms: &'m mut Terms,
) -> Vec<Part<'m>> {
    let mut parts = Vec::new();
    if let Some(driver) = driver {
        parts.extend(driver.networks().into_iter().map(|part| part.below(DRIVER)));
    }
    parts.extend(terms.networks().into_iter().map(|part| part.below(TERMS)));
    parts
}

/// The state of a stage's methods.
pub(crate) fn state(driver: Option<&dyn Driver>, terms: &Terms) -> Vec<NamedTensor> {
    let own = driver.map(Method::state).unwrap_or_default().into_iter();
    let terms = terms.state().into_iter();
    own.map(|tensor| tensor.below(DRIVER)).chain(terms.map(|it| it.below(TERMS))).collect()
}

/// Gives a stage's methods their state back.
pub(crate) fn load_state(
    driver: &mut Option<Box<dyn Driver>>,
    terms: &mut Terms,
    state: Vec<NamedTensor>,
) -> Result<(), MethodError> {
    let (mut own, mut of_terms) = (Vec::new(), Vec::new());
    for tensor in state {
        if let Some(path) = tensor.path.strip_prefix(DRIVER).and_then(|it| it.strip_prefix('.')) {
            own.push(NamedTensor { path: path.to_owned(), data: tensor.data });
        } else if let Some(path) =
            tensor.path.strip_prefix(TERMS).and_then(|it| it.strip_prefix('.'))
        {
            of_terms.push(NamedTensor { path: path.to_owned(), data: tensor.data });
        } else {
            return Err(MethodError::Checkpoint(format!("it holds `{}`", tensor.path)));
        }
    }
    match driver {
        Some(driver) => driver.load_state(own)?,
        None if own.is_empty() => {}
        None => {
            let found = format!("it holds `{}`, and no method drives this stage", own[0].path);
            return Err(MethodError::Checkpoint(found));
        }
    }
    terms.load_state(of_terms)
}

/// Builds the method of a stage: the driver and the terms, or the one of another kind.
///
/// # Errors
/// If a method is not linked or cannot work in this context.
pub fn build_method(
    stage: &StageSpec,
    context: &MethodContext,
) -> Result<StageMethod, EngineError> {
    let mut terms = Terms::default();
    let (mut driver_label, mut driver) = (String::new(), None);
    for align in &stage.align {
        let label = align.label.clone();
        let failed = |source: MethodError| EngineError::Method { method: label.clone(), source };
        let context = MethodContext { key: context.key.named(&label), ..context.clone() };
        let config = &align.plugin.config;
        match registry::builder::<MethodKind>(&align.plugin.name)? {
            MethodBuilder::Driver(build) => {
                driver = Some(build(config, &context).map_err(failed)?);
                driver_label = label;
            }
            MethodBuilder::Fit(build) => {
                return Ok(StageMethod::Fit(build(config, &context).map_err(failed)?));
            }
            MethodBuilder::TestTime(build) => {
                return Ok(StageMethod::TestTime(build(config, &context).map_err(failed)?));
            }
            MethodBuilder::Term(build) => {
                let term = build(config, &context).map_err(failed)?;
                terms.list.push(WeightedTerm { label, weight: align.weight, term });
            }
        }
    }
    Ok(StageMethod::Training(TrainingMethods { driver_label, driver, terms }))
}

/// Builds what applies the gradients of a stage.
///
/// # Errors
/// If an optimizer or a schedule is not linked.
pub fn build_updater(training: &TrainingSpec) -> Result<Updater, EngineError> {
    let mut groups =
        vec![group(GroupSelector::default(), &training.optimizer, &training.schedule)?];
    for spec in &training.groups {
        groups.push(group(spec.selector.clone(), &spec.optimizer, &spec.schedule)?);
    }
    let settings = UpdateSettings {
        factors: training.learning_rate_factors,
        clip_norm: training.gradient_clipping,
        accumulate: training.accumulate,
    };
    Ok(Updater::new(groups, settings))
}

fn group(
    selector: GroupSelector,
    optimizer: &PluginSpec,
    schedule: &PluginSpec,
) -> Result<UpdateGroup, EngineError> {
    let builder = registry::builder::<OptimizerKind>(&optimizer.name)?;
    let build_schedule = registry::builder::<ScheduleKind>(&schedule.name)?;
    Ok(UpdateGroup {
        selector,
        optimizer: (builder.build)(&optimizer.config),
        schedule: build_schedule(&schedule.config),
        learning_rate: (builder.learning_rate)(&optimizer.config),
    })
}
