//! Plans of transport that keep source rows of different classes apart.

use isthmus_linear::Rows;
use isthmus_losses::discrepancy::{HostMatrix, Sinkhorn, sinkhorn_plan};

/// A source whose rows have classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassedRows<'a> {
    /// The class of each source row.
    pub(crate) labels: &'a [u32],
    /// Number of classes.
    pub(crate) classes: usize,
}

impl ClassedRows<'_> {
    /// `sum f(P_ij)` over the rows of a class, for each class and column: `[classes, columns]`.
    fn sums(&self, plan: &HostMatrix, f: impl Fn(f64) -> f64) -> Rows {
        let mut sums = vec![0.0; self.classes * plan.columns];
        for (line, label) in plan.values.chunks(plan.columns).zip(self.labels) {
            let start = *label as usize * plan.columns;
            for (sum, mass) in sums[start..start + plan.columns].iter_mut().zip(line) {
                *sum += f(*mass);
            }
        }
        Rows::new(plan.columns, sums)
    }
}

/// Rounds of an entropic plan with classes: how the penalty is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassPenalty {
    /// Weight of the penalty, in units of the costs.
    pub(crate) weight: f64,
    /// How each round's plan is found.
    pub(crate) sinkhorn: Sinkhorn,
    /// Rounds at most.
    pub(crate) rounds: usize,
}

/// The plan of least `<P, C> + epsilon KL(P | a b') + weight sum_j sum_k (sum_i P_ij + offset)^(1/2)`,
/// with `i` over the source rows of class `k`: a concave penalty, least where what a target row
/// receives comes from one class. Each round replaces it by its tangent at the plan before
/// (majorisation), so that the value never rises.
///
/// Courty, Flamary, Tuia, Rakotomamonjy: Optimal transport for domain adaptation, TPAMI 2017; the
/// penalty: Courty, Flamary, Tuia: Domain adaptation with regularized optimal transport, ECML 2014.
/// Peers: POT's `sinkhorn_lpl1_mm` has `offset = 0.001`.
///
/// # Panics
/// If a source row has no label, or there are no rows or columns.
pub(crate) fn power_penalty_plan(
    costs: &HostMatrix,
    rows: ClassedRows<'_>,
    penalty: ClassPenalty,
    offset: f64,
) -> HostMatrix {
    assert_eq!(costs.rows, rows.labels.len(), "a label for each source row");
    let mut plan = sinkhorn_plan(costs, penalty.sinkhorn).plan;
    for _ in 0..penalty.rounds {
        let slopes = rows.sums(&plan, |mass| mass);
        let slope = |class: usize, column: usize| {
            penalty.weight * 0.5 / (slopes.row(class)[column] + offset).sqrt()
        };
        let mut moved = costs.clone();
        for (line, label) in moved.values.chunks_mut(costs.columns).zip(rows.labels) {
            for (column, cost) in line.iter_mut().enumerate() {
                *cost += slope(*label as usize, column);
            }
        }
        let next = sinkhorn_plan(&moved, penalty.sinkhorn).plan;
        let settled = next == plan;
        plan = next;
        if settled {
            break;
        }
    }
    plan
}

/// Steps are halved until the value falls by this share of what the slope promises.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Halvings of a step before the rounds end.
const HALVINGS: usize = 20;
/// The rounds end where the value falls by no more than this share of its size.
const TOLERANCE: f64 = 1e-9;

/// The plan of least `<P, C> + epsilon KL(P | a b') + weight sum_j sum_k |P_kj|`, with `P_kj` the
/// vector of what the source rows of class `k` send to target row `j` and its Euclidean norm: a group
/// lasso, least where a target row receives from few classes. The problem is convex; each round goes
/// from the plan so far towards the entropic plan for the penalty's tangent (generalised conditional
/// gradient), as far as the value falls.
///
/// Courty, Flamary, Tuia, Rakotomamonjy: Optimal transport for domain adaptation, TPAMI 2017,
/// section 4.2. Peers: POT's `sinkhorn_l1l2_gl`.
///
/// # Panics
/// If a source row has no label, or there are no rows or columns.
pub(crate) fn group_lasso_plan(
    costs: &HostMatrix,
    rows: ClassedRows<'_>,
    penalty: ClassPenalty,
) -> HostMatrix {
    assert_eq!(costs.rows, rows.labels.len(), "a label for each source row");
    let mut plan = sinkhorn_plan(costs, penalty.sinkhorn).plan;
    let mut value = group_lasso_value(costs, &plan, rows, penalty);
    for _ in 0..penalty.rounds {
        let tangent = group_lasso_tangent(costs, &plan, rows, penalty.weight);
        let next = sinkhorn_plan(&tangent, penalty.sinkhorn).plan;
        let epsilon = penalty.sinkhorn.epsilon;
        let mut slope = 0.0;
        for ((mass, next), cost) in plan.values.iter().zip(&next.values).zip(&tangent.values) {
            // Of masses of 0 the logarithm counts for nothing that leaves them.
            let entropy = if *mass > 0.0 { mass.ln() + 1.0 } else { 0.0 };
            slope += (next - mass) * (cost + epsilon * entropy);
        }
        let mut share = 1.0;
        let mut found = None;
        for _ in 0..HALVINGS {
            let masses = plan.values.iter().zip(&next.values);
            let values = masses.map(|(mass, next)| mass + share * (next - mass)).collect();
            let between = HostMatrix { values, ..plan };
            let reached = group_lasso_value(costs, &between, rows, penalty);
            if reached <= value + SUFFICIENT_DECREASE * share * slope {
                found = Some((between, reached));
                break;
            }
            share /= 2.0;
        }
        let Some((between, reached)) = found else { break };
        let fallen = value - reached;
        (plan, value) = (between, reached);
        if fallen <= TOLERANCE * value.abs() {
            break;
        }
    }
    plan
}

/// What [`group_lasso_plan`] minimises, up to a constant: the divergence as `sum P log P`.
fn group_lasso_value(
    costs: &HostMatrix,
    plan: &HostMatrix,
    rows: ClassedRows<'_>,
    penalty: ClassPenalty,
) -> f64 {
    let mut value = 0.0;
    for (mass, cost) in plan.values.iter().zip(&costs.values) {
        let entropy = if *mass > 0.0 { mass * mass.ln() } else { 0.0 };
        value += mass * cost + penalty.sinkhorn.epsilon * entropy;
    }
    let norms = rows.sums(plan, |mass| mass * mass);
    value + penalty.weight * norms.values().iter().map(|square| square.sqrt()).sum::<f64>()
}

/// The costs and the slope of the penalty at a plan.
fn group_lasso_tangent(
    costs: &HostMatrix,
    plan: &HostMatrix,
    rows: ClassedRows<'_>,
    weight: f64,
) -> HostMatrix {
    let squares = rows.sums(plan, |mass| mass * mass);
    let mut tangent = costs.clone();
    let lines = tangent.values.chunks_mut(costs.columns).zip(plan.values.chunks(costs.columns));
    for ((line, masses), label) in lines.zip(rows.labels) {
        let squares = squares.row(*label as usize);
        for ((cost, mass), square) in line.iter_mut().zip(masses).zip(squares) {
            if *square > 0.0 {
                *cost += weight * mass / square.sqrt();
            }
        }
    }
    tangent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimal_transport::transport_costs;
    use crate::testing::{assert_peers, normal, small};
    use isthmus_linear::kernel::squared_distances;
    use isthmus_testing::SMALL_LABELS;

    const LABELS: [u32; 5] = [0, 1, 0, 1, 1];
    const ROWS: ClassedRows<'static> = ClassedRows { labels: &LABELS, classes: 3 };

    fn costs() -> HostMatrix {
        let distances = squared_distances(&normal(5, 3, 1), &normal(7, 3, 2));
        HostMatrix { rows: 5, columns: 7, values: distances.values().to_vec() }
    }

    fn penalty(weight: f64) -> ClassPenalty {
        let sinkhorn = Sinkhorn { epsilon: 0.5, sweeps: 20_000, tolerance: 1e-12 };
        ClassPenalty { weight, sinkhorn, rounds: 2000 }
    }

    fn assert_masses(plan: &HostMatrix) {
        for line in plan.values.chunks(7) {
            assert!((line.iter().sum::<f64>() - 0.2).abs() < 1e-9);
        }
        for column in 0..7 {
            let sum: f64 = plan.values.iter().skip(column).step_by(7).sum();
            assert!((sum - 1.0 / 7.0).abs() < 1e-9);
        }
    }

    /// Values of plans with small masses moved around four corners.
    fn neighbours(plan: &HostMatrix) -> Vec<HostMatrix> {
        let mut all = Vec::new();
        for (a, b) in [(0, 1), (1, 3), (2, 4), (0, 2)] {
            for (j, l) in [(0, 1), (2, 5), (3, 6)] {
                for sign in [1.0, -1.0] {
                    let corners = [a * 7 + j, b * 7 + l, a * 7 + l, b * 7 + j];
                    let least = corners.iter().map(|at| plan.values[*at]).fold(1.0, f64::min);
                    let by = sign * 0.1 * least;
                    let mut moved = plan.clone();
                    for (at, sign) in corners.into_iter().zip([1.0, 1.0, -1.0, -1.0]) {
                        moved.values[at] += sign * by;
                    }
                    all.push(moved);
                }
            }
        }
        all
    }

    #[test]
    fn the_plans_are_those_of_pot() {
        let (source, target) = small();
        let costs = transport_costs(&source, &target);
        let rows = ClassedRows { labels: &SMALL_LABELS, classes: 3 };
        let lasso = [
            0.070586, 0.0, 0.096068, 0.00001, 0.000003, 0.030063, 0.000429, 0.018349, 0.000007,
            0.117818, 0.005624, 0.000066, 0.000004, 0.160971, 0.000001, 0.081019, 0.000001,
            0.08557, 0.000024, 0.000053, 0.001037, 0.093439, 0.000001, 0.0127, 0.05949, 0.011672,
            0.106065, 0.000009, 0.026287, 0.022635,
        ];
        let found = group_lasso_plan(&costs, rows, penalty(2.0));
        assert_peers(&found.values, &lasso, 5e-3);
        // POT's rounds end a little above the least value.
        let value = |plan: &HostMatrix| group_lasso_value(&costs, plan, rows, penalty(2.0));
        let of_pot = value(&HostMatrix { values: lasso.to_vec(), ..costs });
        assert!(value(&found) < of_pot && value(&found) > of_pot - 2e-3, "{of_pot}");
        let power = [
            0.052507, 0.0, 0.114158, 0.000001, 0.0, 0.02866, 0.000039, 0.016678, 0.0, 0.121289,
            0.000225, 0.0, 0.0, 0.166441, 0.0, 0.097497, 0.0, 0.069163, 0.0, 0.000006, 0.000063,
            0.089441, 0.0, 0.003195, 0.073968, 0.021047, 0.11052, 0.000001, 0.030362, 0.004736,
        ];
        let ten = ClassPenalty { rounds: 9, ..penalty(0.1) };
        assert_peers(&power_penalty_plan(&costs, rows, ten, 1e-3).values, &power, 1e-5);
    }

    #[test]
    fn no_plan_beside_the_group_lassos_is_better() {
        let (costs, penalty) = (costs(), penalty(2.0));
        let plan = group_lasso_plan(&costs, ROWS, penalty);
        assert_masses(&plan);
        let least = group_lasso_value(&costs, &plan, ROWS, penalty);
        for other in neighbours(&plan) {
            assert!(group_lasso_value(&costs, &other, ROWS, penalty) >= least - 1e-7);
        }
        let without = sinkhorn_plan(&costs, penalty.sinkhorn).plan;
        assert!(group_lasso_value(&costs, &without, ROWS, penalty) > least + 1e-3);
    }

    #[test]
    fn no_plan_beside_the_power_penaltys_is_better() {
        let (costs, penalty) = (costs(), penalty(1.0));
        let plan = power_penalty_plan(&costs, ROWS, penalty, 1e-3);
        assert_masses(&plan);
        let value = |plan: &HostMatrix| {
            let linear =
                group_lasso_value(&costs, plan, ROWS, ClassPenalty { weight: 0.0, ..penalty });
            let roots = ROWS.sums(plan, |mass| mass);
            linear + roots.values().iter().map(|sum| (sum + 1e-3).sqrt()).sum::<f64>()
        };
        let least = value(&plan);
        assert!(neighbours(&plan).iter().all(|other| value(other) >= least - 1e-9));
        let without = sinkhorn_plan(&costs, penalty.sinkhorn).plan;
        assert!(value(&without) > least + 1e-3);
    }

    #[test]
    fn without_weight_both_are_the_entropic_plan() {
        let (costs, none) = (costs(), penalty(0.0));
        let plain = sinkhorn_plan(&costs, none.sinkhorn).plan;
        let group = group_lasso_plan(&costs, ROWS, none);
        let power = power_penalty_plan(&costs, ROWS, none, 1e-3);
        for other in [group, power] {
            assert!(plain.values.iter().zip(&other.values).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}
