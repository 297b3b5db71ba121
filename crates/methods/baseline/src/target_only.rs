//! Training on the target's labels: an upper bound.

use isthmus_core::config::PluginConfig;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::method::{MethodContext, StepReport, TrainingMethod};
use isthmus_core::registry::{About, Needs, Plugin, TrainingPlugin};
use isthmus_core::stage::Stage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::supervised::Supervised;

inventory::submit! {
    Plugin::training::<TargetOnly>(
        About {
            name: "target-only",
            summary: "Cross-entropy on the target's own labels: an upper bound, not a method",
            paper: "",
        },
        Needs { trained_model: false, target_labels: true },
    )
}

/// Trains on the labels of the target's training samples. No adaptation method may do so; the
/// figure bounds what adaptation can reach with this model, and tables show it as a bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetOnly {
    /// Share of each label's mass that is spread evenly over all classes; 0 is plain
    /// cross-entropy.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub label_smoothing: f64,
}

impl PluginConfig for TargetOnly {}

impl TrainingPlugin for TargetOnly {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn TrainingMethod>, MethodError> {
        Ok(Box::new(Training(Supervised { label_smoothing: self.label_smoothing })))
    }
}

struct Training(Supervised);

impl TrainingMethod for Training {
    fn step(
        &mut self,
        stage: &mut Stage<'_>,
        step: usize,
        measure: bool,
    ) -> Result<StepReport, MethodError> {
        // The labelled rows of this stage are the target's. Norm layers with statistics by
        // domain need to know, as the model is evaluated with the target's.
        self.0.step(stage, step, measure, as_target)
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
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, plugin, training};

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
        let mut method = training("target-only", "", &bench.context());
        bench.run(&mut *method, 0..60);
        assert!(bench.target_accuracy() > 0.95, "{}", bench.target_accuracy());
        assert_eq!(
            plugin(Kind::Method, "target-only").needs,
            Needs { trained_model: false, target_labels: true }
        );
    }

    #[test]
    fn statistics_by_domain_are_the_targets() {
        let mut bench = Workbench::new(ModelSpec::NORMALISED, upper_bound(), 60, 0.2);
        bench.norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
        let mut method = training("target-only", "", &bench.context());
        bench.run(&mut *method, 0..60);
        assert!(bench.target_accuracy() > 0.95, "{}", bench.target_accuracy());
    }
}
