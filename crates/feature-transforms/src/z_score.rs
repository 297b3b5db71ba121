//! `z-score`: mean 0 and standard deviation 1.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::inventory;
use isthmus_core::moments::moments;
use isthmus_core::registry::{About, FeatureTransformPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column_scaling::ColumnScaling;
use crate::fitted_on::FittedOn;

const NAMES: [&str; 2] = ["mean", "deviation"];

/// Brings each feature, or each channel of a series, to mean 0 and standard deviation 1 over the
/// training samples. What does not vary becomes 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZScore {
    /// Whose training samples mean and deviation are of: `each-domain` by itself, which takes
    /// differences of scale between domains away, the `sources`, or `all` domains of the task.
    pub fitted_on: FittedOn,
}

impl Default for ZScore {
    fn default() -> Self {
        Self { fitted_on: FittedOn::EachDomain }
    }
}

impl PluginConfig for ZScore {}

impl FeatureTransformPlugin for ZScore {
    fn build(self) -> Box<dyn FeatureTransform> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::feature_transform::<ZScore>(About {
        name: "z-score",
        summary: "Brings each feature to mean 0 and standard deviation 1",
        paper: "",
    })
}

impl FeatureTransform for ZScore {
    fn fit(&self, sources: &[Vectors], target: &Vectors) -> Result<FittedDomains, DataError> {
        self.fitted_on.fit(sources, target, |vectors| {
            let size = vectors[0].size;
            let all = || vectors.iter().flat_map(|vectors| vectors.iter());
            let own = |column: usize| all().map(move |vector| f64::from(vector[column]));
            let (mean, deviation) = (0..size).map(|column| moments(|| own(column))).unzip();
            Ok(ColumnScaling::values(NAMES, mean, deviation))
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
    fn each_domain_is_scaled_by_itself() {
        let source = vectors(2, &[1.0, 5.0, 3.0, 5.0]);
        let target = vectors(2, &[10.0, -2.0, 30.0, 2.0]);
        let [source, target] = applied(&ZScore::default(), source, target);
        // A feature that does not vary becomes 0.
        assert_eq!(source.values, [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(target.values, [-1.0, -1.0, 1.0, 1.0]);
    }

    #[test]
    fn the_target_may_go_through_what_the_source_was_fitted_to() {
        let (source, target) = (vectors(1, &[0.0, 4.0]), vectors(1, &[6.0]));
        let sources = ZScore { fitted_on: FittedOn::Sources };
        let [source_scaled, target_scaled] = applied(&sources, source.clone(), target.clone());
        assert_eq!((source_scaled.values, target_scaled.values), (vec![-1.0, 1.0], vec![2.0]));
        let all = ZScore { fitted_on: FittedOn::All };
        let [source, target] = applied(&all, source, target);
        let sum: f32 = source.values.iter().chain(&target.values).sum();
        assert!(sum.abs() < 1e-6 && target.values[0] > 1.0, "{source:?}, {target:?}");
    }

    #[test]
    fn a_domain_without_samples_is_refused() {
        let error = ZScore::default().fit(&[vectors(1, &[])], &vectors(1, &[1.0])).unwrap_err();
        assert!(error.to_string().contains("no training samples"), "{error}");
        let error = ZScore::default().map(&FittedValues::new()).err().unwrap().to_string();
        assert!(error.contains("no `mean` was fitted"), "{error}");
    }
}
