//! Soft matching of the graphs that two batches make up (fused Gromov-Wasserstein).

use super::HostMatrix;
use super::cost::{on_device, transport_cost};
use super::sinkhorn::{Sinkhorn, sinkhorn_plan};
use crate::checks::assert_domains;
use crate::discrepancy::distances::squared_distances;
use burn::tensor::Tensor;

/// Cost of a soft matching of nodes and of edges, for a plan that is held constant:
///
/// ```text
/// loss = (1 - a) sum_ij P_ij |s_i - t_j|^2 + a sum_ijkl P_ij P_kl (|s_i - s_k|^2 - |t_j - t_l|^2)^2
/// ```
///
/// with the `edge_share` `a`. Nodes that are matched are to be at one place, and edges as long as
/// those they are matched to: the second sum is 0 where one batch is the other one turned or moved.
/// It grows with the fourth power of the features' scale, the first with the second.
///
/// Source: Vayer et al., "Optimal transport for structured data with application on graphs", 2019,
/// eq. 3 with squared distances. Peers: POT's `fused_gromov_wasserstein` is the same at its plan.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - `plan`: `[source rows, target rows]`
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, features differ in number or the plan is of another shape.
pub fn fused_gromov_wasserstein(
    source: Tensor<2>,
    target: Tensor<2>,
    plan: &HostMatrix,
    edge_share: f64,
) -> Tensor<1> {
    let edges = graph_edge_cost(&source, &target, plan).mul_scalar(edge_share);
    transport_cost(source, target, plan).mul_scalar(1.0 - edge_share) + edges
}

/// `sum_ijkl P_ij P_kl (|s_i - s_k|^2 - |t_j - t_l|^2)^2`: what a matching costs by its edges, see
/// [`fused_gromov_wasserstein`].
///
/// # Shapes
/// - as of [`fused_gromov_wasserstein`]
///
/// # Panics
/// If a domain is empty, features differ in number or the plan is of another shape.
pub fn graph_edge_cost(source: &Tensor<2>, target: &Tensor<2>, plan: &HostMatrix) -> Tensor<1> {
    assert_domains("graph_edge_cost", source, target, 1);
    assert!(
        plan.rows == source.dims()[0] && plan.columns == target.dims()[0],
        "graph_edge_cost: the plan is [{}, {}], expected [{}, {}]",
        plan.rows,
        plan.columns,
        source.dims()[0],
        target.dims()[0]
    );
    let plan = Tensor::from_inner(on_device(plan, source));
    let [own, other] = [source, target].map(|rows| squared_distances(rows, rows));
    let squares = |edges: &Tensor<2>, masses: Tensor<2>| {
        let pairs = masses.clone().matmul(masses.transpose());
        (edges.clone().square() * pairs).sum()
    };
    let within = squares(&own, plan.clone().sum_dim(1))
        + squares(&other, plan.clone().sum_dim(0).transpose());
    let matched = plan.clone().matmul(other).matmul(plan.transpose());
    within - (own * matched).sum().mul_scalar(2.0)
}

/// A soft matching that makes [`fused_gromov_wasserstein`] small, without a gradient.
///
/// The cost of edges is not convex in the plan. From the plan that matches everything alike, each
/// round takes the entropic plan of the costs' derivative at the plan before; `settings` are those
/// for derivatives whose mean in the first round is given.
///
/// Source: Peyré, Cuturi and Solomon, "Gromov-Wasserstein averaging of kernel and distance
/// matrices", 2016, section 3; with nodes, Vayer et al., 2019. Peers: POT's
/// `entropic_fused_gromov_wasserstein` has the same rounds.
///
/// # Shapes
/// - as of [`fused_gromov_wasserstein`]; the result is the plan
///
/// # Panics
/// If a domain is empty, features differ in number or `epsilon` is not positive.
pub fn graph_matching_plan(
    source: &Tensor<2>,
    target: &Tensor<2>,
    edge_share: f64,
    rounds: usize,
    settings: impl FnOnce(f64) -> Sinkhorn,
) -> HostMatrix {
    assert_domains("graph_matching_plan", source, target, 1);
    let distances = |rows: &Tensor<2>, others: &Tensor<2>| {
        HostMatrix::of(&squared_distances(&rows.clone().inner(), &others.clone().inner()))
    };
    let costs = GraphCosts {
        nodes: distances(source, target),
        own: distances(source, source),
        other: distances(target, target),
        edge_share,
    };
    let HostMatrix { rows, columns, .. } = costs.nodes;
    let mass = 1.0 / (rows * columns) as f64;
    let mut plan = HostMatrix { rows, columns, values: vec![mass; rows * columns] };
    let mut derivative = costs.derivative(&plan);
    let sinkhorn = settings(derivative.values.iter().sum::<f64>() * mass);
    for round in 0..rounds {
        if round > 0 {
            derivative = costs.derivative(&plan);
        }
        plan = sinkhorn_plan(&derivative, sinkhorn).plan;
    }
    plan
}

/// What two graphs cost.
struct GraphCosts {
    nodes: HostMatrix,
    /// The edges of the source, and of the target.
    own: HostMatrix,
    other: HostMatrix,
    edge_share: f64,
}

impl GraphCosts {
    /// The derivative of the cost with respect to the plan, whose rows and columns are equally heavy.
    fn derivative(&self, plan: &HostMatrix) -> HostMatrix {
        let HostMatrix { rows, columns, values: nodes } = &self.nodes;
        let squares = |edges: &HostMatrix| -> Vec<f64> {
            let mean =
                |line: &[f64]| line.iter().map(|it| it * it).sum::<f64>() / edges.rows as f64;
            edges.values.chunks(edges.columns).map(mean).collect()
        };
        let (own, other) = (squares(&self.own), squares(&self.other));
        // Edges are symmetric: the lines of a matrix are its columns.
        let half = product(&self.own.values, &plan.values, *rows, *columns);
        let matched = product(&half, &self.other.values, *columns, *columns);
        let mut values = Vec::with_capacity(nodes.len());
        for (row, own) in own.iter().enumerate() {
            for (column, other) in other.iter().enumerate() {
                let at = row * columns + column;
                let edges = 2.0 * (own + other - 2.0 * matched[at]);
                values.push((1.0 - self.edge_share) * nodes[at] + self.edge_share * edges);
            }
        }
        HostMatrix { rows: *rows, columns: *columns, values }
    }
}

/// The product of a matrix with `inner` columns and one with `columns`, row by row.
fn product(left: &[f64], right: &[f64], inner: usize, columns: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(left.len() / inner * columns);
    for line in left.chunks(inner) {
        let mut sums = vec![0.0; columns];
        for (factor, row) in line.iter().zip(right.chunks(columns)) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += factor * value;
            }
        }
        values.extend(sums);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar};
    use burn::tensor::Device;

    fn sharp(mean: f64) -> Sinkhorn {
        Sinkhorn { epsilon: 0.01 * mean, sweeps: 2000, tolerance: 1e-6 }
    }

    fn cost(source: &Tensor<2>, target: &Tensor<2>, plan: &HostMatrix, share: f64) -> f64 {
        scalar(&fused_gromov_wasserstein(source.clone(), target.clone(), plan, share))
    }

    /// A triangle whose sides all differ, turned and moved: places mislead, lengths do not.
    #[test]
    fn edges_find_the_rows_that_places_do_not() {
        let device = Device::flex();
        let source = Tensor::<2>::from_data([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], &device);
        // The same turned by a half turn around the middle of the first side, in another order.
        let target = Tensor::<2>::from_data([[1.0, -2.0], [1.0, 0.0], [0.0, 0.0]], &device);
        let matched = |share: f64| {
            let plan = graph_matching_plan(&source, &target, share, 20, sharp);
            let line = |row: &[f64]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
            plan.values.chunks(3).map(line).collect::<Vec<_>>()
        };
        assert_eq!(matched(0.9), [1, 2, 0]);
        assert_ne!(matched(0.0), [1, 2, 0]);
        let plan = graph_matching_plan(&source, &target, 0.9, 20, sharp);
        let edges = scalar(&graph_edge_cost(&source, &target, &plan));
        assert!(edges.abs() < 1e-2, "{edges}");
    }

    #[test]
    fn a_plan_costs_less_than_that_of_the_nodes_and_has_equal_masses() {
        let (source, target) = (matrix([6, 3], 1), matrix([8, 3], 2).add_scalar(0.5));
        let plan = graph_matching_plan(&source, &target, 0.5, 20, sharp);
        let nodes = graph_matching_plan(&source, &target, 0.0, 20, sharp);
        let alike = HostMatrix { rows: 6, columns: 8, values: vec![1.0 / 48.0; 48] };
        let [plan_cost, nodes, alike] =
            [&plan, &nodes, &alike].map(|plan| cost(&source, &target, plan, 0.5));
        assert!(plan_cost <= nodes && nodes < alike, "{plan_cost}, {nodes}, {alike}");
        for row in plan.values.chunks(8) {
            assert_close(&[row.iter().sum()], &[1.0 / 6.0], 1e-4);
        }
    }

    #[test]
    fn the_derivative_is_the_change_of_the_cost() {
        let (source, target) = (matrix([3, 2], 1), matrix([4, 2], 2));
        let distances = |a: &Tensor<2>, b: &Tensor<2>| HostMatrix::of(&squared_distances(a, b));
        let costs = GraphCosts {
            nodes: distances(&source, &target),
            own: distances(&source, &source),
            other: distances(&target, &target),
            edge_share: 0.4,
        };
        let mass = 1.0 / 12.0;
        let plan = HostMatrix { rows: 3, columns: 4, values: vec![mass; 12] };
        let derivative = costs.derivative(&plan).values;
        // A change that keeps all masses: the constants of rows and columns cancel.
        let changed = |by: f64| {
            let mut plan = plan.clone();
            for (at, sign) in [(0, 1.0), (1, -1.0), (4, -1.0), (5, 1.0)] {
                plan.values[at] += sign * by;
            }
            cost(&source, &target, &plan, 0.4)
        };
        let want = (changed(0.02) - changed(-0.02)) / 0.04;
        let got = derivative[0] - derivative[1] - derivative[4] + derivative[5];
        assert!((got - want).abs() < 1e-4, "{got} and {want}");
    }

    #[test]
    fn single_rows_and_equal_rows_are_finite() {
        let point = matrix([1, 3], 4);
        let same = point.clone().repeat_dim(0, 5);
        for (source, target) in [(&point, &point), (&same, &point), (&same, &same)] {
            let settings = |mean: f64| sharp(mean.max(1e-12));
            let plan = graph_matching_plan(source, target, 0.5, 5, settings);
            let (value, gradients) = differentiate([source, target], |[s, t]| {
                fused_gromov_wasserstein(s, t, &plan, 0.5)
            });
            assert!(value.abs() < 1e-5, "{value}");
            assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
        }
    }
}
