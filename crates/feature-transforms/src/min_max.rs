//! `min-max`: values from 0 to 1.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::inventory;
use isthmus_core::registry::{About, FeatureTransformPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column_scaling::ColumnScaling;
use crate::fitted_on::FittedOn;

const NAMES: [&str; 2] = ["smallest", "range"];

/// Brings the smallest training value of each feature, or of each channel of a series, to 0 and the
/// largest to 1. Other samples may lie beyond. What does not vary becomes 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MinMax {
    /// Whose training samples smallest and largest value are of: `each-domain` by itself, the
    /// `sources`, or `all` domains of the task.
    pub fitted_on: FittedOn,
}

impl Default for MinMax {
    fn default() -> Self {
        Self { fitted_on: FittedOn::Sources }
    }
}

impl PluginConfig for MinMax {}

impl FeatureTransformPlugin for MinMax {
    fn build(self) -> Box<dyn FeatureTransform> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::feature_transform::<MinMax>(About {
        name: "min-max",
        summary: "Brings the training values of each feature to [0, 1]",
        paper: "",
    })
}

impl FeatureTransform for MinMax {
    fn fit(&self, sources: &[Vectors], target: &Vectors) -> Result<FittedDomains, DataError> {
        self.fitted_on.fit(sources, target, |vectors| {
            let size = vectors[0].size;
            let mut smallest = vec![f64::INFINITY; size];
            let mut largest = vec![f64::NEG_INFINITY; size];
            for vector in vectors.iter().flat_map(|vectors| vectors.iter()) {
                for ((smallest, largest), value) in
                    smallest.iter_mut().zip(&mut largest).zip(vector)
                {
                    *smallest = smallest.min(f64::from(*value));
                    *largest = largest.max(f64::from(*value));
                }
            }
            let range = largest.iter().zip(&smallest).map(|(largest, smallest)| largest - smallest);
            let range = range.collect();
            Ok(ColumnScaling::values(NAMES, smallest, range))
        })
    }

    fn map(&self, fitted: &FittedValues) -> Result<Box<dyn VectorMap>, DataError> {
        Ok(Box::new(ColumnScaling::of(NAMES, fitted)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{applied, vectors};

    #[test]
    fn training_values_of_the_source_lie_between_0_and_1() {
        let source = vectors(2, &[2.0, 7.0, 4.0, 7.0, 6.0, 7.0]);
        let [source, target] = applied(&MinMax::default(), source, vectors(2, &[10.0, 8.0]));
        assert_eq!(source.values, [0.0, 0.0, 0.5, 0.0, 1.0, 0.0]);
        assert_eq!(target.values, [2.0, 1.0]);
    }
}
