//! Training on the target's labels: an upper bound.

use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::prelude::*;

use crate::supervised;

inventory::submit! {
    Plugin::driver::<TargetOnly>(
        About {
            name: "target-only",
            summary: "Cross-entropy on the target's own labels: an upper bound, not a method",
            paper: "",
        },
        Needs { target_labels: true, ..Needs::NOTHING.alone() },
    )
}

/// Trains on the labels of the target's training samples. No adaptation method may do so; the
/// figure bounds what adaptation can reach with this model, and tables show it as a bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetOnly {}

impl PluginConfig for TargetOnly {}
impl Method for TargetOnly {}

impl Driver for TargetOnly {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        // The labelled rows of this stage are the target's. Norm layers with statistics by
        // domain need to know, as the model is evaluated with the target's.
        supervised::step(step, as_target)
    }
}

fn as_target(segments: Vec<Segment>) -> Vec<Segment> {
    let rows = segments.iter().map(|segment| segment.rows).sum();
    vec![Segment { domain: DomainRole::Target, rows }]
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::{Grouping, NormPolicy};
    use isthmus_core::registry::{Kind, Needs};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, driver, plugin};

    /// The engine gives this method the target's labelled rows as its source.
    fn upper_bound() -> TwoDomains {
        let mut data = TwoDomains::shifted(40, 40, 3.0);
        data.source = data.target.clone();
        data.source_labels = data.target_labels.clone();
        data
    }

    #[test]
    fn learns_the_target_and_says_what_it_needs() {
        let mut bench = Workbench::new(ModelSpec::NORMALISED, upper_bound(), 60, 0.2);
        let mut method = driver("target-only", "", &bench.context());
        bench.run(&mut *method, 0..60);
        assert!(bench.target_accuracy() > 0.95, "{}", bench.target_accuracy());
        assert_eq!(
            plugin(Kind::Method, "target-only").needs,
            Needs { target_labels: true, ..Needs::NOTHING.alone() }
        );
    }

    #[test]
    fn statistics_by_domain_are_the_targets() {
        let mut bench = Workbench::new(ModelSpec::NORMALISED, upper_bound(), 60, 0.2);
        bench.norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
        let mut method = driver("target-only", "", &bench.context());
        bench.run(&mut *method, 0..60);
        assert!(bench.target_accuracy() > 0.95, "{}", bench.target_accuracy());
    }
}
