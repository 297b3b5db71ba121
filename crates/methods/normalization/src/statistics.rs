//! The running statistics of every norm layer of a model, on the host.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::MethodError;
use isthmus_core::model::Model;
use isthmus_core::updater::Part;

/// What the running statistics of a norm layer record, by field.
const MEAN: &str = "mean";
const VARIANCE: &str = "variance";
const ROWS: &str = "population_rows";
const SEEN: &str = "seen";

/// Where a norm layer has the statistics of all rows together, and its mixing weight.
const SHARED: &str = "shared.";
const MIXING: &str = "alpha";

/// Mean and variance by channel, and how many rows they are of; 0 where no row was seen since the
/// count was last set to 0.
#[derive(Clone, Debug, PartialEq)]
struct Moments {
    mean: Vec<f64>,
    variance: Vec<f64>,
    rows: f64,
}

impl Moments {
    /// Merges moments of further rows in (Chan, Golub, LeVeque, 1979).
    fn merge(&mut self, other: &Self) {
        let total = self.rows + other.rows;
        if total == 0.0 {
            return;
        }
        let share = other.rows / total;
        for (channel, mean) in self.mean.iter_mut().enumerate() {
            let difference = other.mean[channel] - *mean;
            let variance = &mut self.variance[channel];
            *variance += (other.variance[channel] - *variance) * share
                + difference * difference * share * (1.0 - share);
            *mean += difference * share;
        }
        self.rows = total;
    }

    /// The largest difference in the units of this layer's own spread: of means in standard
    /// deviations, of variances as a share.
    fn distance(&self, other: &Self) -> f64 {
        // Channels that are constant, or nearly, have no spread to measure in.
        const LEAST_VARIANCE: f64 = 1e-5;
        let channels = self.mean.iter().zip(&self.variance).zip(&other.mean).zip(&other.variance);
        channels
            .map(|(((mean, variance), other_mean), other_variance)| {
                let variance_scale = variance.max(LEAST_VARIANCE);
                let of_means = (mean - other_mean).abs() / variance_scale.sqrt();
                of_means.max((variance - other_variance).abs() / variance_scale)
            })
            .fold(0.0, f64::max)
    }
}

/// The statistics of every norm layer of a model, by part and layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ModelStatistics(BTreeMap<(String, String), Moments>);

/// Refuses a model without norm layers; `what` says what the method does with them. No value of a
/// tensor is read, so that it costs nothing before every batch of a stream.
pub(crate) fn require_norm_layers(model: &mut Model, what: &str) -> Result<(), MethodError> {
    let has_any = |part: &Part<'_>| part.network.snapshot().paths().any(|it| it.ends_with(ROWS));
    if model.parts().iter().any(has_any) {
        return Ok(());
    }
    Err(MethodError::Unsuitable(format!(
        "{what} norm layers, and this model has none: use a bottleneck or an extractor with batch \
         norm"
    )))
}

/// The share of its own domain that each norm layer mixes statistics by, part after part.
pub(crate) fn mixing_weights(model: &mut Model) -> Vec<f64> {
    let mut weights = Vec::new();
    for part in model.parts() {
        let tensors: BTreeMap<String, TensorData> =
            part.network.tensors().into_iter().map(|own| (own.path, own.data)).collect();
        for path in tensors.keys() {
            let layer = path.strip_suffix(ROWS).and_then(|layer| layer.strip_suffix(SHARED));
            let alpha = layer.and_then(|layer| tensors.get(&format!("{layer}{MIXING}")));
            weights.extend(alpha.into_iter().flat_map(|alpha| alpha.iter::<f64>()));
        }
    }
    weights
}

impl ModelStatistics {
    /// The statistics that a model has.
    pub fn of(model: &mut Model) -> Self {
        let mut all = BTreeMap::new();
        for part in model.parts() {
            let tensors: BTreeMap<String, TensorData> =
                part.network.tensors().into_iter().map(|own| (own.path, own.data)).collect();
            for (path, rows) in &tensors {
                let Some(layer) = path.strip_suffix(ROWS) else { continue };
                let values = |field: &str| {
                    tensors.get(&format!("{layer}{field}")).map(|data| data.iter::<f64>().collect())
                };
                if let (Some(mean), Some(variance)) = (values(MEAN), values(VARIANCE)) {
                    let rows = rows.iter::<f64>().sum();
                    let name = (part.name.clone(), layer.to_owned());
                    all.insert(name, Moments { mean, variance, rows });
                }
            }
        }
        Self(all)
    }

    /// The same statistics, of no rows yet: what is merged into them replaces them.
    pub fn restarted(&self) -> Self {
        let restart = |moments: &Moments| Moments { rows: 0.0, ..moments.clone() };
        Self(self.0.iter().map(|(name, moments)| (name.clone(), restart(moments))).collect())
    }

    /// Merges in what the same model found on further rows.
    pub fn merge(&mut self, other: &Self) {
        for (name, moments) in &mut self.0 {
            if let Some(found) = other.0.get(name) {
                moments.merge(found);
            }
        }
    }

    /// The largest difference of any statistic, in units of the layer's own spread.
    pub fn distance(&self, other: &Self) -> f64 {
        let of_layer = |(name, moments): (&(String, String), &Moments)| {
            other.0.get(name).map_or(0.0, |other| moments.distance(other))
        };
        self.0.iter().map(of_layer).fold(0.0, f64::max)
    }

    /// Whether every value is a finite number.
    pub fn is_finite(&self) -> bool {
        self.0.values().all(|moments| {
            moments.mean.iter().chain(&moments.variance).all(|value| value.is_finite())
        })
    }

    /// Gives these statistics to a model; its other tensors stay as they are.
    ///
    /// # Errors
    /// If the model has other layers than the one the statistics are from.
    pub fn write(&self, model: &mut Model) -> Result<(), MethodError> {
        for part in model.parts() {
            let mut tensors: BTreeMap<String, TensorData> =
                part.network.tensors().into_iter().map(|own| (own.path, own.data)).collect();
            for ((_, layer), moments) in self.0.iter().filter(|((name, _), _)| *name == part.name) {
                let mut set = |field: &str, values: &[f64]| {
                    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
                    let shape = [values.len()];
                    tensors.insert(format!("{layer}{field}"), TensorData::new(values, shape));
                };
                set(MEAN, &moments.mean);
                set(VARIANCE, &moments.variance);
                set(ROWS, &[moments.rows]);
                if moments.rows > 0.0 {
                    set(SEEN, &[1.0]);
                }
            }
            part.network.load_tensors(&tensors)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(rows: &[[f64; 2]]) -> Moments {
        let count = rows.len() as f64;
        let mean: Vec<f64> =
            (0..2).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / count).collect();
        let variance = (0..2)
            .map(|column| {
                let square = |row: &[f64; 2]| (row[column] - mean[column]).powi(2);
                rows.iter().map(square).sum::<f64>() / count
            })
            .collect();
        Moments { mean, variance, rows: count }
    }

    #[test]
    fn merged_moments_are_those_of_all_rows() {
        let rows = [[1.0, -4.0], [2.0, 0.5], [7.0, 0.25], [-3.0, 9.0], [0.5, 0.5]];
        let mut merged = Moments { mean: vec![9.0; 2], variance: vec![5.0; 2], rows: 0.0 };
        for part in [&rows[..1], &rows[1..4], &rows[4..]] {
            merged.merge(&moments(part));
        }
        let all = moments(&rows);
        assert_eq!(merged.rows, 5.0);
        assert!(merged.distance(&all) < 1e-12, "{merged:?} is not {all:?}");
        assert!(merged.distance(&moments(&rows[1..])) > 0.1);
    }
}
