//! The loop of one stage.

use burn::tensor::Device;
use isthmus_core::context::{DomainRole, NormPolicy};
use isthmus_core::method::{Measurement, TrainingMethod};
use isthmus_core::model::Model;
use isthmus_core::random::Key;
use isthmus_core::spec::TrainingSpec;
use isthmus_core::stage::Stage;
use isthmus_core::updater::Updater;

use crate::data::{Draws, JobData};
use crate::error::EngineError;
use crate::evaluation::{Evaluation, evaluate};
use crate::observer::Observer;

/// Steps between two measurements of the training losses.
const MEASURE_EVERY: usize = 50;

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
    /// The device, with autodiff.
    pub device: &'a Device,
    /// Names the stage's randomness.
    pub key: Key,
}

/// Runs a stage to its end and evaluates the model; returns the target's last evaluation.
///
/// # Errors
/// If the method cannot go on, a sample cannot be read, or the observer cannot write.
pub fn run_stage(
    setup: &StageSetup<'_>,
    model: &mut Model,
    method: &mut dyn TrainingMethod,
    updater: &mut Updater,
    data: &JobData,
    observer: &mut dyn Observer,
) -> Result<Evaluation, EngineError> {
    let training = setup.training;
    let draws = if setup.target_labels {
        Draws::upper_bound(data, training.batch_size, setup.key)
    } else {
        Draws::adaptation(data, training.batch_size, setup.key)
    };
    observer.stage_started(setup.index, training.iterations)?;
    let failed = |source| EngineError::Method { method: setup.label.to_owned(), source };
    let mut stage = Stage {
        model,
        updater,
        data: &draws,
        device: setup.device.clone(),
        key: setup.key,
        total_steps: training.iterations,
        batch_size: training.batch_size,
        norm: NormPolicy::TRAIN.grouped(training.normalization),
    };
    method.begin(&mut stage).map_err(failed)?;
    let mut last = None;
    for step in 0..training.iterations {
        let done = step + 1;
        let evaluated = done % training.evaluate_every == 0 || done == training.iterations;
        let measure = evaluated || done % MEASURE_EVERY == 0;
        let mut report = method.step(&mut stage, step, measure).map_err(failed)?;
        if measure {
            let rate = stage.updater.learning_rate(step, training.iterations);
            report.measurements.push(("learning_rate".to_owned(), rate));
        }
        observer.step_done(setup.index, done, &report.measurements)?;
        if evaluated {
            let (evaluation, measurements) = evaluate_model(setup, stage.model, data)?;
            observer.evaluated(setup.index, done, &measurements)?;
            last = Some(evaluation);
        }
    }
    match last {
        Some(evaluation) => Ok(evaluation),
        None => {
            let (evaluation, measurements) = evaluate_model(setup, stage.model, data)?;
            observer.evaluated(setup.index, 0, &measurements)?;
            Ok(evaluation)
        }
    }
}

fn evaluate_model(
    setup: &StageSetup<'_>,
    model: &Model,
    data: &JobData,
) -> Result<(Evaluation, Vec<Measurement>), EngineError> {
    let device = setup.device.clone().inner();
    let grouping = setup.training.normalization;
    let mut model = model.evaluation_copy();
    let target = evaluate(&mut model, &data.target.test, DomainRole::Target, grouping, &device)?;
    let mut measurements = vec![
        ("target_accuracy".to_owned(), target.accuracy()),
        ("target_class_accuracy".to_owned(), target.class_accuracy()),
        ("target_loss".to_owned(), target.loss),
    ];
    for (index, domain) in data.sources.iter().enumerate() {
        let role = DomainRole::Source(index);
        let source = evaluate(&mut model, &domain.test, role, grouping, &device)?;
        let name = match data.sources.len() {
            1 => "source_accuracy".to_owned(),
            _ => format!("source_accuracy/{}", domain.name),
        };
        measurements.push((name, source.accuracy()));
    }
    Ok((target, measurements))
}
