//! Squared distances as costs, and what a plan costs.

use super::{HostMatrix, exact_plan};
use crate::checks::assert_domains;
use crate::closed_form::attach;
use crate::discrepancy::distances;
use burn::tensor::Tensor;

/// Squared distances of all pairs `[source rows, target rows]`, off the tape.
pub(super) fn squared_distances(source: &Tensor<2>, target: &Tensor<2>) -> Tensor<2> {
    distances::squared_distances(&source.clone().inner(), &target.clone().inner())
}

/// Mean of `|s_i - t_j|^2` over all pairs of a source and a target row: the unit in which a
/// regularisation is the same for features of any scale.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or features differ in number.
pub fn mean_squared_distance(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("mean_squared_distance", &source, &target, 1);
    let means = [&source, &target].map(|rows| rows.clone().mean_dim(0));
    let spread =
        |rows: Tensor<2>, mean: &Tensor<2>| (rows - mean.clone()).square().sum_dim(1).mean();
    let within = spread(source, &means[0]) + spread(target, &means[1]);
    let [source, target] = means;
    within + (source - target).square().sum()
}

/// `sum_ij P_ij |s_i - t_j|^2` for a plan that is held constant.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - `plan`: `[source rows, target rows]`
/// - result: `[1]`
///
/// # Panics
/// If features differ in number or the plan is of another shape.
pub fn transport_cost(source: Tensor<2>, target: Tensor<2>, plan: &HostMatrix) -> Tensor<1> {
    assert_domains("transport_cost", &source, &target, 1);
    let value = (squared_distances(&source, &target) * on_device(plan, &source)).sum();
    let [own, other] = pulls(&source, &target, plan);
    attach(attach(value, &source, own), &target, other)
}

/// The gradients of [`transport_cost`]: `2 sum_j P_ij (s_i - t_j)` for each source row, and likewise
/// for each target row.
pub(super) fn pulls(source: &Tensor<2>, target: &Tensor<2>, plan: &HostMatrix) -> [Tensor<2>; 2] {
    assert!(
        plan.rows == source.dims()[0] && plan.columns == target.dims()[0],
        "transport: the plan is [{}, {}], expected [{}, {}]",
        plan.rows,
        plan.columns,
        source.dims()[0],
        target.dims()[0]
    );
    let plan = on_device(plan, source);
    let [source, target] = distances::centred(&source.clone().inner(), &target.clone().inner());
    let own = source.clone() * plan.clone().sum_dim(1) - plan.clone().matmul(target.clone());
    let plan = plan.transpose();
    let other = target * plan.clone().sum_dim(1) - plan.matmul(source);
    [own.mul_scalar(2.0), other.mul_scalar(2.0)]
}

/// A plan beside the rows that it is between, off the tape.
pub(super) fn on_device(plan: &HostMatrix, rows: &Tensor<2>) -> Tensor<2> {
    plan.to_tensor(&rows.clone().inner().device())
}

/// Squared Wasserstein distance of order 2: the least cost of all plans between equally heavy rows,
/// the cost of a pair being its squared distance.
///
/// Never negative. The gradient is that of the cost under the best plan. For batches it is biased
/// upwards: two batches of one distribution are at a distance.
///
/// Source: Peyré and Cuturi, "Computational optimal transport", 2019, proposition 2.2. Peers: POT's
/// `emd2`.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or features differ in number.
pub fn wasserstein(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("wasserstein", &source, &target, 1);
    let plan = exact_plan(&HostMatrix::of(&squared_distances(&source, &target)));
    transport_cost(source, target, &plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar};

    #[test]
    fn the_distance_of_a_moved_batch_is_how_far_it_was_moved() {
        let rows = matrix([7, 3], 1);
        let moved = rows.clone().add_scalar(0.5);
        assert_close(&[scalar(&wasserstein(rows.clone(), moved))], &[3.0 * 0.25], 1e-5);
        assert!(scalar(&wasserstein(rows.clone(), rows)).abs() < 1e-6);
    }

    #[test]
    fn the_mean_is_over_all_pairs() {
        let (source, target) = (matrix([4, 3], 1).add_scalar(2.0), matrix([6, 3], 2));
        let want = scalar(&squared_distances(&source, &target).mean());
        assert_close(&[scalar(&mean_squared_distance(source, target))], &[want], 1e-5);
    }

    #[test]
    fn the_gradient_is_that_of_the_cost_under_the_plan() {
        let (source, target) = (matrix([4, 3], 1), matrix([6, 3], 2).add_scalar(100.0));
        let plan = exact_plan(&HostMatrix::of(&squared_distances(&source, &target)));
        let inputs = [&source, &target];
        let (value, gradients) = differentiate(inputs, |[s, t]| transport_cost(s, t, &plan));
        let (want, expected) = differentiate(inputs, |[s, t]| {
            let s = s.reshape([4, 1, 3]).repeat_dim(1, 6);
            let t = t.reshape([1, 6, 3]).repeat_dim(0, 4);
            let squares = (s - t).square().sum_dim(2).squeeze_dim::<2>(2);
            (squares * plan.to_tensor(&source.device())).sum()
        });
        assert_close(&[value], &[want], 1e-5);
        for (got, want) in gradients.iter().zip(&expected) {
            assert_close(got, want, 1e-5);
        }
    }

    #[test]
    fn identical_rows_and_single_rows_are_finite() {
        let point = matrix([1, 3], 4);
        let same = point.clone().repeat_dim(0, 5);
        for (source, target) in [(&same, &point), (&point, &same), (&same, &same)] {
            let (value, gradients) = differentiate([source, target], |[s, t]| wasserstein(s, t));
            assert!(value.abs() < 1e-6);
            assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
        }
    }
}
