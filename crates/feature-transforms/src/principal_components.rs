//! `pca`: the directions in which the samples vary most.

use burn::tensor::TensorData;
use isthmus_core::config::PluginConfig;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::inventory;
use isthmus_core::registry::{About, FeatureTransformPlugin, Plugin};
use isthmus_linear::{LinearError, Rows, principal_components};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column_scaling::{check_size, fitted_values};
use crate::fitted_on::FittedOn;

/// Keeps the principal components of the training samples: the centred samples in the directions of
/// the largest variance, found exactly. Takes time that grows with the third power of the number of
/// features or of training samples, whichever is smaller: 1000 are a matter of seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrincipalComponents {
    /// Number of components.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// Whose training samples they are of: the `sources`, `all` domains of the task, or
    /// `each-domain` by itself, whose components then differ in meaning.
    pub fitted_on: FittedOn,
    /// Brings each component to standard deviation 1.
    pub whiten: bool,
}

impl Default for PrincipalComponents {
    fn default() -> Self {
        Self { size: 50, fitted_on: FittedOn::All, whiten: false }
    }
}

impl PluginConfig for PrincipalComponents {}

impl FeatureTransformPlugin for PrincipalComponents {
    fn build(self) -> Box<dyn FeatureTransform> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::feature_transform::<PrincipalComponents>(About {
        name: "pca",
        summary: "Keeps the principal components of the training samples",
        paper: "Pearson: On lines and planes of closest fit to systems of points in space, 1901",
    })
}

impl FeatureTransform for PrincipalComponents {
    fn fit(&self, sources: &[Vectors], target: &Vectors) -> Result<FittedDomains, DataError> {
        self.fitted_on.fit(sources, target, |vectors| {
            let size = vectors[0].size;
            let values = vectors.iter().flat_map(|it| it.values.iter().map(|v| f64::from(*v)));
            let rows = Rows::new(size, values.collect());
            let failed = |error: LinearError| DataError::Mismatch(error.to_string());
            let components = principal_components(&rows, self.size).map_err(failed)?;
            if components.count() < self.size {
                return Err(DataError::Mismatch(format!(
                    "`size = {}`, but {} training samples of {size} features vary in {} directions \
                     only",
                    self.size,
                    rows.count(),
                    components.count()
                )));
            }
            let mean = rows.mean();
            let components = match self.whiten {
                false => components,
                true => whitened(&components, &rows.minus(&mean)),
            };
            let tensor = |values: &[f64], dims: &[usize]| {
                TensorData::new(values.iter().map(|value| *value as f32).collect(), dims)
            };
            Ok([
                ("mean".to_owned(), tensor(&mean, &[size])),
                ("components".to_owned(), tensor(components.values(), &[self.size, size])),
            ]
            .into())
        })
    }

    fn map(&self, fitted: &FittedValues) -> Result<Box<dyn VectorMap>, DataError> {
        let wide =
            |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let mean = wide(fitted_values(fitted, "mean")?);
        let components = wide(fitted_values(fitted, "components")?);
        check_size(components.len(), self.size * mean.len())?;
        Ok(Box::new(Projection { components: Rows::new(mean.len(), components), mean }))
    }
}

/// Components divided by the standard deviation of the centred rows along them.
fn whitened(components: &Rows, centred: &Rows) -> Rows {
    let along = centred.times_transposed(components);
    let count = centred.count() as f64;
    let mut variance = vec![0.0; components.count()];
    for row in along.iter() {
        for (variance, value) in variance.iter_mut().zip(row) {
            *variance += value * value / count;
        }
    }
    let scaled = components.iter().zip(variance).flat_map(|(component, variance)| {
        component.iter().map(move |value| value / variance.sqrt())
    });
    Rows::new(components.columns(), scaled.collect())
}

struct Projection {
    mean: Vec<f64>,
    components: Rows,
}

impl VectorMap for Projection {
    fn apply(&self, vectors: Vectors) -> Result<Vectors, DataError> {
        check_size(vectors.size, self.mean.len())?;
        let values = vectors.values.iter().map(|value| f64::from(*value)).collect();
        let rows = Rows::new(vectors.size, values).minus(&self.mean);
        let projected = rows.times_transposed(&self.components);
        let values = projected.values().iter().map(|value| *value as f32).collect();
        Ok(Vectors { size: self.components.count(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{applied, vectors};

    /// On a line, with some width: the first component is along it.
    const SOURCE: [f32; 12] = [0.0, 0.0, 3.0, 3.1, 6.0, 5.9, 9.0, 9.1, 12.0, 11.9, 15.0, 15.0];

    #[test]
    fn the_first_component_is_along_the_line() {
        let config = PrincipalComponents { size: 1, ..Default::default() };
        let target = vectors(2, &[7.5, 7.5, 8.5, 8.5]);
        let [source, target] = applied(&config, vectors(2, &SOURCE), target);
        assert_eq!((source.size, source.count(), target.count()), (1, 6, 2));
        let step = target.values[1] - target.values[0];
        assert!((step.abs() - 2.0_f32.sqrt()).abs() < 1e-3, "{step}");
        // Centred over both domains.
        let sum: f32 = source.values.iter().chain(&target.values).sum();
        assert!(sum.abs() < 1e-4, "{sum}");
    }

    #[test]
    fn whitened_components_have_deviation_1() {
        let fitted_on = FittedOn::Sources;
        let config = PrincipalComponents { size: 2, whiten: true, fitted_on };
        let [source, _] = applied(&config, vectors(2, &SOURCE), vectors(2, &[0.0, 0.0]));
        for component in 0..2 {
            let own = source.values.iter().skip(component).step_by(2);
            let variance = own.map(|value| value * value).sum::<f32>() / 6.0;
            assert!((variance - 1.0).abs() < 1e-4, "{variance}");
        }
    }

    #[test]
    fn more_components_than_directions_are_refused() {
        let config = PrincipalComponents { size: 3, ..Default::default() };
        let flat = vectors(4, &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let error = config.fit(std::slice::from_ref(&flat), &flat).unwrap_err().to_string();
        assert!(error.contains("4 training samples of 4 features vary in 1 directions"), "{error}");
    }
}
