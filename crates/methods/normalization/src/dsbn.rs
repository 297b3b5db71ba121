//! Domain-specific batch normalisation.

use isthmus_core::context::Grouping;
use isthmus_core::prelude::*;

inventory::submit! {
    Plugin::driver::<Dsbn>(
        About {
            name: "dsbn",
            summary: "Each domain is normalised by statistics of its own; trained on the source",
            paper: "Chang, You, Seo, Kwak, Han: Domain-specific batch normalization for \
                    unsupervised domain adaptation, CVPR 2019",
        },
        Needs::NOTHING.grouped(Grouping::PerDomain),
    )
}

/// Norm layers with a mean and a variance for each domain, several sources each by itself: the model
/// learns from the source, and target rows pass through beside, so that the target has statistics of
/// its own, by which it is evaluated. The weights are shared, scale and shift of the norm layers
/// too, of which the paper has one for each domain.
///
/// It needs `[training] normalization = "per-domain"`, which also works with every other method:
/// this one adds nothing else, and is what they are to be compared with. Terms stand beside it. The
/// paper's second stage trains on pseudo-labels: put a stage with `pseudo-label` behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dsbn {}

impl PluginConfig for Dsbn {}
impl Method for Dsbn {}

impl Driver for Dsbn {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let loss = step.loss()?;
        step.update(&loss, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::NormPolicy;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, assert_driver_gains, config_error, driver, moved, plugin, term};

    use super::*;

    #[test]
    fn raises_the_accuracy_on_a_shifted_target_by_its_statistics_alone() {
        assert_driver_gains("dsbn", "", FAR, 100);
    }

    #[test]
    fn the_target_changes_its_own_statistics_and_nothing_else() {
        let trained = |target: f32| {
            let mut bench = moved(target, 5);
            bench.norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
            let mut dsbn = driver("dsbn", "", &bench.context());
            bench.run(&mut *dsbn, 0..5);
            bench.values()
        };
        let (one, other) = (trained(1.0), trained(5.0));
        let differ: Vec<_> = one.keys().filter(|name| one[*name] != other[*name]).collect();
        assert!(!differ.is_empty(), "the target has statistics");
        assert!(differ.iter().all(|name| name.contains("domains.0")), "{differ:?}");
    }

    #[test]
    fn terms_beside_it_count() {
        let trained = |with_term: bool| {
            let mut bench = moved(FAR, 3);
            bench.norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
            if with_term {
                bench.add_term("autodial", term("autodial", "", &bench.context()));
            }
            let mut dsbn = driver("dsbn", "", &bench.context());
            bench.run(&mut *dsbn, 0..3);
            bench.values()
        };
        assert_ne!(trained(false), trained(true));
    }

    #[test]
    fn it_needs_norm_layers_by_domain() {
        let needs = plugin(Kind::Method, "dsbn").needs;
        assert_eq!((needs.grouping, needs.norm_layers), (Some(Grouping::PerDomain), true));
        assert!(config_error("dsbn", "momentum = 0.1").contains("`momentum` is not a field"));
    }
}
