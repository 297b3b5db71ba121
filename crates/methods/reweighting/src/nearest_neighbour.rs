//! Density ratios by nearest neighbours.

use isthmus_linear::Rows;
use isthmus_linear::kernel::nearest;

/// Target rows whose distances are held at once.
const CHUNK: usize = 256;

/// The density ratio at each source row: one more than the number of target rows that have it for
/// their nearest source row, the first of equally near ones, divided by the mean of these numbers.
/// The one more (Laplace's) leaves no source row without weight.
///
/// Loog: Nearest neighbor-based importance weighting, MLSP 2012.
///
/// # Panics
/// If the domains have features of different number.
pub fn nearest_neighbour_ratios(source: &Rows, target: &Rows) -> Vec<f64> {
    let mut ratios = vec![1.0; source.count()];
    if source.count() == 0 {
        return ratios;
    }
    let all: Vec<usize> = (0..target.count()).collect();
    for chunk in all.chunks(CHUNK) {
        for nearest in nearest(&target.select(chunk), source) {
            ratios[nearest] += 1.0;
        }
    }
    let mean = (source.count() + target.count()) as f64 / source.count() as f64;
    ratios.iter_mut().for_each(|ratio| *ratio /= mean);
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_rows_are_counted_by_hand() {
        let source = Rows::new(1, vec![0.0, 1.0, 1.0, 5.0]);
        let target = Rows::new(1, vec![0.9, 1.2, 4.0, 0.1, 9.0]);
        // Of the two rows at 1 the first is taken.
        let expected = [2.0, 3.0, 1.0, 3.0].map(|count| count / (9.0 / 4.0));
        assert_eq!(nearest_neighbour_ratios(&source, &target), expected);
    }

    #[test]
    fn more_target_rows_than_are_held_at_once_are_all_counted() {
        let source = Rows::new(1, vec![0.0, 1.0]);
        let target = Rows::new(1, vec![1.0; 3 * CHUNK + 1]);
        let ratios = nearest_neighbour_ratios(&source, &target);
        assert!((ratios[1] / ratios[0] - (3 * CHUNK + 2) as f64).abs() < 1e-9, "{ratios:?}");
    }
}
