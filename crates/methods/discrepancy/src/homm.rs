//! Higher-order moment matching.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::homm;

use crate::estimator::require_rows;

inventory::submit! {
    Plugin::term::<Homm>(About {
        name: "homm",
        summary: "Aligns the third or higher central moments of the features jointly",
        paper: "Chen, Fu, Chen, Jin, Cheng, Jin, Hua: HoMM: higher-order moment matching for \
                unsupervised domain adaptation, AAAI 2020",
    }).weight(200.0)
}

/// Mean squared difference of all entries of the central moment tensors of an order: of order 3
/// the means of `x_a x_b x_c` over all triples of features. Order 2 is the covariance, as in
/// `deep-coral`.
///
/// The mean over as many entries is small; the authors' code gives it a weight of 200 on
/// Office-31, which is the default here. Moments grow as a power of the features' scale, so the
/// weight depends on it; the authors have features behind tanh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Homm {
    /// The order of the moments.
    #[schemars(range(min = 2, max = 8))]
    pub order: usize,
}

impl Default for Homm {
    fn default() -> Self {
        Self { order: 3 }
    }
}

impl PluginConfig for Homm {}
impl Method for Homm {}

impl Term for Homm {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("homm", &joint)?;
        Ok(homm(joint.source_features(), joint.target_features(), self.order))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, ModelSpec, TwoDomains, Workbench, config_error, context, term};

    use super::*;

    #[test]
    fn moments_come_closer_on_unequal_batches() {
        for order in [2, 3, 4] {
            let mut homm = term("homm", &format!("order = {order}"), &context(4, 3, 1));
            let mut joint = Joint::new(&[9, 5], 8, 4, 3);
            let losses = joint.descend(&mut *homm, 300, 0.1);
            assert!(losses[299] < 0.5 * losses[0], "{order}: {} to {}", losses[0], losses[299]);
        }
    }

    #[test]
    fn identical_rows_and_batches_of_one_are_said() {
        let joint = Joint::new(&[4], 3, 4, 3).scaled(0.0, 1.0);
        let mut homm = term("homm", "", &context(4, 3, 1));
        let gradient = joint.gradients(&mut *homm, 0, 1).0.unwrap();
        assert!(gradient.iter().all(|value| *value == 0.0));
        let error = Joint::new(&[1], 5, 4, 3).refusal(&mut *homm);
        assert!(error.contains("`homm` needs at least 2 rows"), "{error}");
    }

    /// Central moments say nothing of a shift of the means: on this problem, where the domains
    /// differ in their means alone, the term does what it promises and adaptation gains nothing.
    #[test]
    fn moments_of_trained_features_come_closer_and_means_do_not() {
        let bench = || {
            let data = TwoDomains::shifted(40, 24, 2.0).batches(20, 12);
            Workbench::new(ModelSpec::NORMALISED, data, 100, 0.1)
        };
        let distances = |bench: &mut Workbench| {
            let mut homm = term("homm", "", &bench.context());
            let mut step = Step::new(bench.stage(), 0, 0, false);
            homm.loss(&mut step).unwrap().into_scalar::<f64>()
        };
        let mut alone = bench();
        alone.train_on_source(100);
        let mut bench = bench();
        let homm = term("homm", "", &bench.context());
        bench.train(homm, 100);
        let (without, with) = (distances(&mut alone), distances(&mut bench));
        assert!(with < 0.5 * without, "{without} to {with}");
        assert!(bench.source_accuracy() > 0.9);
    }

    #[test]
    fn orders_below_two_are_refused() {
        assert!(config_error("homm", "order = 1").contains("order"));
    }
}
