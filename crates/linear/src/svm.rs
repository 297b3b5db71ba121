//! The linear support vector machine on the host.

use rayon::prelude::*;

use crate::error::LinearError;
use crate::lbfgs::minimise;
use crate::linear_scores::LinearScores;
use crate::rows::{Rows, add_scaled, dot};

/// The fit ends where no entry of the gradient is above this: of the objective divided by the sum of
/// all costs, in features scaled to a curvature of 1.
const TOLERANCE: f64 = 1e-7;
/// Steps after which a fit has failed.
const STEPS: usize = 5000;

/// Fits scores `f_k(x) = w_k x + b_k`, each class `k` against the rest, by minimising
///
/// ```text
/// 1/2 |w_k|^2 + sum_i [ m_ik max(0, 1 - f_k(x_i))^2 + (m_i - m_ik) max(0, 1 + f_k(x_i))^2 ]
/// ```
///
/// with `m_ik` how much row `i` counts as one of class `k`, and `m_i` its sum over the classes. With
/// `m_ik = C` for the row's own class and 0 for the others this is the support vector machine with
/// squared hinge. Biases are not regularised. A class that no row counts for has no score; where
/// there is one class alone, its score is 0.
///
/// The objective is strictly convex in `w`, and minimised to convergence (L-BFGS), so that neither
/// order nor start matters. Fan, Chang, Hsieh, Wang, Lin: LIBLINEAR, JMLR 2008.
///
/// # Errors
/// If there are no rows that count, or a fit does not converge.
///
/// # Panics
/// If there is not a row of counts for each row of features.
pub fn one_against_the_rest(features: &Rows, counts: &Rows) -> Result<LinearScores, LinearError> {
    assert_eq!(features.count(), counts.count(), "a row of counts for each row of features");
    let counted = |class: &usize| counts.iter().any(|row| row[*class] > 0.0);
    let classes: Vec<usize> = (0..counts.columns()).filter(counted).collect();
    let columns = features.columns();
    match classes.len() {
        0 => return Err(LinearError::NoSamples),
        1 => {
            let weights = Rows::new(columns, vec![0.0; columns]);
            return Ok(LinearScores { classes, weights, biases: vec![0.0] });
        }
        _ => {}
    }
    let whole: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
    let scaled = Scaled::new(features, &whole);
    let fitted: Vec<Vec<f64>> = classes
        .par_iter()
        .map(|&class| {
            let own = counts.iter().map(|row| row[class]);
            scaled.fit(own.zip(&whole).map(|(own, whole)| (own, whole - own)).collect())
        })
        .collect::<Result<_, _>>()?;
    let mut weights = Vec::with_capacity(classes.len() * columns);
    let mut biases = Vec::with_capacity(classes.len());
    for parameters in fitted {
        let start = weights.len();
        weights.extend(parameters.iter().zip(&scaled.factor).map(|(w, factor)| w * factor));
        biases.push(parameters[columns] * scaled.bias - dot(&weights[start..], &scaled.mean));
    }
    Ok(LinearScores { classes, weights: Rows::new(columns, weights), biases })
}

/// Rows `[labels, classes]` that count `value` for the class of each label, and 0 for the others.
///
/// # Panics
/// If a label is not below `classes`.
pub fn one_hot(labels: impl ExactSizeIterator<Item = usize>, classes: usize, value: f64) -> Rows {
    let mut values = vec![0.0; labels.len() * classes];
    for (row, label) in values.chunks_exact_mut(classes.max(1)).zip(labels) {
        row[label] = value;
    }
    Rows::new(classes, values)
}

/// Features around their mean, each scaled so that the objective's curvature along it is 1 where all
/// rows are on the wrong side of the margin.
struct Scaled {
    mean: Vec<f64>,
    factor: Vec<f64>,
    bias: f64,
    features: Rows,
    /// The sum of all costs.
    total: f64,
}

impl Scaled {
    fn new(features: &Rows, whole: &[f64]) -> Self {
        let total: f64 = whole.iter().sum();
        let mean = features.mean();
        let centred = features.minus(&mean);
        let mut curvature = vec![1.0 / total; mean.len()];
        for (row, count) in centred.iter().zip(whole) {
            for (sum, value) in curvature.iter_mut().zip(row) {
                *sum += 2.0 * count * value * value / total;
            }
        }
        let factor: Vec<f64> = curvature.iter().map(|curvature| 1.0 / curvature.sqrt()).collect();
        let mut values = centred.values().to_vec();
        for row in values.chunks_exact_mut(mean.len().max(1)) {
            row.iter_mut().zip(&factor).for_each(|(value, factor)| *value *= factor);
        }
        let features = Rows::new(mean.len(), values);
        Self { mean, factor, bias: 0.5_f64.sqrt(), features, total }
    }

    /// The weights of the scaled features and the bias, for how much each row counts on either side.
    fn fit(&self, sides: Vec<(f64, f64)>) -> Result<Vec<f64>, LinearError> {
        let columns = self.features.columns();
        let objective = |parameters: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for ((g, w), factor) in gradient.iter_mut().zip(parameters).zip(&self.factor) {
                let weight = w * factor;
                value += weight * weight / 2.0;
                *g = weight * factor / self.total;
            }
            value /= self.total;
            gradient[columns] = 0.0;
            for (row, (inside, outside)) in self.features.iter().zip(&sides) {
                let score = dot(row, &parameters[..columns]) + parameters[columns] * self.bias;
                let (below, above) = ((1.0 - score).max(0.0), (1.0 + score).max(0.0));
                value += (inside * below * below + outside * above * above) / self.total;
                let slope = 2.0 * (outside * above - inside * below) / self.total;
                if slope != 0.0 {
                    add_scaled(&mut gradient[..columns], row, slope);
                    gradient[columns] += slope * self.bias;
                }
            }
            value
        };
        let minimum = minimise(objective, vec![0.0; columns + 1], TOLERANCE, STEPS);
        if minimum.gradient.is_nan() || minimum.gradient > 1000.0 * TOLERANCE {
            return Err(LinearError::NotConverged(format!(
                "a support vector machine did not converge: its gradient is {:.1e}; features of \
                 another scale or a smaller `cost` help",
                minimum.gradient
            )));
        }
        Ok(minimum.point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal;
    use isthmus_core::random::Key;

    fn counts(labels: &[usize], classes: usize, cost: f64) -> Rows {
        one_hot(labels.iter().copied(), classes, cost)
    }

    /// The conditions of the minimum, which say more than that it is stationary in scaled features:
    /// `w = sum_i alpha_i y_i x_i` with `alpha_i = 2 C max(0, 1 - y_i f(x_i))`, `sum alpha_i y_i = 0`.
    #[test]
    fn the_weights_are_those_of_the_support_vectors() {
        let features = normal(40, 3, &Key::new(1));
        let labels: Vec<usize> = (0..40).map(|row| row % 3).collect();
        for cost in [0.01, 1.0, 100.0] {
            let fitted = one_against_the_rest(&features, &counts(&labels, 3, cost)).unwrap();
            let scores = fitted.of(&features);
            for class in 0..3 {
                let (mut weights, mut sum, mut size) = (vec![0.0; 3], 0.0, 0.0);
                for ((x, scores), label) in features.iter().zip(scores.iter()).zip(&labels) {
                    let sign = if *label == class { 1.0 } else { -1.0 };
                    let alpha = 2.0 * cost * (1.0 - sign * scores[class]).max(0.0);
                    add_scaled(&mut weights, x, alpha * sign);
                    (sum, size) = (sum + alpha * sign, size + alpha);
                }
                assert!(sum.abs() < 1e-5 * size, "{sum} of {size}");
                for (found, expected) in fitted.weights.row(class).iter().zip(&weights) {
                    assert!((found - expected).abs() < 1e-5 * size, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn two_points_by_hand() {
        // At -1 and 1 with C = 1: w^2 / 2 + 2 (1 - w)^2 is least at w = 4 / 5.
        let features = Rows::new(1, vec![-1.0, 1.0]);
        let fitted = one_against_the_rest(&features, &counts(&[0, 1], 2, 1.0)).unwrap();
        assert!((fitted.weights.values()[1] - 0.8).abs() < 1e-6, "{fitted:?}");
        assert!((fitted.weights.values()[0] + 0.8).abs() < 1e-6 && fitted.biases[0].abs() < 1e-6);
    }

    #[test]
    fn counts_are_as_repeated_rows() {
        let features = normal(6, 2, &Key::new(2));
        let mut weighted = counts(&[0, 1, 1, 0, 1, 0], 2, 1.0).values().to_vec();
        weighted[0] = 2.0;
        let weighted = one_against_the_rest(&features, &Rows::new(2, weighted)).unwrap();
        let repeated = features.select(&[0, 0, 1, 2, 3, 4, 5]);
        let repeated =
            one_against_the_rest(&repeated, &counts(&[0, 0, 1, 1, 0, 1, 0], 2, 1.0)).unwrap();
        let pairs = weighted.weights.values().iter().zip(repeated.weights.values());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5), "{weighted:?} {repeated:?}");
    }

    #[test]
    fn features_of_any_scale_and_classes_that_are_absent() {
        let rows = normal(30, 2, &Key::new(3));
        let labels: Vec<usize> = rows.iter().map(|row| if row[0] > 0.0 { 3 } else { 1 }).collect();
        let wide = rows.values().chunks(2).flat_map(|row| [1e9 * row[0], 1e-9 * row[1]]);
        let wide = Rows::new(2, wide.collect());
        let fitted = one_against_the_rest(&wide, &counts(&labels, 5, 1.0)).unwrap();
        assert_eq!(fitted.classes, [1, 3]);
        let predicted = fitted.of(&wide).largest();
        let right = predicted.iter().zip(&labels).filter(|(p, l)| fitted.classes[**p] == **l);
        assert_eq!(right.count(), 30);
    }

    #[test]
    fn one_class_and_no_rows() {
        let one = one_against_the_rest(&Rows::new(1, vec![1.0, 2.0]), &counts(&[2, 2], 3, 1.0));
        assert_eq!(one.unwrap().classes, [2]);
        let none = one_against_the_rest(&Rows::new(1, vec![1.0]), &Rows::new(2, vec![0.0; 2]));
        assert_eq!(none.unwrap_err(), LinearError::NoSamples);
        let empty = Rows::new(1, Vec::new());
        assert!(one_against_the_rest(&empty, &Rows::new(2, Vec::new())).is_err());
    }
}
