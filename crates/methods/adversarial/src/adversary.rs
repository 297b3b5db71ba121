//! A discriminator that features are trained against.

use burn::tensor::{Int, Tensor, TensorData};
use isthmus_core::config::{Choice, DiscriminatorKind};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::error::MethodError;
use isthmus_core::method::MethodContext;
use isthmus_core::parts::Discriminator;
use isthmus_core::registry::build_discriminator;
use isthmus_core::step::{Joint, Step};
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::{
    dann_domain_bce, dann_domain_bce_weighted, domain_columns, gradient_reversal,
};
use isthmus_losses::classification::cross_entropy_per_sample;

use crate::measure::balanced_accuracy;
use crate::reversal::Reversal;

/// A discriminator that features are trained against.
pub(crate) struct Adversary {
    /// The method's name, for messages.
    pub name: &'static str,
    /// How strongly features follow it.
    pub reversal: Reversal,
    /// The network.
    pub discriminator: Box<dyn Discriminator>,
}

/// What the features do to confuse a discriminator, in place of a reversed gradient: a loss of its
/// logits `[batch, domains]`, one column for each domain, that is least where it cannot tell.
pub(crate) type Confusion = fn(Tensor<2>) -> Tensor<1>;

impl Adversary {
    /// The discriminator that a configuration chooses, for inputs of `size` values and `domains`
    /// domains.
    pub fn new(
        name: &'static str,
        choice: &Choice<DiscriminatorKind>,
        reversal: Reversal,
        size: usize,
        domains: usize,
        context: &MethodContext,
    ) -> Result<Self, MethodError> {
        let network = context.network("discriminator");
        let discriminator = build_discriminator(choice, size, domains, &network)?;
        Ok(Self { name, reversal, discriminator })
    }

    /// Its network, for the method that it belongs to.
    pub fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("discriminator", Role::Discriminator, &mut *self.discriminator)]
    }

    /// The loss of the joint batch's domains, in which source rows weigh `source_weights` and target
    /// rows 1, by features whose gradient is reversed. It is noted.
    pub fn align(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
        source_weights: Tensor<1>,
    ) -> Result<Tensor<1>, MethodError> {
        let target_weights = Tensor::ones([joint.target_rows], &source_weights.device());
        self.align_rows(step, joint, Tensor::cat(vec![source_weights, target_weights], 0))
    }

    /// The same with a weight for each row of the batch.
    pub fn align_rows(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
        weights: Tensor<1>,
    ) -> Result<Tensor<1>, MethodError> {
        let logits = self.logits(step, joint)?;
        let loss = domain_loss(&logits, &joint.segments, Some(weights));
        note(step, &loss, &logits, &joint.segments);
        Ok(loss)
    }

    /// Domain logits `[batch, columns]` of the joint batch's features, whose gradient is reversed.
    pub fn logits(&mut self, step: &mut Step<'_>, joint: &Joint) -> Result<Tensor<2>, MethodError> {
        self.judge(step, &joint.segments, joint.features.clone())
    }

    /// Domain logits `[batch, columns]` of rows of these domains, whose gradient is reversed.
    pub fn judge(
        &mut self,
        step: &mut Step<'_>,
        segments: &[Segment],
        inputs: Tensor<2>,
    ) -> Result<Tensor<2>, MethodError> {
        let lambda = self.coefficient(step);
        self.pass(step, segments, gradient_reversal(inputs, lambda))
    }

    /// Domain logits `[batch, columns]` of rows of these domains; nothing is reversed.
    pub fn pass(
        &mut self,
        step: &Step<'_>,
        segments: &[Segment],
        inputs: Tensor<2>,
    ) -> Result<Tensor<2>, MethodError> {
        require_both(self.name, segments)?;
        Ok(self.discriminator.forward(inputs, &discriminator_context(step, segments)))
    }

    /// Domain logits of the inputs, off their tape, and a loss by which the discriminator learns to
    /// tell the domains and the inputs to confuse it: its value is the discriminator's, its gradient
    /// with respect to the inputs that of `confusion` times the coefficient of this step.
    pub fn confuse(
        &mut self,
        step: &mut Step<'_>,
        segments: &[Segment],
        inputs: Tensor<2>,
        confusion: Confusion,
    ) -> Result<(Tensor<2>, Tensor<1>), MethodError> {
        let coefficient = self.coefficient(step);
        let logits = self.pass(step, segments, inputs.clone().detach())?;
        let own = domain_loss(&logits, segments, None);
        // A pass of its own, since the discriminator must not follow the confusion: of its gradients
        // only the inputs' are taken.
        let leaf = inputs.clone().detach().require_grad();
        let confused = self.pass(step, segments, leaf.clone())?;
        let confusion = confusion(domain_columns(confused));
        if step.measure {
            step.note("confusion", confusion.clone().into_scalar::<f64>());
        }
        let Some(gradient) = leaf.grad(&confusion.backward()) else {
            return Ok((logits, own));
        };
        let zero = inputs.clone() - inputs.detach();
        Ok((logits, own + (zero * gradient.mul_scalar(coefficient)).sum()))
    }

    fn coefficient(&self, step: &mut Step<'_>) -> f64 {
        let lambda = self.reversal.coefficient(step.number, step.stage.total_steps);
        if step.measure {
            step.note("lambda", lambda);
        }
        lambda
    }
}

/// One pass over all rows: the discriminator's norm layers see both domains. All passes of a step
/// have the same dropout masks.
pub(crate) fn discriminator_context(step: &Step<'_>, segments: &[Segment]) -> Context {
    Context::train(segments.to_vec(), step.key().named("discriminator"))
}

/// Notes a discriminator's loss and how well it tells the domains.
pub(crate) fn note(
    step: &mut Step<'_>,
    loss: &Tensor<1>,
    logits: &Tensor<2>,
    segments: &[Segment],
) {
    if step.measure {
        step.note("domain_loss", loss.clone().into_scalar::<f64>());
        step.note("discriminator_accuracy", balanced_accuracy(logits, segments));
    }
}

/// The loss by which a discriminator tells domains apart: of a single logit the binary
/// cross-entropy, in which both domains count alike; of one column a domain the cross-entropy of all
/// rows. `weights` `[batch]` weigh the rows.
pub(crate) fn domain_loss(
    logits: &Tensor<2>,
    segments: &[Segment],
    weights: Option<Tensor<1>>,
) -> Tensor<1> {
    let [rows, columns] = logits.dims();
    if columns > 1 {
        let losses =
            cross_entropy_per_sample(logits.clone(), domain_labels(segments, &logits.device()));
        return match weights {
            Some(weights) => (losses * weights).mean(),
            None => losses.mean(),
        };
    }
    let source_rows = source_rows(segments);
    let target_rows = rows - source_rows;
    let source = logits.clone().narrow(0, 0, source_rows);
    let target = logits.clone().narrow(0, source_rows, target_rows);
    match weights {
        None => dann_domain_bce(source, target),
        Some(weights) => {
            let of_source = weights.clone().narrow(0, 0, source_rows);
            let of_target = weights.narrow(0, source_rows, target_rows);
            dann_domain_bce_weighted(source, target, of_source, of_target)
        }
    }
}

/// The domain of each row `[batch]`, as the discriminator's columns count them.
pub(crate) fn domain_labels(segments: &[Segment], device: &burn::tensor::Device) -> Tensor<1, Int> {
    let of_segment = |segment: &Segment| vec![segment.domain.slot() as i64; segment.rows];
    let labels: Vec<i64> = segments.iter().flat_map(of_segment).collect();
    let rows = labels.len();
    Tensor::from_data(TensorData::new(labels, [rows]), device)
}

/// Rows of all sources, which come before those of the target.
pub(crate) fn source_rows(segments: &[Segment]) -> usize {
    let sources = segments.iter().filter(|segment| segment.domain != DomainRole::Target);
    sources.map(|segment| segment.rows).sum()
}

/// Refuses a batch that lacks a domain; `name` is the method's.
pub(crate) fn require_both(name: &str, segments: &[Segment]) -> Result<(), MethodError> {
    let all: usize = segments.iter().map(|segment| segment.rows).sum();
    let source = source_rows(segments);
    let target = all - source;
    if source > 0 && target > 0 {
        return Ok(());
    }
    Err(MethodError::Unsuitable(format!(
        "`{name}` needs rows of both domains in a batch, this one has {source} of the source and \
         {target} of the target"
    )))
}
