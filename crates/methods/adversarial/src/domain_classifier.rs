//! A discriminator that nothing is trained against: it says which rows look like the source's.

use burn::tensor::Tensor;
use isthmus_core::config::{Choice, DiscriminatorKind};
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::error::MethodError;
use isthmus_core::method::MethodContext;
use isthmus_core::parts::{BuildContext, Discriminator};
use isthmus_core::registry::build_discriminator;
use isthmus_core::step::{Joint, Step};
use isthmus_core::updater::{Part, Role};

use crate::adversary::{discriminator_context, domain_loss, require_both};
use crate::measure::balanced_accuracy;

/// The classifier. All sources together are one domain.
pub(crate) struct DomainClassifier {
    /// The method's name, for messages.
    pub name: &'static str,
    /// The network.
    network: Box<dyn Discriminator>,
    /// What it is built by.
    plan: Plan,
}

/// What a classifier is built by.
#[derive(Clone)]
struct Plan {
    choice: Choice<DiscriminatorKind>,
    size: usize,
    context: BuildContext,
}

impl Plan {
    fn build(&self) -> Result<Box<dyn Discriminator>, MethodError> {
        build_discriminator(&self.choice, self.size, 2, &self.context)
    }
}

impl DomainClassifier {
    /// A classifier of features, built by what a configuration chooses.
    pub fn new(
        name: &'static str,
        choice: &Choice<DiscriminatorKind>,
        context: &MethodContext,
    ) -> Result<Self, MethodError> {
        let (choice, size) = (choice.clone(), context.feature_size);
        let plan = Plan { choice, size, context: context.network(PART) };
        Ok(Self { name, network: plan.build()?, plan })
    }

    /// A copy off the tape, for prediction.
    pub fn evaluation_copy(&self) -> Self {
        let mut plan = self.plan.clone();
        plan.context.device = plan.context.device.inner();
        let mut network = plan.build().expect("it was built by the same configuration before");
        let own = self.network.tensors().into_iter().map(|own| (own.path, own.data)).collect();
        network.load_tensors(&own).expect("both networks are built alike");
        Self { name: self.name, network, plan }
    }

    /// Logits `[rows, 1]` of features of one domain, by running statistics.
    pub fn evaluate(&mut self, features: Tensor<2>, domain: DomainRole) -> Tensor<2> {
        let context = Context::evaluate(domain, features.dims()[0]);
        self.network.forward(features, &context)
    }

    /// Its network, for the method that it belongs to.
    pub fn part(&mut self) -> Part<'_> {
        Part::new(PART, Role::Discriminator, &mut *self.network)
    }

    /// Logits `[batch, 1]` of the joint batch, off the tape, positive where a row looks like the
    /// source's, and the loss by which the classifier learns; features learn nothing from it.
    pub fn judge(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<(Tensor<2>, Tensor<1>), MethodError> {
        require_both(self.name, &joint.segments)?;
        let context = discriminator_context(step, &joint.segments);
        let logits = self.network.forward(joint.features.clone().detach(), &context);
        let loss = domain_loss(&logits, &joint.segments, None);
        if step.measure {
            step.note("classifier_loss", loss.clone().into_scalar::<f64>());
            step.note("classifier_accuracy", balanced_accuracy(&logits, &joint.segments));
        }
        Ok((logits.detach(), loss))
    }
}

/// The name of the network, which also names its initial weights.
const PART: &str = "domain_classifier";
