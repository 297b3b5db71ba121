//! A stage that fits once.

use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::method::Fit;
use isthmus_core::model::Model;
use isthmus_core::stage::Updates;
use isthmus_core::terms::Terms;
use isthmus_core::updater::Updater;

use crate::data::JobData;
use crate::error::EngineError;
use crate::observer::Observer;
use crate::stage::{StageOutcome, StageSetup, evaluate};

/// Fits the method, and evaluates what it predicts: one step, one evaluation. `resumed` is never a
/// checkpoint of its midst, since there is none.
///
/// # Errors
/// If the method cannot be fitted, a sample cannot be read, or the observer cannot write.
pub fn run_fit(
    setup: &StageSetup<'_>,
    model: &mut Model,
    method: &mut dyn Fit,
    updater: &mut Updater,
    data: &JobData,
    resumed: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<StageOutcome, EngineError> {
    observer.stage_started(setup.index, 1)?;
    if resumed.is_none() {
        observer.stage_entered(setup.index, &mut || model.evaluation_copy())?;
    }
    let draws = setup.draws(data);
    let mut terms = Terms::default();
    let updates = Updates::new(updater, &mut terms, setup.label);
    let measurements = method
        .fit(&mut setup.stage(model, &draws, updates))
        .map_err(|source| setup.failed(source))?;
    observer.step_done(setup.index, 1, &measurements)?;
    let own = method.predictor(model, setup.training.normalization);
    let outcome = evaluate(setup, setup.predictor(own, model), data, 1, observer)?;
    observer.stage_finished(setup.index, &mut || model.recorded_tensors())?;
    Ok(outcome)
}
