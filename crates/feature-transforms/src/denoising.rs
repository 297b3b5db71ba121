//! `msda`: features that tell which others occur beside them.

use burn::tensor::TensorData;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, FeatureTransformPlugin, Plugin};
use isthmus_linear::{LinearError, Rows, cholesky};
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::column_scaling::{check_size, fitted_values};
use crate::fitted_on::FittedOn;

/// Marginalised stacked denoising autoencoders. A layer is the linear map that best restores features
/// from others of which each was set to 0 with the probability `noise`, on average over all ways to do
/// so, followed by the hyperbolic tangent; found in closed form from the training samples of all
/// domains. The next layer works on what this one gives. The features and what all layers give stand
/// side by side.
///
/// Where `features` is stated, the first layer restores as many of the most frequent features, and
/// works on parts of that size: the features divided at random, what is restored from each part
/// averaged (section 4 of the paper). A part takes time that grows with the third power of its size,
/// so that 5000 features are a matter of seconds at 500 and of many minutes all at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MarginalizedDenoising {
    /// Number of layers.
    #[schemars(range(min = 1))]
    pub layers: usize,
    /// The probability with which a feature is set to 0; above 0 and below 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise: f64,
    /// How many of the most frequent features (those that are 0 in the fewest samples) the layers
    /// restore. Absent: all.
    #[schemars(range(min = 1))]
    pub features: Option<usize>,
    /// What is added to the squares of features, so that maps exist.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: f64,
    /// Names the random division into parts.
    pub seed: u64,
}

impl Default for MarginalizedDenoising {
    fn default() -> Self {
        Self { layers: 5, noise: 0.5, features: None, regularization: 1e-5, seed: 0 }
    }
}

impl PluginConfig for MarginalizedDenoising {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.noise > 0.0 && self.noise < 1.0 {
            return Ok(());
        }
        Err(FieldProblem {
            field: "noise".to_owned(),
            message: format!("`noise` is {}, must be above 0 and below 1", self.noise),
        })
    }
}

impl FeatureTransformPlugin for MarginalizedDenoising {
    fn build(self) -> Box<dyn FeatureTransform> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::feature_transform::<MarginalizedDenoising>(About {
        name: "msda",
        summary: "Adds layers that restore features from others of the same sample",
        paper: "Chen, Xu, Weinberger, Sha: Marginalized denoising autoencoders for domain \
                adaptation, ICML 2012",
    })
}

/// Vectors that are changed at once.
const BLOCK: usize = 512;

/// The map that best restores columns of `x` from all columns, of which each is set to 0 with the
/// probability `noise`: `[restored, columns + 1]`, the last column for a constant of 1 (equations 4 to
/// 6 of the paper).
fn restoring(
    x: &Rows,
    restored: &Rows,
    noise: f64,
    regularization: f64,
) -> Result<Rows, LinearError> {
    let kept = 1.0 - noise;
    let x = with_ones(x);
    let size = x.columns();
    let kept = |column: usize| if column + 1 == size { 1.0 } else { kept };
    let scatter = x.transposed_times(&x);
    let mut values = scatter.values().to_vec();
    for (row, entries) in values.chunks_exact_mut(size).enumerate() {
        for (column, entry) in entries.iter_mut().enumerate() {
            *entry *= if row == column { kept(row) } else { kept(row) * kept(column) };
        }
    }
    let mut corrupted = Rows::new(size, values);
    corrupted.add_to_diagonal(regularization);
    // `[columns + 1, restored]`.
    let cross = x.transposed_times(restored);
    let width = restored.columns();
    let mut values = cross.values().to_vec();
    for (row, entries) in values.chunks_exact_mut(width).enumerate() {
        entries.iter_mut().for_each(|entry| *entry *= kept(row));
    }
    let solved = cholesky::solve(&cholesky::factor(&corrupted)?, &Rows::new(width, values));
    Ok(solved.transposed())
}

fn with_ones(rows: &Rows) -> Rows {
    let values = rows.iter().flat_map(|row| row.iter().copied().chain([1.0])).collect();
    Rows::new(rows.columns() + 1, values)
}

fn columns_of(rows: &Rows, columns: &[usize]) -> Rows {
    let values = rows.iter().flat_map(|row| columns.iter().map(|&column| row[column])).collect();
    Rows::new(columns.len(), values)
}

/// What a layer gives of rows.
fn squashed(rows: &Rows, weights: &Rows) -> Rows {
    let sums = with_ones(rows).times_transposed(weights);
    Rows::new(sums.columns(), sums.values().iter().map(|sum| sum.tanh()).collect())
}

impl MarginalizedDenoising {
    /// The first layer, of parts of the features.
    fn first(&self, x: &Rows) -> Result<Rows, LinearError> {
        let all = x.columns();
        let Some(size) = self.features.filter(|&size| size < all) else {
            return restoring(x, x, self.noise, self.regularization);
        };
        let mut counts = vec![0_usize; all];
        for row in x.iter() {
            for (count, value) in counts.iter_mut().zip(row) {
                *count += usize::from(*value != 0.0);
            }
        }
        let mut frequent: Vec<usize> = (0..all).collect();
        frequent.sort_by_key(|&feature| (std::cmp::Reverse(counts[feature]), feature));
        frequent.truncate(size);
        let restored = columns_of(x, &frequent);
        let mut divided: Vec<usize> = (0..all).collect();
        divided.shuffle(&mut Key::new(self.seed).named("msda").rng());
        let parts: Vec<&[usize]> = divided.chunks(size).collect();
        let mut weights = vec![0.0; size * (all + 1)];
        for part in &parts {
            let x = columns_of(x, part);
            let own = restoring(&x, &restored, self.noise, self.regularization)?;
            for (row, own) in weights.chunks_exact_mut(all + 1).zip(own.iter()) {
                for (&column, weight) in part.iter().chain([&all]).zip(own) {
                    row[column] += weight / parts.len() as f64;
                }
            }
        }
        Ok(Rows::new(all + 1, weights))
    }
}

impl FeatureTransform for MarginalizedDenoising {
    fn fit(&self, sources: &[Vectors], target: &Vectors) -> Result<FittedDomains, DataError> {
        FittedOn::All.fit(sources, target, |vectors| {
            let failed = |error: LinearError| DataError::Mismatch(error.to_string());
            let size = vectors[0].size;
            let values = vectors.iter().flat_map(|it| it.values.iter().map(|v| f64::from(*v)));
            let mut rows = Rows::new(size, values.collect());
            rows.check_finite().map_err(failed)?;
            let mut fitted = FittedValues::new();
            for layer in 0..self.layers {
                let weights = match layer {
                    0 => self.first(&rows),
                    _ => restoring(&rows, &rows, self.noise, self.regularization),
                };
                // As a record holds them, so that what follows is what is found again.
                let weights = weights.map_err(failed)?.rounded();
                rows = squashed(&rows, &weights);
                let values = weights.values().iter().map(|weight| *weight as f32).collect();
                let data = TensorData::new(values, [weights.count(), weights.columns()]);
                fitted.insert(name(layer), data);
            }
            Ok(fitted)
        })
    }

    fn map(&self, fitted: &FittedValues) -> Result<Box<dyn VectorMap>, DataError> {
        let mut layers = Vec::new();
        for layer in 0..self.layers {
            let values = fitted_values(fitted, &name(layer))?;
            let columns = fitted[&name(layer)].shape().last().copied().unwrap_or(0);
            let expected = match layers.last() {
                Some(before) => Rows::count(before) + 1,
                None => columns,
            };
            check_size(columns, expected)?;
            layers.push(Rows::new(columns, values.iter().map(|it| f64::from(*it)).collect()));
        }
        Ok(Box::new(Layers(layers)))
    }
}

fn name(layer: usize) -> String {
    format!("layer-{layer}")
}

struct Layers(Vec<Rows>);

impl VectorMap for Layers {
    fn apply(&self, vectors: Vectors) -> Result<Vectors, DataError> {
        let size = vectors.size;
        let expected = self.0.first().map_or(size, |first| first.columns() - 1);
        check_size(size, expected)?;
        let all = size + self.0.iter().map(Rows::count).sum::<usize>();
        let mut values = Vec::with_capacity(vectors.count() * all);
        for block in vectors.values.chunks(BLOCK * size.max(1)) {
            let mut rows = Rows::new(size, block.iter().map(|it| f64::from(*it)).collect());
            let given: Vec<Rows> = self
                .0
                .iter()
                .map(|weights| {
                    rows = squashed(&rows, weights);
                    rows.clone()
                })
                .collect();
            for (row, plain) in block.chunks_exact(size.max(1)).enumerate() {
                values.extend_from_slice(plain);
                for layer in &given {
                    values.extend(layer.row(row).iter().map(|value| *value as f32));
                }
            }
        }
        Ok(Vectors { size: all, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{applied, vectors};

    const ROWS: [f64; 8] = [1.0, 0.0, 0.5, 1.5, 0.0, 2.0, 1.0, 1.0];

    /// The mean square error of a map over all ways to set features to 0, by trying them all.
    fn error(weights: &[f64], noise: f64) -> f64 {
        let mut sum = 0.0;
        for row in ROWS.chunks_exact(2) {
            for mask in 0..4 {
                let kept = [mask & 1, mask >> 1].map(f64::from);
                let probability: f64 =
                    kept.iter().map(|kept| kept * (1.0 - noise) + (1.0 - kept) * noise).product();
                let corrupted = [row[0] * kept[0], row[1] * kept[1], 1.0];
                for (target, weights) in row.iter().zip(weights.chunks_exact(3)) {
                    let found: f64 = weights.iter().zip(corrupted).map(|(w, x)| w * x).sum();
                    sum += probability * (target - found).powi(2);
                }
            }
        }
        sum
    }

    #[test]
    fn the_map_is_the_best_over_all_ways_to_corrupt() {
        let rows = Rows::new(2, ROWS.to_vec());
        let found = restoring(&rows, &rows, 0.3, 1e-9).unwrap();
        let least = error(found.values(), 0.3);
        for place in 0..6 {
            for step in [-1e-3, 1e-3] {
                let mut other = found.values().to_vec();
                other[place] += step;
                assert!(error(&other, 0.3) > least, "weight {place}");
            }
        }
    }

    #[test]
    fn layers_stand_beside_the_features() {
        let config = MarginalizedDenoising { layers: 2, ..Default::default() };
        let source = vectors(2, &ROWS.map(|value| value as f32));
        let [source, target] = applied(&config, source, vectors(2, &[1.0, 0.0]));
        assert_eq!((source.size, source.count(), target.count()), (6, 4, 1));
        assert_eq!(source.values[..2], [1.0, 0.0]);
        // The same vector, whichever domain it is of.
        assert_eq!(target.values, source.values[..6]);
        assert!(source.values.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn the_most_frequent_features_are_restored_from_all_parts() {
        // The third feature is in all samples, the second in one: they occur with the first.
        let values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.5, 1.0, 0.0, 1.0, 0.0, 0.0, 0.5];
        let config = MarginalizedDenoising {
            layers: 1,
            features: Some(1),
            noise: 0.1,
            ..Default::default()
        };
        let source = vectors(3, &values);
        let fitted = config.fit(std::slice::from_ref(&source), &source).unwrap();
        assert_eq!(fitted.target["layer-0"].shape().to_vec(), [1, 4]);
        let weights = fitted.target["layer-0"].try_to_vec::<f32>().unwrap();
        // It grows with itself and with the first.
        assert!(weights[2] > 0.1 && weights[0] > 0.05, "{weights:?}");
        let [source, _] = applied(&config, source.clone(), source);
        assert!(source.values[3] > source.values[7], "{:?}", source.values);
    }

    #[test]
    fn certain_or_no_corruption_and_values_that_are_no_numbers_are_refused() {
        for noise in [0.0, 1.0] {
            let config = MarginalizedDenoising { noise, ..Default::default() };
            assert!(config.check().unwrap_err().message.contains("above 0 and below 1"));
        }
        let wrong = vectors(1, &[f32::NAN]);
        let error =
            MarginalizedDenoising::default().fit(std::slice::from_ref(&wrong), &wrong).unwrap_err();
        assert!(error.to_string().contains("holds NaN"), "{error}");
    }
}
