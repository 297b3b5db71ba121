//! The exact plan, by shortest augmenting paths.

use super::HostMatrix;

/// The plan of least cost between equally heavy rows and equally heavy columns: entries sum to 1,
/// each row to `1 / rows`, each column to `1 / columns`.
///
/// A vertex of the set of plans: at most `rows + columns - 1` entries are not 0, and where counts
/// are equal it is a permutation divided by the count. If a cost is not a number, or infinite, the
/// plan is the product of the masses, so that the loss under it is not a number either.
///
/// Masses are whole numbers inside, so that no mass is lost to rounding; costs need no scaling.
/// Time grows with the cube of the count: about 0.1 ms for 64 rows, 1 ms for 128, 10 ms for 256, as
/// long as POT's network simplex takes (`examples/time_transport.rs`).
///
/// Source: Kuhn, 1955; Jonker and Volgenant, 1987, for permutations; the same paths for unequal
/// counts. Peers: POT's network simplex finds plans of the same cost.
///
/// # Panics
/// If there is no row or no column.
pub fn exact_plan(costs: &HostMatrix) -> HostMatrix {
    let &HostMatrix { rows, columns, .. } = costs;
    assert!(rows > 0 && columns > 0, "exact_plan: needs rows and columns, got [{rows}, {columns}]");
    let mut values = vec![1.0 / (rows * columns) as f64; rows * columns];
    if costs.values.iter().all(|cost| cost.is_finite()) {
        let divisor = common_divisor(rows, columns);
        let mut search = Search::new(costs, columns / divisor, rows / divisor);
        (0..rows).for_each(|row| search.ship(row));
        let unit = (rows * columns / divisor) as f64;
        for (value, flow) in values.iter_mut().zip(&search.flow) {
            *value = *flow as f64 / unit;
        }
    }
    HostMatrix { rows, columns, values }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Dual prices and what is shipped so far.
struct Search<'a> {
    costs: &'a [f64],
    columns: usize,
    row_price: Vec<f64>,
    column_price: Vec<f64>,
    /// Units that each row has yet to ship.
    supply: Vec<usize>,
    /// Units that each column has yet to receive.
    demand: Vec<usize>,
    flow: Vec<usize>,
    /// The rows that ship to each column, in order: few, where the matrix of flows is large.
    senders: Vec<Vec<usize>>,
}

/// The shortest paths from one row: to columns over costs less prices, back to rows over what is
/// shipped.
struct Paths {
    /// Distance of each column, and the row before it.
    column_distance: Vec<f64>,
    row_before: Vec<usize>,
    is_final: Vec<bool>,
    /// Distance of each row that was reached, and the column before it.
    row_distance: Vec<Option<f64>>,
    column_before: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(costs: &'a HostMatrix, supply: usize, demand: usize) -> Self {
        let &HostMatrix { rows, columns, .. } = costs;
        let mut column_price = vec![f64::INFINITY; columns];
        for row in costs.values.chunks(columns) {
            for (price, cost) in column_price.iter_mut().zip(row) {
                *price = price.min(*cost);
            }
        }
        Self {
            costs: &costs.values,
            columns,
            row_price: vec![0.0; rows],
            column_price,
            supply: vec![supply; rows],
            demand: vec![demand; columns],
            flow: vec![0; rows * columns],
            senders: vec![Vec::new(); columns],
        }
    }

    /// Ships all that a row has, by one shortest path after the other.
    fn ship(&mut self, start: usize) {
        while self.supply[start] > 0 {
            let (end, paths) = self.paths(start);
            self.reprice(end, &paths);
            self.augment(start, end, &paths);
        }
    }

    /// Shortest paths from a row up to the nearest column that still receives (Dijkstra on a
    /// complete graph, without a queue).
    fn paths(&self, start: usize) -> (usize, Paths) {
        let (rows, columns) = (self.row_price.len(), self.columns);
        let mut open: Vec<usize> = (0..columns).collect();
        let mut paths = Paths {
            column_distance: vec![f64::INFINITY; columns],
            row_before: vec![start; columns],
            is_final: vec![false; columns],
            row_distance: vec![None; rows],
            column_before: vec![0; rows],
        };
        paths.row_distance[start] = Some(0.0);
        let mut reached = vec![(start, 0.0)];
        loop {
            for (row, distance) in reached.drain(..) {
                let base = distance - self.row_price[row];
                let costs = &self.costs[row * columns..(row + 1) * columns];
                for (column, cost) in costs.iter().enumerate() {
                    let through = base + cost - self.column_price[column];
                    if through < paths.column_distance[column] && !paths.is_final[column] {
                        paths.column_distance[column] = through;
                        paths.row_before[column] = row;
                    }
                }
            }
            let nearest = (0..open.len()).min_by(|a, b| {
                let distance = |place: &usize| paths.column_distance[open[*place]];
                distance(a).total_cmp(&distance(b)).then(open[*a].cmp(&open[*b]))
            });
            let column = open.swap_remove(nearest.expect("as much is received as is shipped"));
            paths.is_final[column] = true;
            if self.demand[column] > 0 {
                return (column, paths);
            }
            let distance = paths.column_distance[column];
            for &row in &self.senders[column] {
                if paths.row_distance[row].is_none() {
                    paths.row_distance[row] = Some(distance);
                    paths.column_before[row] = column;
                    reached.push((row, distance));
                }
            }
        }
    }

    /// Moves the prices so that no cost less prices is below 0 and those on the path are 0.
    fn reprice(&mut self, end: usize, paths: &Paths) {
        let length = paths.column_distance[end];
        for (price, distance) in self.row_price.iter_mut().zip(&paths.row_distance) {
            if let Some(distance) = distance {
                *price += length - distance;
            }
        }
        for (column, price) in self.column_price.iter_mut().enumerate() {
            if paths.is_final[column] {
                *price -= length - paths.column_distance[column];
            }
        }
    }

    /// Ships along the path as much as it carries.
    fn augment(&mut self, start: usize, end: usize, paths: &Paths) {
        let columns = self.columns;
        let mut steps = Vec::new();
        let (mut column, mut amount) = (end, self.supply[start].min(self.demand[end]));
        loop {
            let row = paths.row_before[column];
            if row == start {
                steps.push((row, column, None));
                break;
            }
            let before = paths.column_before[row];
            amount = amount.min(self.flow[row * columns + before]);
            steps.push((row, column, Some(before)));
            column = before;
        }
        for (row, column, before) in steps {
            self.ship_more(row, column, amount);
            if let Some(before) = before {
                self.ship_less(row, before, amount);
            }
        }
        self.supply[start] -= amount;
        self.demand[end] -= amount;
    }

    fn ship_more(&mut self, row: usize, column: usize, amount: usize) {
        let flow = &mut self.flow[row * self.columns + column];
        *flow += amount;
        let senders = &mut self.senders[column];
        if let Err(place) = senders.binary_search(&row) {
            senders.insert(place, row);
        }
    }

    fn ship_less(&mut self, row: usize, column: usize, amount: usize) {
        let flow = &mut self.flow[row * self.columns + column];
        *flow -= amount;
        let senders = &mut self.senders[column];
        if *flow == 0
            && let Ok(place) = senders.binary_search(&row)
        {
            senders.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers;

    fn costs(rows: usize, columns: usize, seed: u64) -> HostMatrix {
        let values = numbers(rows * columns, seed).into_iter().map(f64::from).collect();
        HostMatrix { rows, columns, values }
    }

    fn value(costs: &HostMatrix, plan: &HostMatrix) -> f64 {
        costs.values.iter().zip(&plan.values).map(|(cost, mass)| cost * mass).sum()
    }

    /// The least cost of all ways to match the rows of a square matrix.
    fn by_trying(costs: &HostMatrix, row: usize, taken: &mut Vec<bool>) -> f64 {
        if row == costs.rows {
            return 0.0;
        }
        let mut least = f64::INFINITY;
        for column in 0..costs.columns {
            if !taken[column] {
                taken[column] = true;
                let rest = by_trying(costs, row + 1, taken);
                least = least.min(costs.values[row * costs.columns + column] + rest);
                taken[column] = false;
            }
        }
        least
    }

    /// A matrix in which every row stands `times` times.
    fn repeated(costs: &HostMatrix, row_times: usize, column_times: usize) -> HostMatrix {
        let mut values = Vec::new();
        for row in costs.values.chunks(costs.columns) {
            for _ in 0..row_times {
                for cost in row {
                    values.extend(std::iter::repeat_n(*cost, column_times));
                }
            }
        }
        HostMatrix { rows: costs.rows * row_times, columns: costs.columns * column_times, values }
    }

    fn assert_plan(plan: &HostMatrix) {
        let (rows, columns) = (plan.rows, plan.columns);
        assert!(plan.values.iter().all(|mass| *mass >= 0.0));
        for row in plan.values.chunks(columns) {
            assert!((row.iter().sum::<f64>() - 1.0 / rows as f64).abs() < 1e-12);
        }
        for column in 0..columns {
            let sum: f64 = plan.values.iter().skip(column).step_by(columns).sum();
            assert!((sum - 1.0 / columns as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn no_permutation_is_cheaper() {
        for seed in 0..40 {
            let costs = costs(6, 6, seed);
            let plan = exact_plan(&costs);
            assert_plan(&plan);
            let want = by_trying(&costs, 0, &mut vec![false; 6]) / 6.0;
            assert!((value(&costs, &plan) - want).abs() < 1e-12, "seed {seed}");
            let whole = plan.values.iter().filter(|mass| **mass > 0.0);
            assert_eq!(whole.count(), 6);
        }
    }

    /// Unequal counts are a permutation of repeated rows.
    #[test]
    fn no_plan_of_unequal_counts_is_cheaper() {
        for (rows, columns, seed) in [(2, 3, 1), (3, 2, 2), (6, 4, 3), (1, 7, 4), (8, 2, 5)] {
            let costs = costs(rows, columns, seed);
            let plan = exact_plan(&costs);
            assert_plan(&plan);
            let divisor = common_divisor(rows, columns);
            let square = repeated(&costs, columns / divisor, rows / divisor);
            if square.rows <= 8 {
                let want = by_trying(&square, 0, &mut vec![false; square.rows]);
                let want = want / square.rows as f64;
                assert!((value(&costs, &plan) - want).abs() < 1e-12, "[{rows}, {columns}]");
            }
            let square_plan = exact_plan(&square);
            let want = value(&square, &square_plan);
            assert!((value(&costs, &plan) - want).abs() < 1e-12, "[{rows}, {columns}]");
            let entries = plan.values.iter().filter(|mass| **mass > 0.0).count();
            assert!(entries < rows + columns, "{entries} entries of [{rows}, {columns}]");
        }
    }

    #[test]
    fn ties_equal_costs_and_large_ones_end() {
        let equal = HostMatrix { rows: 5, columns: 3, values: vec![2.0; 15] };
        assert_plan(&exact_plan(&equal));
        let mut large = costs(7, 7, 9);
        large.values.iter_mut().for_each(|cost| *cost *= 1e30);
        assert_plan(&exact_plan(&large));
        let rounded = HostMatrix {
            values: costs(12, 8, 3).values.iter().map(|cost| cost.round()).collect(),
            ..costs(12, 8, 3)
        };
        assert_plan(&exact_plan(&rounded));
        let broken = HostMatrix { rows: 2, columns: 2, values: vec![0.0, f64::NAN, 1.0, 2.0] };
        assert_eq!(exact_plan(&broken).values, [0.25; 4]);
    }

    #[test]
    fn batches_of_usual_sizes_are_solved() {
        for (rows, columns) in [(128, 128), (96, 64), (63, 64)] {
            assert_plan(&exact_plan(&costs(rows, columns, 7)));
        }
    }
}
