//! A discriminator behind a gradient reversal.

use burn::tensor::Tensor;
use isthmus_core::context::Context;
use isthmus_core::error::MethodError;
use isthmus_core::parts::Discriminator;
use isthmus_core::step::{Joint, Step};
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::gradient_reversal;

use crate::reversal::Reversal;

/// A discriminator that features are trained against.
pub(crate) struct Adversary {
    /// The method's name, for messages.
    pub name: &'static str,
    /// How strongly its gradient is reversed.
    pub reversal: Reversal,
    /// The network.
    pub discriminator: Box<dyn Discriminator>,
}

impl Adversary {
    /// Its network, for the method that it belongs to.
    pub fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("discriminator", Role::Discriminator, &mut *self.discriminator)]
    }

    /// Domain logits `[batch, columns]` of the joint batch's features, whose gradient is reversed.
    pub fn logits(&mut self, step: &mut Step<'_>, joint: &Joint) -> Result<Tensor<2>, MethodError> {
        if joint.source_rows == 0 || joint.target_rows == 0 {
            return Err(MethodError::Unsuitable(format!(
                "`{}` needs rows of both domains in a batch, this one has {} of the source and {} \
                 of the target",
                self.name, joint.source_rows, joint.target_rows
            )));
        }
        let lambda = self.reversal.coefficient(step.number, step.stage.total_steps);
        if step.measure {
            step.note("lambda", lambda);
        }
        // One pass over the joint batch: the discriminator's norm layers see both domains.
        let context = Context::train(joint.segments.clone(), step.key().named("discriminator"));
        let reversed = gradient_reversal(joint.features.clone(), lambda);
        Ok(self.discriminator.forward(reversed, &context))
    }
}
