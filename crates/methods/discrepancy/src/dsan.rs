//! Deep subdomain adaptation network.

use burn::tensor::activation::softmax;
use isthmus_core::config::FieldProblem;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_losses::adversarial::GrlSchedule;
use isthmus_losses::discrepancy::{DAN_WIDTHS, lmmd};

use crate::estimator::{check_widths, require_rows};

inventory::submit! {
    Plugin::term::<Dsan>(About {
        name: "dsan",
        summary: "Aligns the features of each class by itself: local maximum mean discrepancy",
        paper: "Zhu, Zhuang, Wang, Ke, Chen, Bian, Xiong, He: Deep subdomain adaptation network \
                for image classification, TNNLS 2020",
    })
    .of_classes()
    .weight(0.5)
}

/// Local maximum mean discrepancy: the mean over the classes of the discrepancy between the
/// features of a class in both domains. Source rows belong to the class of their label, target rows
/// to every class by its predicted probability, which is constant in the gradient. Classes count
/// that are among the batch's source labels and the target's predicted classes.
///
/// The kernel is that of `dan`. The factor `2 / (1 + exp(-steepness t)) - 1` at the share `t` of
/// the stage's steps holds the term back while predictions are poor. The weight 0.5 is that of the
/// authors' code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dsan {
    /// Widths of the kernels `exp(-d² / (2 width mean(d²)))`, each above 0.
    pub widths: Vec<f64>,
    /// How fast the factor rises from 0 to 1; at 0 it is 1 throughout.
    #[schemars(range(min = 0.0))]
    pub steepness: f64,
}

impl Default for Dsan {
    fn default() -> Self {
        Self { widths: DAN_WIDTHS.to_vec(), steepness: 10.0 }
    }
}

impl PluginConfig for Dsan {
    fn check(&self) -> Result<(), FieldProblem> {
        check_widths(&self.widths)
    }
}

impl TermPlugin for Dsan {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(LocalDiscrepancy { config: self.clone(), classes: context.outputs }))
    }
}

/// The term.
struct LocalDiscrepancy {
    config: Dsan,
    classes: usize,
}

impl Method for LocalDiscrepancy {}

impl Term for LocalDiscrepancy {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("dsan", &joint)?;
        let labels = joint.source_classes()?;
        let source_shares = labels.one_hot::<2>(self.classes).float();
        let probabilities = softmax(joint.target_logits().inner(), 1);
        let predicted = probabilities.clone().argmax(1).squeeze_dim::<1>(1);
        // Of a class that is predicted of no row the shares would be what is left over.
        let present = predicted.one_hot::<2>(self.classes).float().max_dim(0);
        let target_shares = probabilities * present;
        if step.measure {
            let common = |shares: &Tensor<2>| shares.clone().inner().max_dim(0).greater_elem(0.0);
            let both = common(&source_shares).float() * common(&target_shares).float();
            step.note("classes_in_common", both.sum().into_scalar::<f64>());
        }
        let (source, target) = (joint.source_features(), joint.target_features());
        let loss = lmmd(source, target, source_shares, target_shares, &self.config.widths);
        let alpha = self.config.steepness;
        let factor = match alpha > 0.0 {
            true => GrlSchedule { alpha, ..GrlSchedule::ganin(step.stage.total_steps as u64) }
                .coefficient(step.number as u64),
            false => 1.0,
        };
        Ok(loss.mul_scalar(factor))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, plugin, term};

    use super::*;

    /// Logits that are certain of these classes.
    fn certain(joint: &mut Joint, classes: &[usize]) {
        let device = joint.logits.device();
        let rows = classes.iter().map(|&class| {
            let mut row = [0.0_f32; 3];
            row[class] = 50.0;
            Tensor::<1>::from_floats(row, &device).unsqueeze::<2>()
        });
        joint.logits = Tensor::cat(rows.collect(), 0).require_grad();
    }

    #[test]
    fn rows_of_one_class_come_together_on_unequal_batches() {
        let mut dsan = term("dsan", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[9], 6, 4, 3);
        certain(&mut joint, &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
        let value = |joint: &Joint| {
            let mut term = term("dsan", "", &context(4, 3, 1));
            joint.loss(&mut *term, 99, 100).into_scalar::<f64>()
        };
        let before = value(&joint);
        joint.descend(&mut *dsan, 200, 2.0);
        let after = value(&joint);
        assert!(after < 0.5 * before, "{before} to {after}");
    }

    #[test]
    fn the_factor_rises_from_zero_unless_it_is_told_not_to() {
        let joint = Joint::new(&[9], 6, 4, 3);
        let at = |config: &str, step: usize| {
            let mut term = term("dsan", config, &context(4, 3, 1));
            joint.loss(&mut *term, step, 100).into_scalar::<f64>()
        };
        let whole = at("steepness = 0.0", 0);
        assert_eq!(at("", 0), 0.0);
        assert!((at("", 10) / whole - 0.4621).abs() < 1e-3);
        assert!((at("", 99) / whole - 1.0).abs() < 1e-3);
    }

    /// The authors' code compares what is left over of probabilities; here such classes do not count.
    #[test]
    fn without_a_class_in_common_nothing_is_moved() {
        let mut joint = Joint::new(&[2], 3, 4, 3);
        certain(&mut joint, &[0, 1, 2, 2, 2]);
        let mut dsan = term("dsan", "", &context(4, 3, 1));
        let measured = joint.measured(&mut *dsan, 50, 100);
        assert_eq!(measured, [("classes_in_common".to_owned(), 0.0)]);
        assert_eq!(joint.loss(&mut *dsan, 50, 100).into_scalar::<f64>(), 0.0);
        let gradient = joint.gradients(&mut *dsan, 50, 100).0.unwrap();
        assert!(gradient.iter().all(|value| *value == 0.0));
    }

    #[test]
    fn extreme_logits_and_identical_rows_are_finite() {
        let joint = Joint::new(&[4], 5, 4, 3).scaled(0.0, 1e4);
        let mut dsan = term("dsan", "", &context(4, 3, 1));
        let (features, logits) = joint.gradients(&mut *dsan, 50, 100);
        assert!(features.unwrap().iter().all(|value| value.is_finite()));
        assert!(logits.is_none(), "shares are constant");
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("dsan", "", 2.0, 100);
    }

    #[test]
    fn the_defaults_are_the_authors() {
        let plugin = plugin(Kind::Method, "dsan");
        assert_eq!((plugin.weight, (plugin.defaults)()["steepness"].clone()), (0.5, 10.0.into()));
        assert!(config_error("dsan", "widths = []").contains("at least one kernel"));
        assert!(config_error("dsan", "steepness = -1.0").contains("steepness"));
    }
}
