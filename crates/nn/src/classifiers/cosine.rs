//! Cosine similarity to a direction of each class.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Classifier};
use isthmus_core::registry::{About, ClassifierPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_layers::Initial;

/// Logits `scale * cos(feature, weight of the class)`, without bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CosineClassifierConfig {
    /// What the cosine is multiplied by: the inverse of a temperature.
    #[schemars(range(min = 0.0))]
    pub scale: f64,
}

impl Default for CosineClassifierConfig {
    fn default() -> Self {
        Self { scale: 20.0 }
    }
}

impl PluginConfig for CosineClassifierConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.scale.is_finite() && self.scale > 0.0 {
            return Ok(());
        }
        Err(FieldProblem {
            field: "scale".to_owned(),
            message: format!("`scale` is {}, expected a number above 0", self.scale),
        })
    }
}

impl ClassifierPlugin for CosineClassifierConfig {
    fn build(
        &self,
        features: usize,
        classes: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Classifier>, NetworkError> {
        let initial = Initial::of_fan_in(features);
        let key = context.key.named("weight");
        let weight = initial.parameter([features, classes], key, &context.device);
        Ok(Box::new(CosineClassifier { weight, scale: self.scale, classes }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(false)
    }
}

/// The classifier `cosine`.
#[derive(Module, Debug)]
pub struct CosineClassifier {
    /// `[features, classes]`.
    weight: Param<Tensor<2>>,
    #[module(skip)]
    scale: f64,
    #[module(skip)]
    classes: usize,
}

/// The inverse lengths of rows (`dim` 1) or columns (`dim` 0); finite for vectors of zeros.
fn inverse_length(vectors: Tensor<2>, dim: usize) -> Tensor<2> {
    vectors.square().sum_dim(dim).add_scalar(1e-12).sqrt().recip()
}

impl Classifier for CosineClassifier {
    fn forward(&mut self, features: Tensor<2>, _context: &Context) -> Tensor<2> {
        let weight = self.weight.val();
        let product = features.clone().matmul(weight.clone());
        let lengths = inverse_length(features, 1).mul_scalar(self.scale);
        product * lengths * inverse_length(weight, 0)
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn evaluation_copy(&self) -> Box<dyn Classifier> {
        Box::new(self.valid())
    }

    fn pytorch(&self, _grouping: Grouping) -> Option<Vec<NamedTensor>> {
        Some(vec![NamedTensor::of("weight", &self.weight.val().transpose())])
    }

    fn training_copy(&self) -> Box<dyn Classifier> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::classifier::<CosineClassifierConfig>(About {
        name: "cosine",
        summary: "Cosine similarity to a learned direction of each class, scaled",
        paper: "Gidaris and Komodakis, Dynamic few-shot visual learning without forgetting, CVPR \
                2018; in adaptation: Saito et al., Semi-supervised domain adaptation via minimax \
                entropy, ICCV 2019 (temperature 0.05)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_layers::testing::{build_context, close, evaluation, normal, values};

    #[test]
    fn logits_are_scaled_cosines() {
        let config = CosineClassifierConfig { scale: 7.0 };
        let mut classifier = config.build(6, 3, &build_context(1)).unwrap();
        let features = normal([5, 6], 1);
        let logits = values(&classifier.forward(features.clone(), &evaluation(5)));
        assert!(logits.iter().all(|logit| logit.abs() <= 7.0001));
        let longer = classifier.forward(features.mul_scalar(3.0), &evaluation(5));
        close(&values(&longer), &logits, 1e-4);
        let weight = classifier.tensors().remove(0).data.try_to_vec::<f32>().unwrap();
        let column: Vec<f32> = weight.iter().skip(1).step_by(3).copied().collect();
        let direction = Tensor::<1>::from_floats(column.as_slice(), &build_context(1).device);
        let logits = classifier.forward(direction.unsqueeze(), &evaluation(1));
        assert!((values(&logits)[1] - 7.0).abs() < 1e-4);
    }

    #[test]
    fn zero_features_have_finite_gradients() {
        let mut classifier =
            CosineClassifierConfig::default().build(4, 2, &build_context(1)).unwrap();
        let features = Tensor::<2>::zeros([2, 4], &build_context(1).device).require_grad();
        let logits = classifier.forward(features.clone(), &evaluation(2));
        let gradient = features.grad(&logits.sum().backward()).unwrap();
        assert!(values(&gradient).iter().all(|value| value.is_finite()));
    }
}
