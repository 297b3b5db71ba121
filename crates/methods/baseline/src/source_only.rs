//! Training on the source alone.

use isthmus_core::prelude::*;

use crate::supervised;

inventory::submit! {
    Plugin::driver::<SourceOnly>(
        About {
            name: "source-only",
            summary: "Cross-entropy on the source; the target is never seen",
            paper: "",
        },
        Needs::NOTHING.alone(),
    )
}

/// Trains on the labelled source and never looks at the target: the figure to beat, and the
/// first stage of methods that start from a trained source model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceOnly {}

impl PluginConfig for SourceOnly {}
impl Method for SourceOnly {}

impl Driver for SourceOnly {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        supervised::step(step, |segments| segments)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::{Kind, Needs};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    #[test]
    fn learns_the_source_without_a_look_at_the_target() {
        let mut data = TwoDomains::shifted(40, 20, 3.0);
        data.target_hidden = true;
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data.batches(10, 5), 60, 0.2);
        let mut method = driver("source-only", "", &bench.context());
        let reports = bench.run(&mut *method, 0..60);
        let loss = |step: usize| reports[step]["class_loss"];
        assert!(loss(59) < 0.5 * loss(0), "{} to {}", loss(0), loss(59));
        assert!(bench.source_accuracy() > 0.95, "{}", bench.source_accuracy());
        let error = bench.stage().predict_target().unwrap_err().to_string();
        assert_eq!(error, "the target is hidden");
        assert_eq!(plugin(Kind::Method, "source-only").needs, Needs::NOTHING.alone());
        assert!(config_error("source-only", "smoothing = 0.1").contains("smoothing"));
    }

    #[test]
    fn a_loss_that_is_not_a_number_ends_the_driver() {
        let mut data = TwoDomains::shifted(8, 4, 3.0);
        data.source[0] = f32::NAN;
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 10, 0.1);
        let mut method = driver("source-only", "", &bench.context());
        let error = bench.step(&mut *method, 0, false).unwrap_err().to_string();
        assert!(error.contains("the loss is NaN at step 0"), "{error}");
    }
}
