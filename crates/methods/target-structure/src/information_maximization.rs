//! Information maximisation.

use isthmus_core::prelude::*;
use isthmus_losses::target::{entropy, entropy_of_mean};

inventory::submit! {
    Plugin::term::<InformationMaximization>(About {
        name: "information-maximization",
        summary: "Makes each prediction on the target certain and all of them together diverse",
        paper: "Krause, Perona, Gomes: Discriminative clustering by regularized information \
                maximization, NIPS 2010; for adaptation: Liang, Hu, Feng: Do we really need to \
                access the source data? Source hypothesis transfer for unsupervised domain \
                adaptation, ICML 2020",
    }).of_classes()
}

/// `mean_i H(p_i) - diversity * H(mean_i p_i)` of the class probabilities `p` on a target batch,
/// with the entropy `H`: with a factor of 1 the negative mutual information of sample and class.
/// Rows become certain as with `entropy`, but not all of one class.
///
/// The second part presumes that classes are about equally frequent within a batch of the target;
/// with many classes it needs batches of about as many rows or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InformationMaximization {
    /// Factor of the entropy of the mean prediction; 0 leaves `entropy`.
    #[schemars(range(min = 0.0))]
    pub diversity: f64,
}

impl Default for InformationMaximization {
    fn default() -> Self {
        Self { diversity: 1.0 }
    }
}

impl PluginConfig for InformationMaximization {}
impl Method for InformationMaximization {}

impl Term for InformationMaximization {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let logits = step.joint()?.target_logits();
        let certainty = entropy(logits.clone());
        let diversity = entropy_of_mean(logits);
        if step.measure {
            step.note("entropy", certainty.clone().into_scalar::<f64>());
            step.note("entropy_of_mean", diversity.clone().into_scalar::<f64>());
        }
        Ok(certainty - diversity.mul_scalar(self.diversity))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_losses::target::{entropy, information_maximization};
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, plugin, term};

    const NAME: &str = "information-maximization";

    #[test]
    fn it_is_the_loss_of_the_target_alone_and_without_diversity_the_entropy() {
        let joint = Joint::new(&[5], 6, 4, 3);
        let loss = |config: &str| {
            joint.loss(&mut *term(NAME, config, &context(4, 3, 1)), 0, 1).into_scalar::<f64>()
        };
        let target = joint.batch().target_logits();
        let want = information_maximization(target.clone()).into_scalar::<f64>();
        assert!((loss("") - want).abs() < 1e-6);
        let want = entropy(target).into_scalar::<f64>();
        assert!((loss("diversity = 0.0") - want).abs() < 1e-6);
    }

    #[test]
    fn predictions_become_certain_and_stay_diverse() {
        let mut method = term(NAME, "", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 9, 4, 3);
        let source = joint.batch().source_logits().to_data();
        let losses = joint.descend(&mut *method, 300, 5.0);
        // Three classes of equal size, each row certain: the least value is -log 3.
        assert!(losses[299] < -0.95 * 3.0_f64.ln(), "{} to {}", losses[0], losses[299]);
        assert_eq!(joint.batch().source_logits().to_data(), source);
        assert!(joint.gradients(&mut *method, 0, 1).0.is_none(), "features are no part of it");
    }

    #[test]
    fn extreme_logits_are_finite() {
        let joint = Joint::new(&[2], 1, 4, 3).scaled(1.0, 1e4);
        let mut method = term(NAME, "", &context(4, 3, 1));
        assert!(joint.loss(&mut *method, 0, 1).into_scalar::<f64>().is_finite());
        let gradient = joint.gradients(&mut *method, 0, 1).1.unwrap();
        assert!(gradient.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains(NAME, "", 2.0, 100);
    }

    #[test]
    fn the_defaults_are_those_of_the_mutual_information() {
        let plugin = plugin(Kind::Method, NAME);
        assert_eq!((plugin.weight, (plugin.defaults)()["diversity"].clone()), (1.0, 1.0.into()));
        assert!(config_error(NAME, "diversity = -1.0").contains("diversity"));
    }
}
