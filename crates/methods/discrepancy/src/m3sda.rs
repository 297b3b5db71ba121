//! Moment matching for multi-source domain adaptation.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::moment_distance;

use crate::estimator::require_both;

inventory::submit! {
    Plugin::term::<M3sda>(About {
        name: "m3sda",
        summary: "Aligns the moments of the features of every pair of domains, several sources too",
        paper: "Peng, Bai, Xia, Huang, Saenko, Wang: Moment matching for multi-source domain \
                adaptation, ICCV 2019",
    }).weight(0.1)
}

/// Distance of the moments of the features, between each source and the target and between each pair
/// of sources: `sum_k ( mean_s |E[f_s^k] - E[f_t^k]| + mean_{s<r} |E[f_s^k] - E[f_r^k]| )` for `k` up
/// to `orders`, powers taken by feature and not centred. With one source it is the first mean alone.
///
/// The sources are aligned with each other too, since a classifier of all of them is to serve the
/// target. The paper's classifier for each source, and the pair of classifiers of its second variant
/// (as `mcd` has), are not part of it. Moments grow as a power of the features' scale, so the weight
/// depends on it: 0.1 here, 0.0005 in the authors' code for up to five orders of all pairs.
///
/// The authors' code compares no means: it subtracts them first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct M3sda {
    /// The highest order of the moments.
    #[schemars(range(min = 1, max = 8))]
    pub orders: u32,
}

impl Default for M3sda {
    fn default() -> Self {
        Self { orders: 2 }
    }
}

impl PluginConfig for M3sda {}
impl Method for M3sda {}

impl Term for M3sda {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("m3sda", &joint)?;
        let mut start = 0;
        let mut domains = Vec::with_capacity(joint.segments.len());
        for segment in joint.segments.iter().filter(|segment| segment.rows > 0) {
            domains.push(joint.features.clone().narrow(0, start, segment.rows));
            start += segment.rows;
        }
        Ok(moment_distance(&domains, self.orders))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, plugin, term};

    #[test]
    fn two_sources_and_the_target_come_together() {
        let mut joint = Joint::new(&[9, 5], 8, 4, 3);
        let mut m3sda = term("m3sda", "", &context(4, 3, 2));
        let losses = joint.descend(&mut *m3sda, 300, 0.05);
        assert!(losses[299] < 0.1 * losses[0], "{} to {}", losses[0], losses[299]);
        let means = |start: usize, rows: usize| -> Vec<f32> {
            let rows = joint.features.clone().narrow(0, start, rows);
            rows.mean_dim(0).to_data().iter::<f32>().collect()
        };
        let (first, second, target) = (means(0, 9), means(9, 5), means(14, 8));
        for ((first, second), target) in first.iter().zip(&second).zip(&target) {
            assert!((first - second).abs() < 0.1 && (first - target).abs() < 0.1);
        }
    }

    /// Two sources that are apart are brought together though the target lies between them.
    #[test]
    fn pairs_of_sources_count() {
        let joint = Joint::new(&[6, 6], 5, 4, 3);
        let value = |segments: &[usize]| {
            let mut joint = joint.clone();
            let target = *joint.segments.last().unwrap();
            joint.segments = segments
                .iter()
                .enumerate()
                .map(|(index, rows)| isthmus_core::context::Segment {
                    domain: isthmus_core::context::DomainRole::Source(index),
                    rows: *rows,
                })
                .chain([target])
                .collect();
            joint.loss(&mut *term("m3sda", "", &context(4, 3, 2)), 0, 1).into_scalar::<f64>()
        };
        let (apart, together) = (value(&[6, 6]), value(&[12]));
        assert!(apart > together, "{apart} of two sources, {together} of one");
    }

    #[test]
    fn single_identical_and_extreme_rows_are_finite() {
        for (sources, target) in [(&[4_usize, 3][..], 5), (&[1, 1], 1), (&[1], 1)] {
            for scale in [0.0, 1e4] {
                let joint = Joint::new(sources, target, 4, 3).scaled(scale, 1e4);
                let mut m3sda = term("m3sda", "", &context(4, 3, sources.len()));
                let (features, logits) = joint.gradients(&mut *m3sda, 0, 1);
                assert!(features.unwrap().into_iter().all(f32::is_finite));
                assert!(logits.is_none());
            }
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("m3sda", "", 2.0, 100);
    }

    #[test]
    fn the_default_is_the_papers() {
        assert_eq!((plugin(Kind::Method, "m3sda").defaults)()["orders"], 2);
        assert!(config_error("m3sda", "orders = 0").contains("orders"));
    }
}
