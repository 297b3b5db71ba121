//! Training on the source alone.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::method::{MethodContext, StepReport, TrainingMethod};
use isthmus_core::registry::{About, Needs, Plugin, TrainingPlugin};
use isthmus_core::stage::Stage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::supervised::Supervised;

inventory::submit! {
    Plugin::training::<SourceOnly>(
        About {
            name: "source-only",
            summary: "Cross-entropy on the source; the target is never seen",
            paper: "",
        },
        Needs { trained_model: false, target_labels: false },
    )
}

/// Trains on the labelled source and never looks at the target: the figure to beat, and the
/// first stage of methods that start from a trained source model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceOnly {
    /// Share of each label's mass that is spread evenly over all classes. 0 is plain
    /// cross-entropy; SHOT trains its source model with 0.1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub label_smoothing: f64,
}

impl PluginConfig for SourceOnly {}

impl TrainingPlugin for SourceOnly {
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
        self.0.step(stage, step, measure, |segments| segments)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::{Kind, Needs};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, plugin, training};

    #[test]
    fn learns_the_source_without_a_look_at_the_target() {
        let mut data = TwoDomains::shifted(40, 20, 3.0);
        data.target_hidden = true;
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data.batches(10, 5), 60, 0.2);
        let mut method = training("source-only", "", &bench.context());
        method.begin(&mut bench.stage()).unwrap();
        let reports = bench.run(&mut *method, 0..60);
        let loss = |step: usize| reports[step].measurements[0].clone();
        assert_eq!(loss(0).0, "class_loss");
        assert!(loss(59).1 < 0.5 * loss(0).1, "{} to {}", loss(0).1, loss(59).1);
        assert!(bench.source_accuracy() > 0.95, "{}", bench.source_accuracy());
        let error = bench.stage().predict_target().unwrap_err().to_string();
        assert_eq!(error, "the target is hidden");
        assert_eq!(plugin(Kind::Method, "source-only").needs, Needs::default());
    }

    #[test]
    fn smoothed_labels_leave_a_loss_that_certainty_does_not_lower() {
        let loss = |config: &str| {
            let data = TwoDomains::shifted(40, 20, 3.0);
            let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 100, 0.5);
            let mut method = training("source-only", config, &bench.context());
            bench.run(&mut *method, 0..100)[99].measurements[0].1
        };
        // The least cross-entropy against (0.9, 0.1) is the entropy of that distribution.
        let least = -(0.9_f64 * 0.9_f64.ln() + 0.1 * 0.1_f64.ln());
        assert!(loss("label_smoothing = 0.2") >= least - 1e-4);
        assert!(loss("") < least);
        assert!(config_error("source-only", "smoothing = 0.1").contains("unknown field"));
    }

    #[test]
    fn a_loss_that_is_not_a_number_ends_the_training() {
        let mut data = TwoDomains::shifted(8, 4, 3.0);
        data.source[0] = f32::NAN;
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 10, 0.1);
        let mut method = training("source-only", "", &bench.context());
        let error = method.step(&mut bench.stage(), 0, false).unwrap_err().to_string();
        assert!(error.contains("class_loss is NaN at step 0"), "{error}");
    }
}
