//! `log-one-plus`: the logarithm of counts.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::inventory;
use isthmus_core::registry::{About, FeatureTransformPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Puts log(1 + x) in the place of each value, which has to be greater than -1: counts and other
/// amounts that differ by orders of magnitude come closer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogOnePlus {}

impl PluginConfig for LogOnePlus {}

impl FeatureTransformPlugin for LogOnePlus {
    fn build(self) -> Box<dyn FeatureTransform> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::feature_transform::<LogOnePlus>(About {
        name: "log-one-plus",
        summary: "Puts log(1 + x) in the place of each value",
        paper: "",
    })
}

impl FeatureTransform for LogOnePlus {
    fn fit(&self, sources: &[Vectors], _target: &Vectors) -> Result<FittedDomains, DataError> {
        Ok(FittedDomains::alike(FittedValues::new(), sources.len()))
    }

    fn map(&self, _fitted: &FittedValues) -> Result<Box<dyn VectorMap>, DataError> {
        Ok(Box::new(self.clone()))
    }
}

impl VectorMap for LogOnePlus {
    fn apply(&self, mut vectors: Vectors) -> Result<Vectors, DataError> {
        let size = vectors.size.max(1);
        for (place, value) in vectors.values.iter_mut().enumerate() {
            if *value <= -1.0 {
                return Err(DataError::Mismatch(format!(
                    "feature {} of vector {} is {value}, and log(1 + x) needs values greater than -1",
                    place % size,
                    place / size
                )));
            }
            *value = value.ln_1p();
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{applied, vectors};

    #[test]
    fn counts_come_closer_and_small_values_keep_their_digits() {
        let source = vectors(2, &[0.0, 1e-10, 9.0, 0.5]);
        let [source, target] = applied(&LogOnePlus {}, source, vectors(2, &[-0.5, 0.0]));
        assert_eq!(source.values, [0.0, 1e-10, 10.0_f32.ln(), 1.5_f32.ln()]);
        assert_eq!(target.values, [0.5_f32.ln(), 0.0]);
        let map = LogOnePlus {}.map(&FittedValues::new()).unwrap();
        let error = map.apply(vectors(2, &[1.0, 1.0, 1.0, -1.0])).unwrap_err().to_string();
        assert!(error.contains("feature 1 of vector 1 is -1"), "{error}");
    }
}
