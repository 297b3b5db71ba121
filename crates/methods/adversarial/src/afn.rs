//! Adaptive feature norm.

use isthmus_core::prelude::*;
use isthmus_losses::adversarial::{hard_feature_norm, stepwise_feature_norm};

use crate::adversary::require_both;

inventory::submit! {
    Plugin::term::<Afn>(About {
        name: "afn",
        summary: "Gives the features of both domains larger norms, step by step or towards one value",
        paper: "Xu, Li, Yang, Lin: Larger norm more transferable: an adaptive feature norm approach \
                for unsupervised domain adaptation, ICCV 2019",
    }).weight(0.05)
}

/// Features of the target are shorter than those of the source, and short features transfer badly:
/// the norms of both are enlarged. No network of its own and nothing adversarial; the paper adds
/// `entropy` with weight 0.1. The authors and tllib pass the domains one after the other, which is
/// `normalization = "separate"`. Several sources count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Afn {
    /// `stepwise` makes each row longer by `step` than it is at the moment (SAFN); `hard` moves the
    /// mean norm of each domain to `radius` (HAFN).
    pub form: NormForm,
    /// By how much a row is to grow at each step, for `stepwise`: 1 for Office-31, 0.3 for VisDA.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub step: f64,
    /// The mean norm, for `hard`; 25 in the paper.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub radius: f64,
}

/// What norms are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormForm {
    /// Each row's own, a little larger.
    #[default]
    Stepwise,
    /// One mean norm for both domains.
    Hard,
}

impl Default for Afn {
    fn default() -> Self {
        Self { form: NormForm::Stepwise, step: 1.0, radius: 25.0 }
    }
}

impl PluginConfig for Afn {}
impl Method for Afn {}

impl Term for Afn {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("afn", &joint.segments)?;
        let (source, target) = (joint.source_features(), joint.target_features());
        if step.measure {
            // The loss of the stepwise form is constant: the norms say how far it is.
            for (name, rows) in [("source_norm", &source), ("target_norm", &target)] {
                let norms = rows.clone().detach().square().sum_dim(1).sqrt();
                step.note(name, norms.mean().into_scalar::<f64>());
            }
        }
        Ok(match self.form {
            NormForm::Stepwise => {
                stepwise_feature_norm(source, self.step) + stepwise_feature_norm(target, self.step)
            }
            NormForm::Hard => {
                hard_feature_norm(source, self.radius) + hard_feature_norm(target, self.radius)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::Grouping;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, Joint, config_error, context, moved, plugin, term};

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "afn");
        let defaults = (plugin.defaults)();
        assert_eq!((&defaults["step"], &defaults["radius"]), (&1.0.into(), &25.0.into()));
        assert_eq!(plugin.weight, 0.05);
        assert!(config_error("afn", "step = 0").contains("step"));
        assert!(config_error("afn", "form = \"soft\"").contains("soft"));
    }

    #[test]
    fn norms_grow_step_by_step_or_to_the_radius() {
        let norms = |config: &str, rate: f64| {
            let mut joint = Joint::new(&[8], 5, 4, 3);
            let mut afn = term("afn", config, &context(4, 3, 1));
            let before = joint.measured(&mut *afn, 0, 1);
            joint.descend(&mut *afn, 60, rate);
            let after = joint.measured(&mut *afn, 0, 1);
            let of = |list: &[(String, f64)], name: &str| {
                list.iter().find(|(found, _)| found == name).unwrap().1
            };
            ["source_norm", "target_norm"].map(|name| (of(&before, name), of(&after, name)))
        };
        for (before, after) in norms("", 0.5) {
            assert!(after > 1.5 * before, "{before} to {after}");
        }
        for (_, after) in norms("form = \"hard\"\nradius = 7.0", 0.5) {
            assert!((after - 7.0).abs() < 0.1, "{after}");
        }
    }

    /// Norms say nothing of where features lie: it is normalising the domains apart, as the authors
    /// do, that brings moved domains together. The norms grow, and what is gained by that is kept.
    #[test]
    fn with_domains_normalised_apart_it_enlarges_norms_and_keeps_what_that_gains() {
        let mut alone = moved(FAR, 200);
        alone.train_on_source(200);
        let before = alone.target_accuracy();
        for config in ["step = 0.3", "form = \"hard\"\nradius = 9.0"] {
            let train = |weight: f64| {
                let mut bench = moved(FAR, 200);
                bench.norm.grouping = Grouping::Separate;
                let afn = term("afn", config, &bench.context());
                let last = bench.train_weighted(afn, weight, 200).remove(199);
                (bench.target_accuracy(), last["term/source_norm"] + last["term/target_norm"])
            };
            let ((without, small), (with, large)) = (train(0.0), train(0.05));
            println!("{config}: {before:.3}, {without:.3}, {with:.3}; norms {small:.2} {large:.2}");
            assert!(with > before && with >= without, "{before} {without} {with}");
            assert!(large > 1.02 * small, "{small} to {large}");
        }
    }
}
