//! Entropic transport and the Sinkhorn divergence as losses.

use super::HostMatrix;
use super::cost::{pulls, squared_distances};
use super::sinkhorn::{EntropicPlan, Sinkhorn, sinkhorn_plan, symmetric_plan};
use crate::checks::assert_domains;
use crate::closed_form::attach;
use burn::tensor::Tensor;

/// Entropic transport between two batches: `min_P <P, C> + epsilon KL(P | a b^T)` with squared
/// distances as costs and equal masses.
///
/// The gradient is that of the cost under the best plan. Not 0 for equal batches: each is drawn
/// towards its mean. [`sinkhorn_divergence`] mends that.
///
/// Source: Cuturi, "Sinkhorn distances", 2013. Peers: POT's `sinkhorn2` returns `<P, C>` alone;
/// geomloss halves the costs.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, features differ in number or `epsilon` is not positive.
pub fn entropic_transport(source: Tensor<2>, target: Tensor<2>, settings: Sinkhorn) -> Tensor<1> {
    assert_domains("entropic_transport", &source, &target, 1);
    let EntropicPlan { plan, value, .. } = between(&source, &target, settings);
    let [own, other] = pulls(&source, &target, &plan);
    attach(attach(constant(value, &source), &source, own), &target, other)
}

/// Sinkhorn divergence: entropic transport between the domains, less half of that within each.
///
/// `S(s, t) = V(s, t) - V(s, s) / 2 - V(t, t) / 2`, with `V` as in [`entropic_transport`]: 0 for
/// equal batches and positive for others, the maximum mean discrepancy of the kernel `-|x - y|^2`
/// for large `epsilon`, the squared Wasserstein distance for small. Up to the tolerance and the
/// number of sweeps.
///
/// Source: Genevay, Peyré and Cuturi, "Learning generative models with Sinkhorn divergences", 2018;
/// Feydy et al., 2019. Peers: geomloss combines the same values; POT combines `<P, C>` and clips at 0.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, features differ in number or `epsilon` is not positive.
pub fn sinkhorn_divergence(source: Tensor<2>, target: Tensor<2>, settings: Sinkhorn) -> Tensor<1> {
    assert_domains("sinkhorn_divergence", &source, &target, 1);
    let EntropicPlan { plan, mut value, .. } = between(&source, &target, settings);
    let mut gradients = pulls(&source, &target, &plan);
    for (rows, gradient) in [&source, &target].into_iter().zip(&mut gradients) {
        let costs = HostMatrix::of(&squared_distances(rows, rows));
        let EntropicPlan { plan, value: within, .. } = symmetric_plan(&costs, settings);
        value -= 0.5 * within;
        let [own, other] = pulls(rows, rows, &plan);
        *gradient = gradient.clone() - (own + other).mul_scalar(0.5);
    }
    let [own, other] = gradients;
    attach(attach(constant(value, &source), &source, own), &target, other)
}

fn between(source: &Tensor<2>, target: &Tensor<2>, settings: Sinkhorn) -> EntropicPlan {
    sinkhorn_plan(&HostMatrix::of(&squared_distances(source, target)), settings)
}

fn constant(value: f64, beside: &Tensor<2>) -> Tensor<1> {
    Tensor::full([1], value, &beside.clone().inner().device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrepancy::mmd_linear;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::TensorData;

    const SETTINGS: Sinkhorn = Sinkhorn { epsilon: 0.1, sweeps: 5000, tolerance: 1e-8 };

    #[test]
    fn equal_batches_are_at_distance_zero_whatever_the_order_and_size() {
        let rows = matrix([6, 3], 1);
        let turned =
            Tensor::cat(vec![rows.clone().narrow(0, 3, 3), rows.clone().narrow(0, 0, 3)], 0);
        let twice = rows.clone().repeat_dim(0, 2);
        for other in [turned, twice] {
            for epsilon in [1.0, 0.1] {
                let settings = Sinkhorn { epsilon, ..SETTINGS };
                let (value, gradients) =
                    differentiate([&rows, &other], |[s, t]| sinkhorn_divergence(s, t, settings));
                assert!(value.abs() < 1e-5, "{value}");
                assert!(gradients.iter().flatten().all(|slope| slope.abs() < 1e-4));
            }
        }
        let alone = scalar(&entropic_transport(rows.clone(), rows, SETTINGS));
        assert!(alone > 1e-2, "without the correction it is {alone}");
    }

    #[test]
    fn large_regularisation_gives_the_distance_of_the_means() {
        let (source, target) = (matrix([5, 3], 1), matrix([8, 3], 2).add_scalar(0.7));
        let settings = Sinkhorn { epsilon: 1e4, ..SETTINGS };
        let got = scalar(&sinkhorn_divergence(source.clone(), target.clone(), settings));
        assert_close(&[got], &[scalar(&mmd_linear(source, target))], 1e-3);
    }

    #[test]
    fn the_gradient_is_the_change_of_the_value() {
        let (source, target) = (matrix([4, 2], 1), matrix([6, 2], 2));
        let (_, [gradient, _]) =
            differentiate([&source, &target], |[s, t]| sinkhorn_divergence(s, t, SETTINGS));
        let start = values(&source);
        for index in 0..start.len() {
            let at = |change: f64| {
                let mut moved: Vec<f32> = start.iter().map(|value| *value as f32).collect();
                moved[index] = (start[index] + change) as f32;
                let moved = Tensor::from_data(TensorData::new(moved, [4, 2]), &source.device());
                scalar(&sinkhorn_divergence(moved, target.clone(), SETTINGS))
            };
            let want = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((gradient[index] - want).abs() < 5e-3, "{} and {want}", gradient[index]);
        }
    }

    #[test]
    fn one_row_equal_rows_and_tiny_regularisation_are_finite() {
        let point = matrix([1, 3], 4);
        let same = point.clone().repeat_dim(0, 5);
        let far = matrix([4, 3], 5).mul_scalar(1e3);
        for (source, target) in [(&point, &point), (&same, &point), (&same, &far), (&far, &same)] {
            for epsilon in [1.0, 1e-6] {
                let settings = Sinkhorn { epsilon, sweeps: 30, tolerance: 1e-6 };
                let (value, gradients) =
                    differentiate([source, target], |[s, t]| sinkhorn_divergence(s, t, settings));
                assert!(value.is_finite());
                assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
            }
        }
    }
}
