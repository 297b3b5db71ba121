//! Weights of several sources by how near each is to the target.

use std::ops::Range;

use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_linear::Rows;
use isthmus_linear::mmd::squared_mmd;
use isthmus_linear::rows::mean;
use isthmus_linear::subset::spread;

use crate::row_weights::{RowWeights, Weigh};

inventory::submit! {
    Plugin::term::<SourceSimilarity>(About {
        name: "source-similarity",
        summary: "Of several sources, weighs those more whose features are nearer to the target's",
        paper: "Duan, Tsang, Xu, Chua: Domain adaptation from multiple sources via auxiliary \
                classifiers, ICML 2009",
    })
}

/// Each source sample's loss is multiplied by its source's weight, found before the first step and
/// once: proportional to `exp(-sharpness * d_k / d)` for source `k`, with `d_k` its squared maximum
/// mean discrepancy to the target (five Gaussian kernels) and `d` the mean of these over the sources.
/// Weights of samples have mean 1; with a single source all are 1. Whether a source is near says
/// nothing of whether its labels mean the same there.
///
/// The features are those of the model where an earlier stage has trained it, else what the
/// extractor makes of the samples. The measurements `source_1_weight`, ... are in the order of the
/// task's sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceSimilarity {
    /// How much more a nearer source counts; with 0 all count the same.
    #[schemars(range(min = 0.0))]
    pub sharpness: f64,
    /// The distances are found from so many samples of each domain at most, spread evenly; time grows
    /// with the square of this number.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
}

impl Default for SourceSimilarity {
    fn default() -> Self {
        Self { sharpness: 2.0, maximum_rows: 500 }
    }
}

impl PluginConfig for SourceSimilarity {}

impl TermPlugin for SourceSimilarity {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(RowWeights::new(self.clone(), context)))
    }
}

impl Weigh for SourceSimilarity {
    fn weights(
        &self,
        source: &Rows,
        sources: &[Range<usize>],
        target: &Rows,
    ) -> Result<Vec<f64>, MethodError> {
        let target = spread(target, self.maximum_rows);
        let distance = |rows: &Range<usize>| {
            let own = source.select(&rows.clone().collect::<Vec<_>>());
            // By chance it is below 0 where the domains are alike.
            let found = squared_mmd(&spread(&own, self.maximum_rows), &target);
            found.map(|distance| distance.max(0.0)).ok_or_else(|| {
                MethodError::Unsuitable(format!(
                    "`source-similarity` needs 2 samples or more of each domain, there are {} of a \
                     source and {} of the target",
                    own.count(),
                    target.count()
                ))
            })
        };
        if sources.len() < 2 {
            return Ok(vec![1.0; source.count()]);
        }
        let distances: Vec<f64> = sources.iter().map(distance).collect::<Result<_, _>>()?;
        let whole = mean(&distances);
        let share = |distance: &f64| if whole > 0.0 { distance / whole } else { 0.0 };
        // The nearest one's weight is 1 before they are scaled, so that not all of them vanish.
        let least = distances.iter().map(share).fold(f64::INFINITY, f64::min);
        let weight = |distance: &f64| (-self.sharpness * (share(distance) - least)).exp();
        let of_source = distances.iter().map(weight).zip(sources);
        Ok(of_source.flat_map(|(weight, rows)| vec![weight; rows.len()]).collect())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, term};

    use super::*;
    use crate::row_weights::checked_weights;

    const LINEAR: ModelSpec =
        ModelSpec { extractor: ("identity", ""), bottleneck: None, classifier: ("linear", "") };

    /// One feature: a source around 0 and one around 4, of which the target, around 0, is like the
    /// first. At 4 classes are the other way round.
    fn two_sources() -> TwoDomains {
        let even = |centre: f32| (0..40).map(move |row| centre + (row as f32 - 19.5) / 10.0);
        let source: Vec<f32> = even(0.0).chain(even(4.0)).collect();
        let target: Vec<f32> = even(0.1).collect();
        let near = |x: &f32| u32::from(*x > 0.0);
        let source_labels =
            source.iter().map(|x| if *x < 2.0 { near(x) } else { u32::from(*x < 4.0) });
        TwoDomains {
            classes: 2,
            features: 1,
            source_labels: source_labels.collect(),
            target_labels: target.iter().map(near).collect(),
            source,
            target,
            source_batch: 80,
            target_batch: 40,
            first_source_rows: Some(40),
            ..TwoDomains::default()
        }
    }

    #[test]
    fn the_nearer_source_counts_more_and_the_target_gains() {
        let mut plain = Workbench::new(LINEAR, two_sources(), 300, 0.5);
        plain.train_on_source(300);
        let mut bench = Workbench::new(LINEAR, two_sources(), 300, 0.5);
        let mut weighted = term("source-similarity", "sharpness = 4.0", &bench.context());
        weighted.begin(&mut bench.stage()).unwrap();
        let weights: Vec<f32> = weighted.state()[0].data.iter::<f32>().collect();
        assert!(weights[0] > 1.9 && weights[79] < 0.1, "{weights:?}");
        let measured = bench.train(weighted, 300);
        assert!(measured[0]["term/source_1_weight"] > 1.9);
        assert!(measured[0]["term/source_2_weight"] < 0.1);
        let (before, after) = (plain.target_accuracy(), bench.target_accuracy());
        assert!(after > 0.9 && after > before + 0.1, "{before} {after}");
    }

    #[test]
    fn weights_by_hand() {
        // Rows of the target and of the first source at 0, of the second at 1: distances 0 and d,
        // whose mean is d / 2.
        let source = Rows::new(1, vec![0.0, 0.0, 0.0, 1.0, 1.0]);
        let target = Rows::new(1, vec![0.0, 0.0]);
        let config = SourceSimilarity { sharpness: 0.5, ..SourceSimilarity::default() };
        let found = checked_weights(&config, &source, &[0..3, 3..5], &target).unwrap();
        let far = (-1.0_f32).exp();
        let mean = (3.0 + 2.0 * far) / 5.0;
        for (found, expected) in found.iter().zip([1.0, 1.0, 1.0, far, far]) {
            assert!((found - expected / mean).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn equal_sources_a_single_one_and_single_rows() {
        let rows = Rows::new(1, vec![1.0; 4]);
        let config = SourceSimilarity::default();
        let all = checked_weights(&config, &rows, &[0..2, 2..4], &rows).unwrap();
        assert_eq!(all, [1.0; 4]);
        let single = std::slice::from_ref(&(0..4));
        assert_eq!(checked_weights(&config, &rows, single, &rows).unwrap(), [1.0; 4]);
        let error = checked_weights(&config, &rows, &[0..1, 1..4], &rows).unwrap_err().to_string();
        assert!(error.contains("there are 1 of a source and 4 of the target"), "{error}");
        let far = Rows::new(1, vec![1e15, 1e15, -1e15, -1e15]);
        let found = checked_weights(&config, &far, &[0..2, 2..4], &rows).unwrap();
        assert!(found.iter().all(|weight| weight.is_finite()), "{found:?}");
        assert!(config_error("source-similarity", "sharpness = -1.0").contains(">= 0"));
    }
}
