//! Batch nuclear-norm maximisation.

use isthmus_core::prelude::*;
use isthmus_losses::target::bnm;

inventory::submit! {
    Plugin::term::<Bnm>(About {
        name: "bnm",
        summary: "Maximises the nuclear norm of the target's predictions: certain and diverse",
        paper: "Cui, Wang, Zhuo, Li, Huang, Tian: Towards discriminability and diversity: batch \
                nuclear-norm maximization under label insufficient situations, CVPR 2020",
    }).of_classes()
}

/// Batch nuclear-norm maximisation: `-|P|_* / rows`, the negative sum of the singular values of the
/// matrix `P` of class probabilities on a target batch. The norm is large when rows are certain and
/// the classes among them many; unlike `information-maximization` it does not ask that classes be
/// equally frequent.
///
/// The singular values are computed on the host, whatever the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bnm {}

impl PluginConfig for Bnm {}
impl Method for Bnm {}

impl Term for Bnm {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        Ok(bnm(step.joint()?.target_logits()))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, term};

    #[test]
    fn predictions_become_certain_and_diverse() {
        let mut bnm = term("bnm", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 9, 4, 3);
        let source = joint.batch().source_logits().to_data();
        let losses = joint.descend(&mut *bnm, 300, 10.0);
        // The least value: three classes of three certain rows.
        let least = -(3.0_f64 / 9.0).sqrt();
        assert!(losses[299] < 0.95 * least, "{} to {}, {least}", losses[0], losses[299]);
        assert_eq!(joint.batch().source_logits().to_data(), source);
        assert!(joint.gradients(&mut *bnm, 0, 1).0.is_none(), "features are no part of it");
    }

    #[test]
    fn one_row_and_extreme_logits_are_finite() {
        for (rows, scale) in [(1, 1.0), (6, 1e4)] {
            let joint = Joint::new(&[2], rows, 4, 3).scaled(1.0, scale);
            let mut bnm = term("bnm", "", &context(4, 3, 1));
            let loss = joint.loss(&mut *bnm, 0, 1).into_scalar::<f64>();
            assert!((-1.0 - 1e-6..=0.0).contains(&loss), "{loss}");
            let gradient = joint.gradients(&mut *bnm, 0, 1).1.unwrap();
            assert!(gradient.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("bnm", "", 2.0, 100);
    }

    #[test]
    fn it_has_no_fields() {
        assert!(config_error("bnm", "temperature = 2").contains("`temperature` is not a field"));
    }
}
