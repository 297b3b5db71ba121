//! Deep adaptation network.

use isthmus_core::config::FieldProblem;
use isthmus_core::layer::Layer;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_losses::discrepancy::{DAN_WIDTHS, mk_mmd_linear, mk_mmd_quadratic};

use crate::estimator::{EqualRows, Estimator, check_layers, check_widths, require_rows};

inventory::submit! {
    Plugin::term::<Dan>(About {
        name: "dan",
        summary: "Aligns features by their maximum mean discrepancy with several kernel widths",
        paper: "Long, Cao, Wang, Jordan: Learning transferable features with deep adaptation \
                networks, ICML 2015",
    })
}

/// Maximum mean discrepancy between source and target features, with a Gaussian kernel of several
/// widths (MK-MMD), summed over the `layers` that are aligned. The widths are factors of the mean squared distance within the batch, so they
/// follow the scale of the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dan {
    /// How the discrepancy is estimated: `quadratic` over all pairs of rows, `linear` over a ring
    /// of neighbours.
    pub estimator: Estimator,
    /// The layers that are aligned, each by itself: `features`, after the bottleneck; `logits`;
    /// hidden layers of the extractor, where it gives them, from `extractor.0` on.
    pub layers: Vec<String>,
    /// Widths of the kernels `exp(-d² / (2 width mean(d²)))`, each above 0.
    pub widths: Vec<f64>,
}

impl Default for Dan {
    fn default() -> Self {
        Self {
            estimator: Estimator::Quadratic,
            layers: vec![Layer::Features.to_string()],
            widths: DAN_WIDTHS.to_vec(),
        }
    }
}

impl PluginConfig for Dan {
    fn check(&self) -> Result<(), FieldProblem> {
        check_widths(&self.widths)?;
        check_layers(&self.layers)
    }
}

impl TermPlugin for Dan {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(Discrepancies { layers: context.layers(&self.layers)?, config: self.clone() }))
    }
}

/// The term.
struct Discrepancies {
    config: Dan,
    layers: Vec<Layer>,
}

impl Method for Discrepancies {}

impl Term for Discrepancies {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("dan", &joint)?;
        let widths = &self.config.widths;
        let mut sum: Option<Tensor<1>> = None;
        for &layer in &self.layers {
            let (source, target) = joint.layer(layer)?;
            let discrepancy = match self.config.estimator {
                Estimator::Quadratic => mk_mmd_quadratic(source, target, widths),
                Estimator::Linear => {
                    let (source, target) = EqualRows::new(&joint, step.key()).apply(source, target);
                    mk_mmd_linear(source, target, widths)
                }
            };
            sum = Some(match sum {
                Some(sum) => sum + discrepancy,
                None => discrepancy,
            });
        }
        sum.ok_or_else(|| MethodError::Unsuitable("`dan` aligns no layer".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::method::{MethodContext, Term};
    use isthmus_testing::{Joint, config_error, context, term};

    fn value(joint: &Joint, term: &mut dyn Term) -> f64 {
        joint.loss(term, 0, 1).into_scalar::<f64>()
    }

    #[test]
    fn both_estimators_reduce_the_discrepancy() {
        for config in ["", "estimator = \"linear\""] {
            let mut dan = term("dan", config, &context(4, 3, 1));
            // What is reduced is measured over all pairs: a ring of pairs can be brought together
            // by itself.
            let mut quadratic = term("dan", "", &context(4, 3, 1));
            let mut joint = Joint::new(&[24], 16, 4, 3);
            let before = value(&joint, &mut *quadratic);
            joint.descend(&mut *dan, 200, 1.0);
            let after = value(&joint, &mut *quadratic);
            assert!(before > 0.2 && after < 0.5 * before, "`{config}`: {before} to {after}");
        }
    }

    /// tllib's index matrices need as many source as target rows.
    #[test]
    fn unequal_batches_give_finite_gradients_for_every_row_that_counts() {
        for (config, moved) in [("", 8), ("estimator = \"linear\"", 6)] {
            let mut dan = term("dan", config, &context(4, 3, 1));
            let joint = Joint::new(&[5], 3, 4, 3);
            let (features, logits) = joint.gradients(&mut *dan, 0, 1);
            let features = features.unwrap();
            assert!(features.iter().all(|value| value.is_finite()));
            let rows = features.chunks(4).filter(|row| row.iter().any(|value| *value != 0.0));
            assert_eq!(rows.count(), moved, "`{config}`");
            assert!(logits.is_none());
        }
    }

    #[test]
    fn a_linear_estimate_of_unequal_batches_draws_from_all_rows() {
        let mut dan = term("dan", "estimator = \"linear\"", &context(4, 3, 1));
        let joint = Joint::new(&[4, 4], 3, 4, 3);
        let mut seen = [false; 8];
        for step in 0..40 {
            let features = joint.gradients(&mut *dan, step, 40).0.unwrap();
            for (row, values) in features.chunks(4).take(8).enumerate() {
                seen[row] |= values.iter().any(|value| *value != 0.0);
            }
        }
        assert_eq!(seen, [true; 8]);
        let again = |step| joint.gradients(&mut *term("dan", "", &context(4, 3, 1)), step, 40).0;
        assert_eq!(again(3), again(3));
    }

    #[test]
    fn a_batch_of_one_row_is_refused() {
        let mut dan = term("dan", "", &context(4, 3, 1));
        let joint = Joint::new(&[5], 1, 4, 3);
        let error = joint.refusal(&mut *dan);
        assert!(error.contains("at least 2 rows") && error.contains("1 of the target"), "{error}");
    }

    #[test]
    fn the_discrepancies_of_layers_add_up() {
        let joint = Joint::new(&[12], 10, 4, 3).with_layers(&[6]);
        let context = MethodContext { hidden_layers: 1, ..context(4, 3, 1) };
        let of = |layers: &str| {
            value(&joint, &mut *term("dan", &format!("layers = [{layers}]"), &context))
        };
        let sum = of("\"extractor.0\"") + of("\"features\"") + of("\"logits\"");
        let together = of("\"extractor.0\", \"features\", \"logits\"");
        assert!((together - sum).abs() < 1e-5, "{together} and {sum}");
        assert_eq!(of("\"features\""), value(&joint, &mut *term("dan", "", &context)));
    }

    #[test]
    fn widths_are_checked() {
        assert!(config_error("dan", "widths = []").contains("at least one kernel"));
        assert!(config_error("dan", "widths = [1.0, -2.0]").contains("contains -2"));
        assert!(config_error("dan", "estimator = \"cubic\"").contains("cubic"));
    }
}
