//! No alignment: what the others are compared with.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<ShallowSourceOnly>(
        About {
            name: "shallow-source-only",
            summary: "A shallow classifier of the source's features, without adaptation",
            paper: "",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Fits a shallow classifier to the source's features as they are: what methods in closed form with
/// the same classifier are compared with. Acts once, in the last stage: in a first stage on the
/// extractor's features, after a stage that trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShallowSourceOnly {
    /// What classifies the features.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for ShallowSourceOnly {
    fn default() -> Self {
        Self { classifier: Choice::named("nearest-neighbour") }
    }
}

impl PluginConfig for ShallowSourceOnly {}

impl FitPlugin for ShallowSourceOnly {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for ShallowSourceOnly {
    fn align(&self, _domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        Ok((Mapping::shared(Map::Identity), Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Run, survives};
    use isthmus_testing::TwoDomains;

    #[test]
    fn the_features_stay_as_they_are() {
        let data = TwoDomains::shifted(40, 30, 0.0);
        let mut run = Run::new("shallow-source-only", "", &data).unwrap();
        assert_eq!(run.target().0, data.target);
        assert_eq!(run.source_accuracy(), 1.0);
        assert!(run.target_accuracy() > 0.95);
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("shallow-source-only", "");
    }
}
