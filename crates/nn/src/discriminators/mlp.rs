//! The domain classifier of DANN.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::Context;
use isthmus_core::error::NetworkError;
use isthmus_core::inventory;
use isthmus_core::parts::{BuildContext, Discriminator};
use isthmus_core::registry::{About, DiscriminatorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::{Activation, Dense, DenseShape, Linear};

/// Hidden layers, each linear, batch normalisation and ReLU, or linear, ReLU and dropout; then one
/// logit for two domains, else one a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpDiscriminatorConfig {
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Whether batch normalisation follows each hidden linear map; dropout follows the activation
    /// otherwise.
    pub batch_norm: bool,
    /// The activation of the hidden layers.
    pub activation: Activation,
    /// Share of the hidden values that is zeroed while training, where there is no batch
    /// normalisation.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for MlpDiscriminatorConfig {
    fn default() -> Self {
        let activation = Activation::Relu;
        Self { hidden: vec![1024, 1024], batch_norm: true, activation, dropout: 0.5 }
    }
}

impl PluginConfig for MlpDiscriminatorConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::sizes("hidden", &self.hidden)?;
        checks::probability("dropout", self.dropout)
    }
}

impl DiscriminatorPlugin for MlpDiscriminatorConfig {
    fn build(
        &self,
        features: usize,
        domains: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Discriminator>, NetworkError> {
        let outputs = super::outputs(domains)?;
        let &Self { batch_norm, activation, .. } = self;
        let dropout = if batch_norm { 0.0 } else { self.dropout };
        let layer = DenseShape { batch_norm, activation, dropout };
        let hidden = Dense::stack(features, &self.hidden, layer, context);
        let last = self.hidden.last().copied().unwrap_or(features);
        let context = BuildContext { key: context.key.named("output"), ..context.clone() };
        let output = Linear::new(last, outputs, &context);
        Ok(Box::new(MlpDiscriminator { hidden, output }))
    }
}

/// The discriminator `mlp`.
#[derive(Module, Debug)]
pub struct MlpDiscriminator {
    hidden: Vec<Dense>,
    output: Linear,
}

impl MlpDiscriminator {
    /// A discriminator of these layers, for weights that come from elsewhere.
    pub fn from_layers(hidden: Vec<Dense>, output: Linear) -> Self {
        Self { hidden, output }
    }
}

impl Discriminator for MlpDiscriminator {
    fn forward(&mut self, features: Tensor<2>, context: &Context) -> Tensor<2> {
        let hidden =
            self.hidden.iter_mut().fold(features, |hidden, layer| layer.forward(hidden, context));
        self.output.forward(hidden)
    }

    fn with_input_gradient(
        &mut self,
        features: Tensor<2>,
        context: &Context,
    ) -> Option<(Tensor<2>, Tensor<2>)> {
        let mut hidden = features;
        let mut slopes = Vec::with_capacity(self.hidden.len());
        for layer in &mut self.hidden {
            let (output, slope) = layer.forward_with_slope(hidden, context)?;
            hidden = output;
            slopes.push(slope);
        }
        let [rows, _] = hidden.dims();
        let mut gradient = super::output_gradient(&self.output, rows)?;
        for (layer, slope) in self.hidden.iter().zip(slopes).rev() {
            gradient = (gradient * slope).matmul(layer.linear.weight.val().transpose());
        }
        Some((self.output.forward(hidden), gradient))
    }
}

inventory::submit! {
    Plugin::discriminator::<MlpDiscriminatorConfig>(About {
        name: "mlp",
        summary: "Hidden layers of 1024 with batch normalisation: the domain classifier of DANN",
        paper: "Ganin et al., Domain-adversarial training of neural networks, JMLR 2016; layers \
                as in tllib",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_layers::testing::{build_context, close, joint_training, normal, values};

    fn network(activation: Activation, dropout: f64, domains: usize) -> Box<dyn Discriminator> {
        let hidden = vec![7, 5];
        let config = MlpDiscriminatorConfig { hidden, batch_norm: false, activation, dropout };
        config.build(3, domains, &build_context(1)).unwrap()
    }

    fn features() -> Tensor<2> {
        normal([6, 3], 4)
    }

    #[test]
    fn the_input_gradient_is_that_of_the_tape() {
        for (activation, dropout) in [
            (Activation::Relu, 0.0),
            (Activation::LeakyRelu, 0.4),
            (Activation::Tanh, 0.0),
            (Activation::Gelu, 0.3),
        ] {
            let mut network = network(activation, dropout, 2);
            let rows = features().require_grad();
            let context = joint_training(4, 2);
            let (value, own) = network.with_input_gradient(rows.clone(), &context.again()).unwrap();
            let logits = network.forward(rows.clone(), &context.again());
            close(&values(&value), &values(&logits), 1e-6);
            let gradients = logits.sum().backward();
            close(&values(&own), &values(&rows.grad(&gradients).unwrap()), 1e-5);
        }
    }

    /// The gradient of a penalty of the gradient, by differences of the penalty along the features:
    /// the second derivative, which the tape does not have.
    #[test]
    fn a_penalty_of_the_gradient_can_be_differentiated() {
        let mut network = network(Activation::Tanh, 0.0, 2);
        let mut penalty = |rows: Tensor<2>| {
            let (_, gradient) = network.with_input_gradient(rows, &joint_training(4, 2)).unwrap();
            gradient.square().sum()
        };
        let rows = features().require_grad();
        let gradients = penalty(rows.clone()).backward();
        let analytic = values(&rows.grad(&gradients).unwrap());
        for at in 0..18 {
            let mut step = vec![0.0_f32; 18];
            step[at] = 0.02;
            let step = Tensor::<1>::from_data(step.as_slice(), &rows.device()).reshape([6, 3]);
            let mut at_point = |rows: Tensor<2>| f64::from(values(&penalty(rows))[0]);
            let numeric =
                (at_point(rows.clone() + step.clone()) - at_point(rows.clone() - step)) / 0.04;
            assert!((numeric - f64::from(analytic[at])).abs() < 2e-3, "{numeric} {}", analytic[at]);
        }
    }

    #[test]
    fn rows_that_depend_on_each_other_have_none() {
        let config = MlpDiscriminatorConfig { hidden: vec![4], ..Default::default() };
        let mut normed = config.build(3, 2, &build_context(1)).unwrap();
        assert!(normed.with_input_gradient(features(), &joint_training(4, 2)).is_none());
        let mut several = network(Activation::Relu, 0.0, 3);
        assert!(several.with_input_gradient(features(), &joint_training(4, 2)).is_none());
    }
}
