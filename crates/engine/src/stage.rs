//! The loop of one stage.

use burn::tensor::Device;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::context::{DomainRole, Grouping, NormPolicy};
use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::{DataError, MethodError};
use isthmus_core::method::{Driver, Method};
use isthmus_core::metric::Measurement;
use isthmus_core::metric::{EFFECTIVE_CLASSES, SOURCE_PREFIX, TARGET_PREFIX};
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::{Evaluation, Objective};
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::random::Key;
use isthmus_core::spec::{StreamOrder, TrainingSpec};
use isthmus_core::stage::{Stage, Updates};
use isthmus_core::step::Step;
use isthmus_core::terms::Terms;
use isthmus_core::updater::Updater;
use isthmus_core::validation::Outputs;

use crate::build::{self, TrainingMethods};
use crate::checkpoint::{self, Kept, load_model};
use crate::data::{Draws, JobData};
use crate::error::EngineError;
use crate::evaluation::predict;
use crate::observer::{Next, Observer};
use crate::selection::Selection;
use crate::stream_plan::shift_ranges;

/// Steps between two measurements of the training losses.
pub(crate) const MEASURE_EVERY: usize = 50;

/// What a finished stage leaves besides the model.
pub struct StageOutcome {
    /// The target's last evaluation.
    pub evaluation: Evaluation,
    /// What was predicted of the target's test samples.
    pub outputs: Outputs,
    /// What predicts.
    pub predictor: Box<dyn Predictor>,
    /// Images that show what the driver does, by their captions.
    pub pictures: Vec<NamedTensor>,
}

/// What a stage starts from.
pub struct StageSetup<'a> {
    /// Position of the stage in its method, from 0.
    pub index: usize,
    /// Label of the method, for messages.
    pub label: &'a str,
    /// How it is trained.
    pub training: &'a TrainingSpec,
    /// Whether the target's labels take the source's place (upper bounds).
    pub target_labels: bool,
    /// Whether the source is measured: not where the stage's methods read no source sample, unless
    /// validators score by it.
    pub measures_source: bool,
    /// In which order a stream shows the samples of each domain.
    pub stream_order: StreamOrder,
    /// The device, with autodiff.
    pub device: &'a Device,
    /// Names the stage's randomness.
    pub key: Key,
    /// The loss on labelled rows.
    pub objective: &'a dyn Objective,
    /// The validators that score evaluations.
    pub selection: Option<&'a Selection>,
}

impl StageSetup<'_> {
    /// What is predicted of all samples of a set.
    fn test(
        &self,
        predictor: &mut dyn Predictor,
        set: &LabelledSource,
        role: DomainRole,
    ) -> Result<Outputs, DataError> {
        let rows: Vec<usize> = (0..set.samples.rows()).collect();
        predict(predictor, &*set.samples, &rows, role, &self.device.clone().inner())
    }

    /// What predicts: what the method says, else the model.
    pub(crate) fn predictor(
        &self,
        own: Option<Box<dyn Predictor>>,
        model: &Model,
    ) -> Box<dyn Predictor> {
        let grouping = self.training.normalization;
        own.unwrap_or_else(|| Box::new(ModelPredictor::new(model, grouping)))
    }

    /// The data of the stage.
    pub(crate) fn draws(&self, data: &JobData) -> Draws {
        if self.target_labels {
            Draws::upper_bound(data, self.training.batch_size, self.key)
        } else {
            Draws::adaptation(data, self.training.batch_size, self.key)
        }
    }

    /// The stage as its methods see it.
    pub(crate) fn stage<'s>(
        &'s self,
        model: &'s mut Model,
        data: &'s Draws,
        updates: Updates<'s>,
    ) -> Stage<'s> {
        Stage {
            model,
            data,
            objective: self.objective,
            device: self.device.clone(),
            key: self.key,
            total_steps: self.training.iterations,
            batch_size: self.training.batch_size,
            norm: NormPolicy::TRAIN.grouped(self.training.normalization),
            updates,
        }
    }

    pub(crate) fn failed(&self, source: MethodError) -> EngineError {
        EngineError::Method { method: self.label.to_owned(), source }
    }
}

/// Runs a stage to its end, or to the step at which it stops before, from `resumed` if it is a
/// checkpoint of it, and evaluates what its methods predict.
///
/// # Errors
/// If a method cannot go on, a sample cannot be read, the checkpoint is not of this job, or the
/// observer cannot write or stops the job.
pub fn run_stage(
    setup: &StageSetup<'_>,
    model: &mut Model,
    methods: TrainingMethods,
    updater: &mut Updater,
    data: &JobData,
    resumed: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<StageOutcome, EngineError> {
    let training = setup.training;
    let TrainingMethods { driver_label, mut driver, mut terms } = methods;
    let draws = setup.draws(data);
    let steps = training.steps();
    observer.stage_started(setup.index, steps)?;
    if resumed.is_none() {
        observer.stage_entered(setup.index, &mut || model.evaluation_copy())?;
    }
    if let Some(checkpoint) = resumed {
        load_model(checkpoint, model)?;
    }
    {
        // Terms begin with a stage that holds no terms: theirs are borrowed here.
        let mut none = Terms::default();
        let updates = Updates::new(updater, &mut none, &driver_label);
        let mut stage = setup.stage(model, &draws, updates);
        if let Some(driver) = &mut driver {
            driver.begin(&mut stage).map_err(|source| setup.failed(source))?;
        }
        terms.begin(&mut stage).map_err(|source| setup.failed(source))?;
    }
    if let Some(checkpoint) = resumed {
        // Beginning may have changed the model.
        load_model(checkpoint, model)?;
        let device = &setup.device.clone().inner();
        let networks = build::networks(&mut driver, &mut terms);
        let state = checkpoint::load(checkpoint, networks, updater, device)?;
        build::load_state(&mut driver, &mut terms, state).map_err(|source| setup.failed(source))?;
    }
    let mut last = None;
    for number in resumed.map_or(0, |checkpoint| checkpoint.step)..steps {
        let done = number + 1;
        let evaluated = done % training.evaluate_every == 0 || done == steps;
        let measure = evaluated || done % MEASURE_EVERY == 0;
        let mut measurements = Vec::new();
        for batch in 0..updater.accumulate() {
            let updates = Updates::new(updater, &mut terms, &driver_label);
            let stage = setup.stage(model, &draws, updates);
            let mut step = Step::new(stage, number, batch, measure);
            match &mut driver {
                Some(driver) => driver.step(&mut step),
                None => step.loss().and_then(|loss| step.update(&loss, Vec::new())),
            }
            .map_err(|source| setup.failed(source))?;
            measurements = step.into_measurements();
        }
        if measure {
            let rate = updater.learning_rate(number, training.iterations);
            measurements.push(("learning_rate".to_owned(), rate));
        }
        observer.step_done(setup.index, done, &measurements)?;
        if evaluated {
            let own = own_predictor(&mut driver, &mut terms, model, training.normalization);
            last = Some(evaluate(setup, setup.predictor(own, model), data, done, observer)?);
        }
        if done < steps {
            let next = observer.next();
            if next != Next::Continue {
                let state = build::state(driver.as_deref(), &terms);
                let kept = Kept { state, networks: build::networks(&mut driver, &mut terms) };
                let checkpoint = checkpoint::take(setup.index, done, model, kept, updater);
                observer.checkpoint(checkpoint)?;
            }
            if next == Next::Stop {
                return Err(EngineError::Interrupted { stage: setup.index, step: done });
            }
        }
    }
    let outcome = match last {
        Some(outcome) => outcome,
        None => {
            let own = own_predictor(&mut driver, &mut terms, model, training.normalization);
            evaluate(setup, setup.predictor(own, model), data, 0, observer)?
        }
    };
    let pictures = {
        let mut none = Terms::default();
        let updates = Updates::new(updater, &mut none, &driver_label);
        let mut stage = setup.stage(model, &draws, updates);
        let pictures = driver.as_mut().map(|driver| driver.pictures(&mut stage)).transpose();
        pictures.map_err(|source| setup.failed(source))?.unwrap_or_default()
    };
    observer.stage_finished(setup.index, &mut || model.recorded_tensors())?;
    Ok(StageOutcome { pictures, ..outcome })
}

/// What predicts, where a method of the stage has a predictor of its own.
fn own_predictor(
    driver: &mut Option<Box<dyn Driver>>,
    terms: &mut Terms,
    model: &Model,
    grouping: Grouping,
) -> Option<Box<dyn Predictor>> {
    let own = driver.as_mut().and_then(|driver| driver.predictor(model, grouping));
    own.or_else(|| terms.predictor(model, grouping))
}

/// Measures a predictor.
pub(crate) fn evaluate(
    setup: &StageSetup<'_>,
    mut predictor: Box<dyn Predictor>,
    data: &JobData,
    step: usize,
    observer: &mut dyn Observer,
) -> Result<StageOutcome, EngineError> {
    let outputs = setup.test(&mut *predictor, &data.target.test, DomainRole::Target)?;
    let evaluation = evaluate_outputs(setup, &mut *predictor, &outputs, data, step, observer)?;
    Ok(StageOutcome { evaluation, outputs, predictor, pictures: Vec::new() })
}

/// Measures a method by what it predicted of the target's test samples, and by what its predictor
/// makes of others.
pub(crate) fn evaluate_outputs(
    setup: &StageSetup<'_>,
    predictor: &mut dyn Predictor,
    outputs: &Outputs,
    data: &JobData,
    step: usize,
    observer: &mut dyn Observer,
) -> Result<Evaluation, EngineError> {
    let objective = setup.objective;
    let judge = |outputs: &Outputs, set: &LabelledSource| {
        objective.evaluate(outputs, &set.targets).map_err(|source| setup.failed(source))
    };
    let target = judge(outputs, &data.target.test)?;
    // A model is not collapsed that predicts all the classes which the target may have.
    let spread = match data.target_classes {
        Some(own) => outputs.logits.columns() as f64 / own as f64,
        None => 1.0,
    };
    let named = |(name, value): &Measurement| {
        let scale = if name == EFFECTIVE_CLASSES { spread } else { 1.0 };
        (format!("{TARGET_PREFIX}{name}"), value * scale)
    };
    let mut measurements: Vec<Measurement> = target.metrics.iter().map(named).collect();
    measurements.extend(shift_metrics(setup, outputs, data)?);
    let primary = objective.metrics().primary().name.clone();
    let sources = if setup.measures_source { data.sources.as_slice() } else { &[] };
    for (index, domain) in sources.iter().enumerate() {
        let source = setup.test(predictor, &domain.test, DomainRole::Source(index))?;
        let name = match data.sources.len() {
            1 => format!("{SOURCE_PREFIX}{primary}"),
            _ => format!("{SOURCE_PREFIX}{primary}/{}", domain.name),
        };
        let value = judge(&source, &domain.test)?.metric(&primary);
        measurements.extend(value.map(|value| (name, value)));
    }
    if let Some(selection) = setup.selection {
        let device = setup.device.clone().inner();
        measurements.extend(selection.score(predictor, objective, data, outputs, &device)?);
    }
    observer.evaluated(setup.index, step, &measurements, &mut || predictor.tensors())?;
    Ok(target)
}

/// The metrics of each domain of a stream, as `target_accuracy/NAME`; none where the target is one
/// domain.
fn shift_metrics(
    setup: &StageSetup<'_>,
    outputs: &Outputs,
    data: &JobData,
) -> Result<Vec<Measurement>, EngineError> {
    let metrics = setup.objective.metrics();
    let mut measurements = Vec::new();
    for (domain, rows) in data.shifts.iter().zip(shift_ranges(data)) {
        let rows: Vec<usize> = rows.collect();
        let judged = setup
            .objective
            .evaluate(&outputs.select(&rows), &domain.test.targets)
            .map_err(|source| setup.failed(source))?;
        for info in metrics.list() {
            let value = judged.metric(&info.name);
            let name = || format!("{}/{}", info.of_target(), domain.name);
            measurements.extend(value.map(|value| (name(), value)));
        }
    }
    Ok(measurements)
}
