//! The loss against pseudo-labels.

use burn::tensor::{Int, Tensor};
use isthmus_losses::classification::generalized_cross_entropy_per_sample;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The loss against pseudo-labels, some of which are wrong: the generalised cross-entropy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelLoss {
    /// `q` of the loss `(1 - p^q) / q`, with `p` the probability of the label (generalised
    /// cross-entropy; Zhang, Sabuncu, NeurIPS 2018, with 0.7). 0 is the cross-entropy, 1 is `1 - p`;
    /// the larger, the less a sample counts whose label the model holds for improbable.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub exponent: f64,
}

impl LabelLoss {
    /// The loss of each row `[batch]`, for logits `[batch, classes]` and labels `[batch]`.
    pub(crate) fn per_sample(self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        generalized_cross_entropy_per_sample(logits, labels, self.exponent)
    }

    /// The mean loss of the rows.
    pub(crate) fn of(self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        self.per_sample(logits, labels).mean()
    }
}
