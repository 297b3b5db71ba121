//! Density ratios that bring the source nearest to the target in Kullback-Leibler divergence.

use isthmus_core::error::MethodError;
use isthmus_linear::Rows;
use isthmus_linear::kernel::{gaussian_kernel, mean_width, squared_distances};
use isthmus_linear::subset::spread;

/// Target rows that kernels are put around, as many as the paper has.
const CENTRES: usize = 100;
/// Rows of a domain that a width is found from.
const WIDTH_ROWS: usize = 1000;
/// Widths that are tried, as shares of one over the mean squared distance of two rows.
const WIDTHS: [f64; 6] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// Parts of the target rows, each of which is held out once.
const FOLDS: usize = 5;
/// The rounds end where the mean logarithm of the ratio is below its largest value by no more than
/// this.
const TOLERANCE: f64 = 1e-3;
/// Rounds at most. From equal proportions of `c` centres, what is left after `r` of them is below
/// `ln(c) / r` (Csiszár, Tusnády, 1984), so that these are enough for the tolerance.
const ROUNDS: usize = 5000;
/// Ratios below this count as this where a width is judged by their logarithm.
const SMALLEST: f64 = 1e-12;

/// The density ratio `w(x) = sum_l a_l exp(-gamma |x - c_l|^2)` at each source row: the one with the
/// largest mean of `log w` over the target's rows among those with `a_l >= 0` and a mean of 1 over
/// the source's, which makes `w p_source` nearest to `p_target` in Kullback-Leibler divergence. The
/// centres `c_l` are 100 target rows, spread evenly. Without a `gamma` the width is chosen among six
/// by the mean of `log w` over target rows that are held out (five folds).
///
/// Sugiyama, Nakajima, Kashima, von Bünau, Kawanabe: Direct importance estimation with model
/// selection and its application to covariate shift adaptation, NIPS 2007. The paper climbs along
/// the gradient; here the same maximum is found as that of a mixture's proportions, by expectation
/// maximisation, which needs no step size.
///
/// # Errors
/// If no source row is near a centre.
///
/// # Panics
/// If the domains have features of different number, or one has no row.
pub fn kliep_ratios(
    source: &Rows,
    target: &Rows,
    gamma: Option<f64>,
) -> Result<Vec<f64>, MethodError> {
    let gamma = gamma.unwrap_or_else(|| chosen_width(source, target));
    match Model::fit(source, target, gamma) {
        Some(model) => Ok(model.ratios(source)),
        None => Err(MethodError::Unsuitable(format!(
            "no source sample is near a target sample for a kernel of width {gamma:.1e}; a smaller \
             `gamma` helps"
        ))),
    }
}

fn chosen_width(source: &Rows, target: &Rows) -> f64 {
    let rows = spread(source, WIDTH_ROWS).above(&spread(target, WIDTH_ROWS));
    let mean = mean_width(&squared_distances(&rows, &rows));
    let folds = FOLDS.min(target.count());
    if folds < 2 {
        return mean;
    }
    let mut best: Option<(f64, f64)> = None;
    for width in WIDTHS {
        let gamma = width * mean;
        let Some(score) = held_out_score(source, target, gamma, folds) else { continue };
        if best.is_none_or(|(largest, _)| score > largest) {
            best = Some((score, gamma));
        }
    }
    best.map_or(mean, |(_, gamma)| gamma)
}

/// The mean logarithm of the ratio at target rows that were held out; nothing where the kernels are
/// too narrow for the source.
fn held_out_score(source: &Rows, target: &Rows, gamma: f64, folds: usize) -> Option<f64> {
    let mut sum = 0.0;
    for fold in 0..folds {
        let (held_out, fitted): (Vec<usize>, Vec<usize>) =
            (0..target.count()).partition(|row| row % folds == fold);
        let model = Model::fit(source, &target.select(&fitted), gamma)?;
        let ratios = model.ratios(&target.select(&held_out));
        sum += ratios.iter().map(|ratio| ratio.max(SMALLEST).ln()).sum::<f64>();
    }
    Some(sum / target.count() as f64)
}

struct Model {
    centres: Rows,
    gamma: f64,
    /// `a`.
    factors: Vec<f64>,
}

impl Model {
    /// Nothing where no source row is near a centre.
    fn fit(source: &Rows, target: &Rows, gamma: f64) -> Option<Self> {
        let centres = spread(target, CENTRES);
        let means = gaussian_kernel(source, &centres, gamma).mean();
        let kept: Vec<usize> =
            (0..means.len()).filter(|centre| (1.0 / means[*centre]).is_finite()).collect();
        if kept.is_empty() {
            return None;
        }
        let centres = centres.select(&kept);
        let means: Vec<f64> = kept.iter().map(|centre| means[*centre]).collect();
        // With proportions p_l = a_l mean_l, which sum to 1, the ratio is a mixture of densities.
        let mut densities = gaussian_kernel(target, &centres, gamma).values().to_vec();
        for row in densities.chunks_exact_mut(means.len()) {
            row.iter_mut().zip(&means).for_each(|(value, mean)| *value /= mean);
        }
        let proportions = proportions(&Rows::new(means.len(), densities));
        let factors = proportions.iter().zip(&means).map(|(p, mean)| p / mean).collect();
        Some(Self { centres, gamma, factors })
    }

    fn ratios(&self, rows: &Rows) -> Vec<f64> {
        let factors = Rows::new(1, self.factors.clone());
        gaussian_kernel(rows, &self.centres, self.gamma).times(&factors).values().to_vec()
    }
}

/// The proportions of the densities, one a column, that make the rows likeliest. Rows at which every
/// density is 0 say nothing.
fn proportions(densities: &Rows) -> Vec<f64> {
    let count = densities.columns();
    let mut proportions = vec![1.0 / count as f64; count];
    for _ in 0..ROUNDS {
        let mut factors = vec![0.0; count];
        let mut rows = 0.0;
        for row in densities.iter() {
            let mixture: f64 = row.iter().zip(&proportions).map(|(d, p)| d * p).sum();
            if mixture > 0.0 {
                rows += 1.0;
                factors.iter_mut().zip(row).for_each(|(sum, density)| *sum += density / mixture);
            }
        }
        factors.iter_mut().for_each(|factor| *factor /= f64::max(rows, 1.0));
        // By concavity the largest value is above this one by less than the largest factor less 1.
        let gap = factors.iter().copied().fold(0.0, f64::max) - 1.0;
        if gap <= TOLERANCE {
            break;
        }
        proportions.iter_mut().zip(&factors).for_each(|(p, factor)| *p *= factor);
    }
    proportions
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{SMALL_SOURCE, SMALL_TARGET};

    use super::*;

    #[test]
    fn two_densities_by_hand() {
        // 3 rows of the first density alone, 1 of the second: proportions 3/4 and 1/4.
        let densities = Rows::new(2, vec![1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 5.0]);
        let found = proportions(&densities);
        assert!((found[0] - 0.75).abs() < 1e-3 && (found[1] - 0.25).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn the_mean_over_the_source_is_one_and_no_ratio_is_likelier() {
        let source = Rows::new(1, (0..60).map(|row| f64::from(row) / 10.0).collect());
        let target = Rows::new(1, (0..40).map(|row| 3.0 + f64::from(row) / 20.0).collect());
        let model = Model::fit(&source, &target, 2.0).unwrap();
        let ratios = model.ratios(&source);
        assert!((ratios.iter().sum::<f64>() / 60.0 - 1.0).abs() < 1e-9);
        let score = |model: &Model| {
            let sum: f64 = model.ratios(&target).iter().map(|ratio| ratio.ln()).sum();
            sum / 40.0
        };
        let best = score(&model);
        // Moving some weight to any centre makes it no likelier.
        let means = gaussian_kernel(&source, &target, 2.0).mean();
        for centre in 0..40 {
            let mut factors: Vec<f64> = model.factors.iter().map(|factor| 0.99 * factor).collect();
            factors[centre] += 0.01 / means[centre];
            let other = Model { factors, centres: target.clone(), gamma: 2.0 };
            assert!(score(&other) <= best + 1e-4, "{centre}: {} {best}", score(&other));
        }
    }

    #[test]
    fn the_ratios_are_those_of_a_general_solver() {
        let (source, target) =
            (Rows::new(3, SMALL_SOURCE.concat()), Rows::new(3, SMALL_TARGET.concat()));
        let found = kliep_ratios(&source, &target, Some(0.5)).unwrap();
        let peers = [0.594347, 1.577689, 0.831712, 1.649016, 0.094683, 1.252553];
        let near = found.iter().zip(peers).all(|(a, b)| (a - b).abs() < 0.02);
        assert!(near, "{found:?}, SciPy's SLSQP {peers:?}");
    }

    #[test]
    fn a_width_is_chosen_by_what_is_held_out() {
        let source = Rows::new(1, (0..200).map(|row| f64::from(row) / 200.0).collect());
        let target = Rows::new(1, (0..50).map(|row| 0.5 + f64::from(row) / 100.0).collect());
        let chosen = chosen_width(&source, &target);
        let score = |gamma| held_out_score(&source, &target, gamma, FOLDS).unwrap();
        let rows = source.above(&target);
        let mean = mean_width(&squared_distances(&rows, &rows));
        assert!(WIDTHS.iter().all(|width| score(width * mean) <= score(chosen)));
        // The ratio is 2 in the upper half, 0 in the lower.
        let ratios = kliep_ratios(&source, &target, None).unwrap();
        assert!(ratios[..80].iter().all(|ratio| *ratio < 0.5), "{ratios:?}");
        assert!(ratios[120..180].iter().all(|ratio| (ratio - 2.0).abs() < 0.8), "{ratios:?}");
    }

    #[test]
    fn domains_that_are_the_same_points_or_far_apart() {
        let point = Rows::new(2, vec![1.0; 10]);
        let ratios = kliep_ratios(&point, &point, None).unwrap();
        assert!(ratios.iter().all(|ratio| (ratio - 1.0).abs() < 1e-9), "{ratios:?}");
        assert_eq!(kliep_ratios(&point.select(&[0]), &point.select(&[0]), None).unwrap(), [1.0]);
        let far = Rows::new(2, vec![1e6; 10]);
        let error = kliep_ratios(&point, &far, Some(1.0)).unwrap_err().to_string();
        assert!(error.contains("no source sample is near a target sample"), "{error}");
        assert!(kliep_ratios(&point, &far, None).unwrap().iter().all(|ratio| ratio.is_finite()));
    }
}
