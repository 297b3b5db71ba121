//! The entropic plan, by Sinkhorn's sweeps on logarithms.

use super::HostMatrix;

/// How plans are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sinkhorn {
    /// Weight of the entropy, in units of the costs, above 0.
    pub epsilon: f64,
    /// Sweeps at most; each updates the columns' potentials, then the rows'.
    pub sweeps: usize,
    /// The sweeps end when the plan's column sums differ from the masses by no more than this in
    /// all, a share of the whole mass; at 0 when nothing is left to change.
    pub tolerance: f64,
}

/// A plan, and what its value is made of.
#[derive(Clone, Debug)]
pub struct EntropicPlan {
    /// The plan: entries sum to 1, each row to `1 / rows`, each column to `1 / columns` up to the
    /// tolerance.
    pub plan: HostMatrix,
    /// `<P, C> + epsilon sum P log(P / (a b))`, with `a` and `b` the masses.
    pub value: f64,
    /// `<P, C>`.
    pub cost: f64,
}

/// The plan that minimises `<P, C> + epsilon KL(P | a b^T)` between equally heavy rows and equally
/// heavy columns.
///
/// Sweeps are on potentials, `P = a b exp((f + g - C) / epsilon)`, with the largest exponent taken
/// out of each sum, so that no `epsilon` underflows. As long as potentials change little, a sweep
/// multiplies the entries of the plan so far instead, which is the same without an exponential.
/// Small `epsilon` need many sweeps: about the range of the costs divided by `epsilon`.
///
/// Source: Cuturi, "Sinkhorn distances", 2013; Peyré and Cuturi, "Computational optimal transport",
/// 2019, section 4.4. Peers: POT's `sinkhorn_log` has the same sweeps; its default, on kernels
/// instead of logarithms, gives NaN for small `epsilon`.
///
/// # Panics
/// If there is no row or no column, or `epsilon` is not positive.
pub fn sinkhorn_plan(costs: &HostMatrix, settings: Sinkhorn) -> EntropicPlan {
    let &HostMatrix { rows, columns, .. } = costs;
    let epsilon = settings.epsilon;
    assert!(rows > 0 && columns > 0, "sinkhorn: needs rows and columns, got [{rows}, {columns}]");
    assert!(epsilon > 0.0, "sinkhorn: epsilon must be positive, got {epsilon}");
    // In units of epsilon, and transposed as well: sums run along memory both ways.
    let scaled: Vec<f64> = costs.values.iter().map(|cost| cost / epsilon).collect();
    let mut turned = vec![0.0; scaled.len()];
    for (row, values) in scaled.chunks(columns).enumerate() {
        for (column, value) in values.iter().enumerate() {
            turned[column * rows + row] = *value;
        }
    }
    let (mut own, mut other) = (vec![0.0; rows], vec![0.0; columns]);
    let (mut sweep, mut pause, mut wait) = (0, 0, 0);
    while sweep < settings.sweeps {
        // The sums of the columns before they are brought right are the error of the last sweep.
        let error = soft_minimum(&turned, &own, &mut other);
        if sweep > 0 && error <= settings.tolerance {
            break;
        }
        soft_minimum(&scaled, &other, &mut own);
        sweep += 1;
        if wait > 0 {
            wait -= 1;
            continue;
        }
        let left = settings.sweeps - sweep;
        let done = Factors::new(&scaled, &own, &other).sweep(&mut own, &mut other, left, settings);
        sweep += done;
        // Where factors soon leave their range they are not worth their exponentials for a while.
        pause = if done < 4 { (2 * pause).clamp(1, 32) } else { 0 };
        wait = pause;
    }
    entropic_plan(&scaled, &own, &other, epsilon)
}

/// `f_i = -log mean_j exp(g_j - C_ij)` of each line of costs in units of epsilon. Returns by how much
/// the masses of the lines were wrong before, as a share of the whole mass.
fn soft_minimum(costs: &[f64], given: &[f64], sought: &mut [f64]) -> f64 {
    let count = given.len() as f64;
    let lines = sought.len() as f64;
    let mut error = 0.0;
    for (line, potential) in costs.chunks(given.len()).zip(sought.iter_mut()) {
        let exponents = || line.iter().zip(given).map(|(cost, given)| given - cost);
        let largest = exponents().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = exponents().map(|exponent| (exponent - largest).exp()).sum();
        let found = -(largest + (sum / count).ln());
        error += ((*potential - found).exp() - 1.0).abs() / lines;
        *potential = found;
    }
    error
}

/// The largest factor of an entry, and one over the smallest.
const LARGEST_FACTOR: f64 = 1e50;

/// Sweeps on factors of the rows and columns of a plan, for potentials near those it was made by.
struct Factors {
    /// The plan times the number of its entries, and its transpose.
    plan: Vec<f64>,
    turned: Vec<f64>,
}

impl Factors {
    fn new(scaled: &[f64], own: &[f64], other: &[f64]) -> Self {
        let (rows, columns) = (own.len(), other.len());
        let mut plan = Vec::with_capacity(scaled.len());
        for (line, own) in scaled.chunks(columns).zip(own) {
            plan.extend(line.iter().zip(other).map(|(cost, other)| (own + other - cost).exp()));
        }
        let mut turned = vec![0.0; plan.len()];
        for (row, line) in plan.chunks(columns).enumerate() {
            for (column, value) in line.iter().enumerate() {
                turned[column * rows + row] = *value;
            }
        }
        Self { plan, turned }
    }

    /// At most `sweeps` sweeps, until the tolerance is met or a factor leaves its range; returns
    /// how many there were.
    fn sweep(
        &self,
        own: &mut [f64],
        other: &mut [f64],
        sweeps: usize,
        settings: Sinkhorn,
    ) -> usize {
        let (mut row, mut column) = (vec![1.0; own.len()], vec![1.0; other.len()]);
        let mut done = 0;
        while done < sweeps {
            let sums = weighted_means(&self.plan, &row, other.len());
            let error = sums.iter().zip(&column).map(|(sum, factor)| (sum * factor - 1.0).abs());
            if !in_range(&sums) || error.sum::<f64>() <= settings.tolerance * sums.len() as f64 {
                break;
            }
            let next: Vec<f64> = sums.iter().map(|sum| 1.0 / sum).collect();
            let sums = weighted_means(&self.turned, &next, own.len());
            if !in_range(&sums) {
                break;
            }
            column = next;
            row = sums.into_iter().map(|sum| 1.0 / sum).collect();
            done += 1;
        }
        let add = |potentials: &mut [f64], factors: Vec<f64>| {
            for (potential, factor) in potentials.iter_mut().zip(factors) {
                *potential += factor.ln();
            }
        };
        add(own, row);
        add(other, column);
        done
    }
}

/// `mean_i w_i x_ij` for each column `j` of `columns`.
fn weighted_means(values: &[f64], weights: &[f64], columns: usize) -> Vec<f64> {
    let mut means = vec![0.0; columns];
    for (line, weight) in values.chunks(columns).zip(weights) {
        for (mean, value) in means.iter_mut().zip(line) {
            *mean += weight * value;
        }
    }
    means.iter_mut().for_each(|mean| *mean /= weights.len() as f64);
    means
}

fn in_range(values: &[f64]) -> bool {
    values.iter().all(|value| (1.0 / LARGEST_FACTOR..LARGEST_FACTOR).contains(value))
}

fn entropic_plan(scaled: &[f64], own: &[f64], other: &[f64], epsilon: f64) -> EntropicPlan {
    let (rows, columns) = (own.len(), other.len());
    let mass = 1.0 / (rows * columns) as f64;
    let mut values = Vec::with_capacity(scaled.len());
    let (mut cost, mut divergence) = (0.0, 0.0);
    for (line, own) in scaled.chunks(columns).zip(own) {
        for (scaled, other) in line.iter().zip(other) {
            let exponent = own + other - scaled;
            let entry = mass * exponent.exp();
            cost += entry * scaled;
            divergence += if entry > 0.0 { entry * exponent } else { 0.0 };
            values.push(entry);
        }
    }
    EntropicPlan {
        plan: HostMatrix { rows, columns, values },
        value: epsilon * (cost + divergence),
        cost: epsilon * cost,
    }
}

/// The plan of [`sinkhorn_plan`] between the rows of one domain and themselves, for a symmetric
/// matrix of costs: one potential instead of two, averaged from one sweep to the next, which needs
/// few sweeps whatever `epsilon` is.
///
/// Source: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
/// divergences", 2019, section 3.1.
pub(super) fn symmetric_plan(costs: &HostMatrix, settings: Sinkhorn) -> EntropicPlan {
    let epsilon = settings.epsilon;
    assert!(epsilon > 0.0, "sinkhorn: epsilon must be positive, got {epsilon}");
    let scaled: Vec<f64> = costs.values.iter().map(|cost| cost / epsilon).collect();
    let mut own = vec![0.0; costs.rows];
    for sweep in 0..settings.sweeps {
        let mut next = own.clone();
        let error = soft_minimum(&scaled, &own, &mut next);
        if sweep > 0 && error <= settings.tolerance {
            break;
        }
        for (own, next) in own.iter_mut().zip(next) {
            *own = 0.5 * (*own + next);
        }
    }
    entropic_plan(&scaled, &own, &own, epsilon)
}

#[cfg(test)]
mod tests {
    use super::super::exact_plan;
    use super::*;
    use crate::testing::numbers;

    fn costs(rows: usize, columns: usize, seed: u64) -> HostMatrix {
        let values = numbers(rows * columns, seed).into_iter().map(|it| f64::from(it).abs());
        HostMatrix { rows, columns, values: values.collect() }
    }

    fn settings(epsilon: f64) -> Sinkhorn {
        Sinkhorn { epsilon, sweeps: 20_000, tolerance: 1e-9 }
    }

    fn assert_masses(plan: &HostMatrix, tolerance: f64) {
        let (rows, columns) = (plan.rows, plan.columns);
        for row in plan.values.chunks(columns) {
            assert!((row.iter().sum::<f64>() - 1.0 / rows as f64).abs() < tolerance);
        }
        for column in 0..columns {
            let sum: f64 = plan.values.iter().skip(column).step_by(columns).sum();
            assert!((sum - 1.0 / columns as f64).abs() < tolerance);
        }
    }

    #[test]
    fn masses_are_right_and_the_plan_is_of_the_form_of_the_optimum() {
        for (rows, columns) in [(5, 5), (4, 7), (1, 3)] {
            let costs = costs(rows, columns, 3);
            let EntropicPlan { plan, value, cost } = sinkhorn_plan(&costs, settings(0.2));
            assert_masses(&plan, 1e-8);
            // The best plan and no other is a product of factors by row and column with the kernel.
            let at = |row: usize, column: usize| {
                let index = row * columns + column;
                plan.values[index].ln() + costs.values[index] / 0.2
            };
            for row in 1..rows {
                for column in 1..columns {
                    let mixed = at(row, column) - at(row, 0) - at(0, column) + at(0, 0);
                    assert!(mixed.abs() < 1e-6);
                }
            }
            let mass = (rows * columns) as f64;
            let entropy: f64 = plan.values.iter().map(|p| p * (p * mass).ln()).sum();
            assert!((value - cost - 0.2 * entropy).abs() < 1e-9);
        }
    }

    /// POT's sweeps on kernels divide zero by zero here: every kernel value underflows.
    #[test]
    fn small_regularisation_is_finite_and_near_the_exact_plan() {
        let mut costs = costs(9, 9, 5);
        costs.values.iter_mut().for_each(|cost| *cost = 50.0 + 100.0 * *cost);
        let exact = exact_plan(&costs);
        let best: f64 = exact.values.iter().zip(&costs.values).map(|(p, c)| p * c).sum();
        assert_eq!((-costs.values[0] / 0.05).exp(), 0.0);
        let EntropicPlan { plan, cost, .. } = sinkhorn_plan(&costs, settings(0.05));
        assert!(plan.values.iter().all(|mass| mass.is_finite()));
        assert!((cost - best).abs() < 1e-2 * best, "{cost} against {best}");
        for epsilon in [1e-6, 1e-12] {
            let few = Sinkhorn { epsilon, sweeps: 50, tolerance: 0.0 };
            let EntropicPlan { plan, value, cost } = sinkhorn_plan(&costs, few);
            assert!(value.is_finite() && cost.is_finite());
            assert!(plan.values.iter().all(|mass| mass.is_finite()));
        }
    }

    #[test]
    fn large_regularisation_gives_the_product_of_the_masses() {
        let plan = sinkhorn_plan(&costs(3, 4, 1), settings(1e6)).plan;
        assert!(plan.values.iter().all(|mass| (mass - 1.0 / 12.0).abs() < 1e-6));
    }

    #[test]
    fn the_symmetric_sweeps_find_the_same_plan_in_few() {
        let points = numbers(8, 6);
        let mut values = Vec::new();
        for a in &points {
            values.extend(points.iter().map(|b| f64::from(a - b).powi(2)));
        }
        let costs = HostMatrix { rows: 8, columns: 8, values };
        for epsilon in [1.0, 0.05] {
            let want = sinkhorn_plan(&costs, settings(epsilon));
            let few = Sinkhorn { sweeps: 200, ..settings(epsilon) };
            let found = symmetric_plan(&costs, few);
            assert_masses(&found.plan, 1e-6);
            assert!((found.value - want.value).abs() < 1e-6, "{found:?}, {want:?}");
        }
    }

    /// Sweeps on factors, on logarithms and on both by turns are the same sweeps.
    #[test]
    fn factors_change_no_sweep() {
        let costs = costs(7, 9, 6);
        for epsilon in [0.5, 0.02, 0.002] {
            for sweeps in [1, 2, 5, 40] {
                let found = sinkhorn_plan(&costs, Sinkhorn { epsilon, sweeps, tolerance: 0.0 });
                let scaled: Vec<f64> = costs.values.iter().map(|cost| cost / epsilon).collect();
                let turned: Vec<f64> = (0..63).map(|at| scaled[at % 7 * 9 + at / 7]).collect();
                let (mut own, mut other) = (vec![0.0; 7], vec![0.0; 9]);
                for _ in 0..sweeps {
                    soft_minimum(&turned, &own, &mut other);
                    soft_minimum(&scaled, &other, &mut own);
                }
                let want = entropic_plan(&scaled, &own, &other, epsilon);
                for (found, want) in found.plan.values.iter().zip(&want.plan.values) {
                    assert!((found - want).abs() < 1e-12, "{epsilon}, {sweeps}: {found}, {want}");
                }
            }
        }
    }

    #[test]
    fn sweeps_end_at_the_tolerance() {
        let costs = costs(16, 12, 4);
        let loose = Sinkhorn { epsilon: 0.1, sweeps: 10_000, tolerance: 1e-3 };
        let plan = sinkhorn_plan(&costs, loose).plan;
        assert_masses(&plan, 1e-3);
        let capped = sinkhorn_plan(&costs, Sinkhorn { sweeps: 1, ..loose }).plan;
        assert_ne!(plan, capped);
    }
}
