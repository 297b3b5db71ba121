//! `unit-length`: vectors of length 1.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::inventory;
use isthmus_core::registry::{About, FeatureTransformPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Divides each sample by its Euclidean norm (L2); of a series each time step. Samples of zeros stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnitLength {}

impl PluginConfig for UnitLength {}

impl FeatureTransformPlugin for UnitLength {
    fn build(self) -> Box<dyn FeatureTransform> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::feature_transform::<UnitLength>(About {
        name: "unit-length",
        summary: "Divides each sample by its Euclidean norm",
        paper: "",
    })
}

impl FeatureTransform for UnitLength {
    fn fit(&self, sources: &[Vectors], _target: &Vectors) -> Result<FittedDomains, DataError> {
        Ok(FittedDomains::alike(FittedValues::new(), sources.len()))
    }

    fn map(&self, _fitted: &FittedValues) -> Result<Box<dyn VectorMap>, DataError> {
        Ok(Box::new(self.clone()))
    }
}

impl VectorMap for UnitLength {
    fn apply(&self, mut vectors: Vectors) -> Result<Vectors, DataError> {
        for vector in vectors.values.chunks_exact_mut(vectors.size.max(1)) {
            let square: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
            if square > 0.0 {
                let norm = square.sqrt();
                vector.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
            }
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{applied, vectors};

    #[test]
    fn vectors_have_length_1_and_zeros_stay() {
        let source = vectors(2, &[3.0, -4.0, 0.0, 0.0]);
        let [source, target] = applied(&UnitLength {}, source, vectors(2, &[0.0, 1e30]));
        assert_eq!(source.values, [0.6, -0.8, 0.0, 0.0]);
        assert_eq!(target.values, [0.0, 1.0]);
    }
}
