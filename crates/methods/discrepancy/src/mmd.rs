//! Maximum mean discrepancy with one kernel.

use isthmus_core::config::FieldProblem;
use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{
    median_distance, mmd_linear, mmd_linear_unbiased, mmd_rbf_biased, mmd_rbf_unbiased,
};

use crate::estimator::require_rows;

inventory::submit! {
    Plugin::term::<Mmd>(About {
        name: "mmd",
        summary: "Aligns features by their maximum mean discrepancy with one kernel",
        paper: "Gretton, Borgwardt, Rasch, Schölkopf, Smola: A kernel two-sample test, JMLR 2012; \
                for adaptation: Tzeng, Hoffman, Zhang, Saenko, Darrell: Deep domain confusion: \
                maximizing for domain invariance, 2014",
    })
}

/// Squared maximum mean discrepancy between source and target features with one kernel. With the
/// kernel `linear` it is the squared distance of the means (deep domain confusion). `dan` has
/// several widths at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mmd {
    /// How alike two rows are: `gaussian`, `exp(-d² / (2 bandwidth²))` of their distance `d`, or
    /// `linear`, their inner product.
    pub kernel: MmdKernel,
    /// Standard deviation of the Gaussian, in units of the features; absent: the median distance
    /// of two rows of the batch, of either domain, which follows the scale of the features and is
    /// constant in the gradient.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub bandwidth: Option<f64>,
    /// Whether pairs of a row with itself are left out: the estimate is then unbiased and may be
    /// negative, else it is never negative and too large for small batches.
    pub unbiased: bool,
}

/// A kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MmdKernel {
    /// `exp(-d² / (2 bandwidth²))`.
    #[default]
    Gaussian,
    /// The inner product.
    Linear,
}

impl PluginConfig for Mmd {
    fn check(&self) -> Result<(), FieldProblem> {
        match (self.kernel, self.bandwidth) {
            (MmdKernel::Linear, Some(width)) => Err(FieldProblem {
                field: "bandwidth".to_owned(),
                message: format!(
                    "`bandwidth` is {width}, and the kernel `linear` has none: leave it out, or \
                     set `kernel = \"gaussian\"`"
                ),
            }),
            _ => Ok(()),
        }
    }
}

impl Method for Mmd {}

impl Term for Mmd {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("mmd", &joint)?;
        let (source, target) = (joint.source_features(), joint.target_features());
        if self.kernel == MmdKernel::Linear {
            let loss = if self.unbiased { mmd_linear_unbiased } else { mmd_linear };
            return Ok(loss(source, target));
        }
        let width = self.bandwidth.unwrap_or_else(|| median_distance(&source, &target));
        if step.measure {
            step.note("bandwidth", width);
        }
        let loss = if self.unbiased { mmd_rbf_unbiased } else { mmd_rbf_biased };
        Ok(loss(source, target, width))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, term};

    fn value(joint: &Joint, config: &str) -> f64 {
        joint.loss(&mut *term("mmd", config, &context(4, 3, 1)), 0, 1).into_scalar::<f64>()
    }

    #[test]
    fn every_kernel_and_estimate_is_reduced_on_unequal_batches() {
        for (config, rate) in [
            ("", 1.0),
            ("unbiased = true", 1.0),
            ("bandwidth = 2.0", 1.0),
            ("kernel = \"linear\"", 0.5),
            ("kernel = \"linear\"\nunbiased = true", 0.1),
        ] {
            let mut mmd = term("mmd", config, &context(4, 3, 1));
            let mut joint = Joint::new(&[9, 5], 8, 4, 3);
            let losses = joint.descend(&mut *mmd, 100, rate);
            assert!(losses[99] < 0.5 * losses[0], "`{config}`: {} to {}", losses[0], losses[99]);
        }
    }

    /// A kernel of the unsquared distance, as skada has it, would be another one of scaled features.
    #[test]
    fn the_median_follows_the_scale_of_the_features() {
        let joint = Joint::new(&[9], 8, 4, 3);
        let large = joint.clone().scaled(50.0, 1.0);
        assert!((value(&joint, "") - value(&large, "")).abs() < 1e-4);
        let stated = "bandwidth = 1.0";
        assert!((value(&joint, stated) - value(&large, stated)).abs() > 1e-2);
    }

    #[test]
    fn identical_rows_and_batches_of_one_are_said() {
        let joint = Joint::new(&[4], 3, 4, 3).scaled(0.0, 1.0);
        let mut mmd = term("mmd", "", &context(4, 3, 1));
        let gradient = joint.gradients(&mut *mmd, 0, 1).0.unwrap();
        assert!(gradient.iter().all(|value| value.is_finite()));
        assert!(value(&joint, "").abs() < 1e-6);
        let error = Joint::new(&[1], 5, 4, 3).refusal(&mut *mmd);
        assert!(error.contains("`mmd` needs at least 2 rows"), "{error}");
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("mmd", "", 2.0, 100);
    }

    #[test]
    fn a_width_belongs_to_the_gaussian_and_is_positive() {
        assert!(config_error("mmd", "bandwidth = 0.0").contains("must be > 0"));
        let error = config_error("mmd", "kernel = \"linear\"\nbandwidth = 2.0");
        assert!(error.contains("the kernel `linear` has none"), "{error}");
    }
}
