//! Average ranks of the rows of a table.

use isthmus_core::metric::Direction;

use super::Row;
use crate::statistics::{average_ranks, mean};

/// Gives the rows their average rank over the columns; whether any has one. Upper bounds do not
/// compete, and neither do rows that lack a column: their ranks would be of other columns. A
/// single competitor has no rank, nor has anyone where it is not known which way the metric
/// improves.
pub(super) fn rank(rows: &mut [Row], direction: Option<Direction>) -> bool {
    let Some(direction) = direction else { return false };
    let mut competitors: Vec<(&mut Row, Vec<f64>)> = rows
        .iter_mut()
        .filter(|row| !row.label.upper_bound)
        .filter_map(|row| {
            let means: Option<Vec<f64>> =
                row.cells.iter().map(|cell| Some(cell.as_ref()?.mean)).collect();
            let means = means.filter(|means| !means.iter().any(|mean| mean.is_nan()))?;
            Some((row, means))
        })
        .collect();
    if competitors.len() < 2 {
        return false;
    }
    let columns = competitors[0].1.len();
    let mut ranks: Vec<Vec<f64>> = vec![Vec::with_capacity(columns); competitors.len()];
    for column in 0..columns {
        // The best has the first rank.
        let values: Vec<f64> = competitors
            .iter()
            .map(|(_, means)| rounded(-direction.upwards(means[column])))
            .collect();
        for (own, rank) in ranks.iter_mut().zip(average_ranks(&values)) {
            own.push(rank);
        }
    }
    for ((row, _), ranks) in competitors.iter_mut().zip(ranks) {
        row.rank = mean(&ranks);
    }
    true
}

/// The value to twelve digits: sums of the same numbers in another order are ties.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::{Label, Summary};
    use super::*;

    fn row(name: &str, upper_bound: bool, means: &[Option<f64>]) -> Row {
        let cell = |mean: &Option<f64>| Summary::of(&[(*mean)?]);
        Row {
            label: Label { text: name.to_owned(), task: None, upper_bound },
            cells: means.iter().map(cell).collect(),
            average: None,
            rank: None,
            difference: None,
        }
    }

    #[test]
    fn ties_are_averaged_and_upper_bounds_and_incomplete_rows_left_out() {
        let mut rows = [
            row("a", false, &[Some(0.1 + 0.2), Some(0.9)]),
            row("b", false, &[Some(0.3), Some(0.8)]),
            row("c", false, &[Some(0.1), Some(0.7)]),
            row("d", false, &[Some(0.9), None]),
            row("bound", true, &[Some(1.0), Some(1.0)]),
        ];
        assert!(rank(&mut rows, Some(Direction::Higher)));
        let ranks: Vec<_> = rows.iter().map(|row| row.rank).collect();
        // Column 1: a and b share the ranks 1 and 2; column 2: 1, 2, 3.
        assert_eq!(ranks, [Some(1.25), Some(1.75), Some(3.0), None, None]);
        assert!(rank(&mut rows, Some(Direction::Lower)));
        assert_eq!(rows[2].rank, Some(1.0));
        assert!(!rank(&mut rows, None), "nobody knows which is better");
        assert!(!rank(&mut rows[..1], Some(Direction::Higher)));
    }
}
