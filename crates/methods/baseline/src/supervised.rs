//! One step of supervised training on the labelled batch of a stage.

use isthmus_core::context::Segment;
use isthmus_core::error::MethodError;
use isthmus_core::method::StepReport;
use isthmus_core::optimizer::is_host;
use isthmus_core::stage::Stage;
use isthmus_losses::classification::cross_entropy_smoothed;

/// Name of the loss in the record.
const CLASS_LOSS: &str = "class_loss";

/// Supervised training.
pub(crate) struct Supervised {
    /// Share of a label's mass that is spread over all classes.
    pub label_smoothing: f64,
}

impl Supervised {
    /// Forward of the labelled batch, cross-entropy, update. `segments_of` says which domain the
    /// norm layers take the rows for.
    pub fn step(
        &self,
        stage: &mut Stage<'_>,
        step: usize,
        measure: bool,
        segments_of: impl Fn(Vec<Segment>) -> Vec<Segment>,
    ) -> Result<StepReport, MethodError> {
        let batch = stage.data.source_batch(step, &stage.device)?;
        let labels = batch.label_tensor(&stage.device);
        let context = stage.training_context(segments_of(batch.segments), step);
        let (_, logits) = stage.model.forward(batch.input, &context);
        let loss = cross_entropy_smoothed(logits, labels, self.label_smoothing);

        let mut report = StepReport::default();
        // On the host the check costs nothing; elsewhere it would wait for the device each step.
        if measure || is_host(&stage.device) {
            let value = loss.clone().into_scalar::<f64>();
            if !value.is_finite() {
                return Err(MethodError::Diverged { quantity: CLASS_LOSS.to_owned(), value, step });
            }
            if measure {
                report.measurements.push((CLASS_LOSS.to_owned(), value));
            }
        }
        stage.update(step, &loss, Vec::new());
        Ok(report)
    }
}
