//! The loop of one stage.

use burn::tensor::Device;
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::context::{DomainRole, NormPolicy};
use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::DataError;
use isthmus_core::method::{Measurement, TrainingMethod};
use isthmus_core::model::Model;
use isthmus_core::random::Key;
use isthmus_core::spec::TrainingSpec;
use isthmus_core::stage::Stage;
use isthmus_core::updater::Updater;
use isthmus_core::validation::Outputs;

use crate::checkpoint::{self, Kept, load_model, model_tensors};
use crate::data::{Draws, JobData};
use crate::error::EngineError;
use crate::evaluation::{Evaluation, predict};
use crate::observer::{Next, Observer};
use crate::selection::Selection;

/// Steps between two measurements of the training losses.
pub(crate) const MEASURE_EVERY: usize = 50;

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
    /// The validators that score evaluations.
    pub selection: Option<&'a Selection>,
}

impl StageSetup<'_> {
    /// What a model, an evaluation copy, says of all samples of a set.
    fn test(
        &self,
        model: &mut Model,
        set: &LabelledSource,
        role: DomainRole,
    ) -> Result<Outputs, DataError> {
        let rows: Vec<usize> = (0..set.samples.rows()).collect();
        let device = self.device.clone().inner();
        predict(model, &*set.samples, &rows, role, self.training.normalization, &device)
    }
}

/// Runs a stage to its end, or to the step at which it stops before, from `resumed` if it is a
/// checkpoint of it, and evaluates the model; returns the target's last evaluation.
///
/// # Errors
/// If the method cannot go on, a sample cannot be read, the checkpoint is not of this job, or the
/// observer cannot write or stops the job.
pub fn run_stage(
    setup: &StageSetup<'_>,
    model: &mut Model,
    method: &mut dyn TrainingMethod,
    updater: &mut Updater,
    data: &JobData,
    resumed: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<Evaluation, EngineError> {
    let training = setup.training;
    let draws = if setup.target_labels {
        Draws::upper_bound(data, training.batch_size, setup.key)
    } else {
        Draws::adaptation(data, training.batch_size, setup.key)
    };
    let steps = training.steps();
    observer.stage_started(setup.index, steps)?;
    if resumed.is_none() {
        observer.stage_entered(setup.index, &mut || model.evaluation_copy())?;
    }
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
    if let Some(checkpoint) = resumed {
        load_model(checkpoint, stage.model)?;
    }
    method.begin(&mut stage).map_err(failed)?;
    if let Some(checkpoint) = resumed {
        // Beginning may have changed the model.
        load_model(checkpoint, stage.model)?;
        let device = &setup.device.clone().inner();
        let state = checkpoint::load(checkpoint, method.networks(), stage.updater, device)?;
        method.load_state(state).map_err(failed)?;
    }
    let mut last = None;
    for step in resumed.map_or(0, |checkpoint| checkpoint.step)..steps {
        let done = step + 1;
        let evaluated = done % training.evaluate_every == 0 || done == steps;
        let measure = evaluated || done % MEASURE_EVERY == 0;
        let mut report = method.step(&mut stage, step, measure).map_err(failed)?;
        if measure {
            let rate = stage.updater.learning_rate(step, training.iterations);
            report.measurements.push(("learning_rate".to_owned(), rate));
        }
        observer.step_done(setup.index, done, &report.measurements)?;
        if evaluated {
            last = Some(evaluate_model(setup, stage.model, data, done, observer)?);
        }
        if done < steps {
            let next = observer.next();
            if next != Next::Continue {
                let kept = Kept { state: method.state(), networks: method.networks() };
                let checkpoint =
                    checkpoint::take(setup.index, done, stage.model, kept, stage.updater);
                observer.checkpoint(checkpoint)?;
            }
            if next == Next::Stop {
                return Err(EngineError::Interrupted { stage: setup.index, step: done });
            }
        }
    }
    let evaluation = match last {
        Some(evaluation) => evaluation,
        None => evaluate_model(setup, stage.model, data, 0, observer)?,
    };
    observer.stage_finished(setup.index, &mut || model_tensors(stage.model))?;
    Ok(evaluation)
}

fn evaluate_model(
    setup: &StageSetup<'_>,
    trained: &mut Model,
    data: &JobData,
    step: usize,
    observer: &mut dyn Observer,
) -> Result<Evaluation, EngineError> {
    let mut model = trained.evaluation_copy();
    let outputs = setup.test(&mut model, &data.target.test, DomainRole::Target)?;
    evaluate_outputs(setup, trained, &outputs, data, step, observer)
}

/// Measures the model by what it, or its method, says of the target's test samples.
pub(crate) fn evaluate_outputs(
    setup: &StageSetup<'_>,
    trained: &mut Model,
    outputs: &Outputs,
    data: &JobData,
    step: usize,
    observer: &mut dyn Observer,
) -> Result<Evaluation, EngineError> {
    let mut model = trained.evaluation_copy();
    let target = Evaluation::of(&outputs.logits, &data.target.test.labels);
    let mut measurements: Vec<Measurement> = vec![
        ("target_accuracy".to_owned(), target.accuracy()),
        ("target_class_accuracy".to_owned(), target.class_accuracy()),
        ("target_loss".to_owned(), target.loss),
        ("target_effective_classes".to_owned(), target.effective_classes()),
    ];
    for (index, domain) in data.sources.iter().enumerate() {
        let source = setup.test(&mut model, &domain.test, DomainRole::Source(index))?;
        let name = match data.sources.len() {
            1 => "source_accuracy".to_owned(),
            _ => format!("source_accuracy/{}", domain.name),
        };
        let accuracy = Evaluation::of(&source.logits, &domain.test.labels).accuracy();
        measurements.push((name, accuracy));
    }
    if let Some(selection) = setup.selection {
        let device = setup.device.clone().inner();
        let grouping = setup.training.normalization;
        let scores = selection.score(&mut model, data, outputs, grouping, &device)?;
        measurements.extend(scores);
    }
    observer.evaluated(setup.index, step, &measurements, &mut || model_tensors(trained))?;
    Ok(target)
}
