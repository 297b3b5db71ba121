//! One step of supervised training on the labelled batch of a stage.

use isthmus_core::context::Segment;
use isthmus_core::error::MethodError;
use isthmus_core::step::Step;

/// Forward of the labelled batch, the objective's loss, update. `segments_of` says which domain
/// the norm layers take the rows for.
pub(crate) fn step(
    step: &mut Step<'_>,
    segments_of: impl Fn(Vec<Segment>) -> Vec<Segment>,
) -> Result<(), MethodError> {
    let batch = step.stage.data.source_batch(step.batch_number(), &step.stage.device)?;
    let output = step.first_pass(batch.input, segments_of(batch.segments));
    let objective = step.stage.objective;
    let loss = objective.loss(&output, &batch.targets, None)?;
    if step.measure {
        step.note(objective.loss_name(), loss.clone().into_scalar::<f64>());
    }
    step.update(&loss, Vec::new())
}
