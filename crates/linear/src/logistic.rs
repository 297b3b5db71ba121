//! Multinomial logistic regression on the host.

use crate::error::LinearError;
use crate::lbfgs::minimise;
use crate::linear_scores::LinearScores;
use crate::rows::{Rows, add_scaled, dot, log_sum_exp};

/// The fit ends where no entry of the objective's gradient is above this.
const TOLERANCE: f64 = 1e-5;
/// Steps after which a fit has failed. A regularised fit on standardised features needs a few
/// dozen.
const STEPS: usize = 5000;

/// A linear classifier with class scores `W (x - mean) / deviation + b`, fitted by minimising
///
/// ```text
/// sum_i v_i cross_entropy_i / sum_i v_i + regularization / 2 |W|^2
/// ```
///
/// with row weights `v`. Means and standard deviations are those of the rows fitted to, not
/// weighted; columns that do not vary are left out. The biases `b` are not regularised. The
/// objective is strictly convex in `W`, so that neither order nor start matters.
#[derive(Clone, Debug)]
pub struct Logistic {
    scaling: Scaling,
    /// The classes that occur among the labels, in order; scores are one a class that occurs.
    classes: Vec<usize>,
    /// `columns` weights and a bias, class after class.
    parameters: Vec<f64>,
}

/// Rows to fit to.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The features.
    pub features: &'a Rows,
    /// The class of each row.
    pub labels: &'a [usize],
    /// How much each row counts; above 0. Absent: all the same.
    pub weights: Option<&'a [f64]>,
}

impl Logistic {
    /// Fits the classifier. With labels of a single class it predicts this class for every row.
    ///
    /// # Errors
    /// If there are no rows, or the fit does not converge.
    ///
    /// # Panics
    /// If features, labels and weights are not of the same number, or `regularization` is not
    /// above 0.
    pub fn fit(rows: Labelled<'_>, regularization: f64) -> Result<Self, LinearError> {
        Self::fit_from(rows, regularization, None)
    }

    /// As [`Logistic::fit`], starting from a classifier that was fitted to the same rows.
    ///
    /// # Errors
    /// As [`Logistic::fit`].
    ///
    /// # Panics
    /// As [`Logistic::fit`].
    pub fn fit_from(
        rows: Labelled<'_>,
        regularization: f64,
        start: Option<&Self>,
    ) -> Result<Self, LinearError> {
        let Labelled { features, labels, weights } = rows;
        assert_eq!(features.count(), labels.len(), "one label a row");
        assert!(weights.is_none_or(|weights| weights.len() == labels.len()), "one weight a row");
        assert!(regularization > 0.0, "the regularisation is above 0");
        if labels.is_empty() {
            return Err(LinearError::NoSamples);
        }
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let scaling = Scaling::of(features);
        let outputs = classes.len();
        let width = features.columns() + 1;
        if outputs == 1 {
            return Ok(Self { scaling, classes, parameters: vec![0.0; width] });
        }
        let position =
            |label| classes.binary_search(label).expect("the classes are those of the labels");
        let problem = Problem {
            features: scaling.apply(features),
            labels: labels.iter().map(position).collect(),
            weights: normalised(weights, labels.len()),
            outputs,
            regularization,
        };
        let start = match start {
            Some(start) => start.parameters.clone(),
            None => vec![0.0; outputs * width],
        };
        let minimum =
            minimise(|w, gradient| problem.objective(w, gradient), start, TOLERANCE, STEPS);
        // In 64-bit arithmetic the last digits of the objective may hide the last bit of progress.
        if minimum.gradient.is_nan() || minimum.gradient > 100.0 * TOLERANCE {
            return Err(LinearError::NotConverged(format!(
                "a logistic classifier did not converge: its gradient is {:.1e}; a larger \
                 regularisation helps",
                minimum.gradient
            )));
        }
        Ok(Self { scaling, classes, parameters: minimum.point })
    }

    /// The classifier as one linear map of the features.
    pub fn linear(&self) -> LinearScores {
        let Scaling { mean, factor } = &self.scaling;
        let columns = mean.len();
        let mut weights = Vec::with_capacity(self.classes.len() * columns);
        let mut biases = Vec::with_capacity(self.classes.len());
        for class in self.parameters.chunks_exact(columns + 1) {
            let start = weights.len();
            weights.extend(class.iter().zip(factor).map(|(weight, factor)| weight * factor));
            biases.push(class[columns] - dot(&weights[start..], mean));
        }
        LinearScores { classes: self.classes.clone(), weights: Rows::new(columns, weights), biases }
    }

    /// The logarithms of the probabilities of the classes that occurred among the labels, in
    /// order, for each row.
    ///
    /// # Panics
    /// If there are not as many features as were fitted to.
    pub fn log_probabilities(&self, features: &Rows) -> Rows {
        let features = self.scaling.apply(features);
        let width = features.columns() + 1;
        let mut values = Vec::with_capacity(features.count() * self.classes.len());
        for row in features.iter() {
            let start = values.len();
            values.extend(self.parameters.chunks_exact(width).map(|class| score(class, row)));
            let log_sum = log_sum_exp(&values[start..]);
            values[start..].iter_mut().for_each(|value| *value -= log_sum);
        }
        Rows::new(self.classes.len(), values)
    }

    /// The most probable class of each row.
    ///
    /// # Panics
    /// If there are not as many features as were fitted to.
    pub fn predict(&self, features: &Rows) -> Vec<usize> {
        let log_probabilities = self.log_probabilities(features);
        log_probabilities.largest().into_iter().map(|position| self.classes[position]).collect()
    }
}

/// Weights and then the bias, times a row.
fn score(class: &[f64], row: &[f64]) -> f64 {
    dot(&class[..row.len()], row) + class[row.len()]
}

/// Weights that add up to 1.
fn normalised(weights: Option<&[f64]>, count: usize) -> Vec<f64> {
    match weights {
        None => vec![1.0 / count as f64; count],
        Some(weights) => {
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / sum).collect()
        }
    }
}

struct Problem {
    features: Rows,
    /// Positions of classes.
    labels: Vec<usize>,
    /// Adding up to 1.
    weights: Vec<f64>,
    outputs: usize,
    regularization: f64,
}

impl Problem {
    fn objective(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let width = self.features.columns() + 1;
        let mut value = 0.0;
        for (w, g) in parameters.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            for (w, g) in w[..width - 1].iter().zip(&mut *g) {
                *g = self.regularization * w;
                value += self.regularization * w * w / 2.0;
            }
            g[width - 1] = 0.0;
        }
        let mut scores = vec![0.0; self.outputs];
        for ((row, &label), &weight) in self.features.iter().zip(&self.labels).zip(&self.weights) {
            for (value, class) in scores.iter_mut().zip(parameters.chunks_exact(width)) {
                *value = score(class, row);
            }
            let log_sum = log_sum_exp(&scores);
            value += weight * (log_sum - scores[label]);
            let by_class = gradient.chunks_exact_mut(width).zip(&scores).enumerate();
            for (class, (gradient, score)) in by_class {
                let target = if class == label { 1.0 } else { 0.0 };
                let error = weight * ((score - log_sum).exp() - target);
                add_scaled(&mut gradient[..width - 1], row, error);
                gradient[width - 1] += error;
            }
        }
        value
    }
}

#[derive(Clone, Debug)]
struct Scaling {
    mean: Vec<f64>,
    /// One over the standard deviation; 0 where the column does not vary.
    factor: Vec<f64>,
}

impl Scaling {
    fn of(features: &Rows) -> Self {
        let mean = features.mean();
        let mut variance = vec![0.0; mean.len()];
        for row in features.iter() {
            for ((sum, value), mean) in variance.iter_mut().zip(row).zip(&mean) {
                *sum += (value - mean) * (value - mean) / features.count() as f64;
            }
        }
        let factor = variance.iter().zip(&mean).map(|(variance, mean)| {
            let deviation = variance.sqrt();
            // Rounding makes equal values vary by their last digits.
            if deviation > 1e-12 * mean.abs() { 1.0 / deviation } else { 0.0 }
        });
        Self { factor: factor.collect(), mean }
    }

    fn apply(&self, features: &Rows) -> Rows {
        assert_eq!(features.columns(), self.mean.len(), "as many features as were fitted to");
        let mut values = features.values().to_vec();
        for row in values.chunks_exact_mut(features.columns().max(1)) {
            for ((value, mean), factor) in row.iter_mut().zip(&self.mean).zip(&self.factor) {
                *value = (*value - mean) * factor;
            }
        }
        Rows::new(features.columns(), values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal;
    use isthmus_core::random::Key;

    fn labelled<'a>(features: &'a Rows, labels: &'a [usize]) -> Labelled<'a> {
        Labelled { features, labels, weights: None }
    }

    /// Newton's method on the binary objective with one standardised feature: an independent way
    /// to the same minimum. With two outputs `W` is symmetric, so `|W|^2 = w^2 / 2` for the
    /// difference `w` of the two rows.
    fn newton(x: &[f64], y: &[usize], regularization: f64) -> (f64, f64) {
        let (mut w, mut b) = (0.0, 0.0);
        let n = x.len() as f64;
        for _ in 0..50 {
            let (mut gw, mut gb) = (regularization * w / 2.0, 0.0);
            let (mut hww, mut hwb, mut hbb) = (regularization / 2.0, 0.0, 0.0);
            for (x, y) in x.iter().zip(y) {
                let p = 1.0 / (1.0 + (-(w * x + b)).exp());
                let (error, curvature) = ((p - *y as f64) / n, p * (1.0 - p) / n);
                gw += error * x;
                gb += error;
                hww += curvature * x * x;
                hwb += curvature * x;
                hbb += curvature;
            }
            let determinant = hww * hbb - hwb * hwb;
            w -= (hbb * gw - hwb * gb) / determinant;
            b -= (hww * gb - hwb * gw) / determinant;
        }
        (w, b)
    }

    #[test]
    fn the_minimum_is_newtons() {
        let noise = normal(40, 1, &Key::new(5));
        let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
        let values = noise.values().iter().zip(&labels).map(|(x, y)| 3.0 * x + 2.0 * *y as f64);
        let features = Rows::new(1, values.collect());
        for regularization in [1e-3, 0.1] {
            let fitted = Logistic::fit(labelled(&features, &labels), regularization).unwrap();
            let scaled = fitted.scaling.apply(&features);
            let (w, b) = newton(scaled.values(), &labels, regularization);
            let log_probabilities = fitted.log_probabilities(&features);
            for (row, x) in log_probabilities.iter().zip(scaled.values()) {
                let odds = row[1] - row[0];
                assert!((odds - (w * x + b)).abs() < 2e-3, "{odds} for {}", w * x + b);
            }
        }
    }

    #[test]
    fn classes_far_apart_are_learned_and_absent_ones_never_predicted() {
        let noise = normal(60, 4, &Key::new(1));
        let labels: Vec<usize> = (0..60).map(|row| [0, 3, 5][row % 3]).collect();
        let apart =
            |(at, value): (usize, &f64)| value + if at % 4 == (at / 4) % 3 { 8.0 } else { 0.0 };
        let features = Rows::new(4, noise.values().iter().enumerate().map(apart).collect());
        let fitted = Logistic::fit(labelled(&features, &labels), 1e-2).unwrap();
        assert_eq!(fitted.predict(&features), labels);
        let log_probabilities = fitted.log_probabilities(&features);
        assert_eq!(log_probabilities.columns(), 3);
        // The same scores by one linear map.
        let linear = fitted.linear();
        assert_eq!(linear.classes, [0, 3, 5]);
        let scores = linear.of(&features);
        for (scores, expected) in scores.iter().zip(log_probabilities.iter()) {
            for (score, expected) in scores.iter().zip(expected) {
                assert!((score - log_sum_exp(scores) - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_single_class_is_predicted_for_all() {
        let features = Rows::new(1, vec![1.0, 2.0]);
        let fitted = Logistic::fit(labelled(&features, &[4, 4]), 1.0).unwrap();
        assert_eq!(fitted.predict(&features), [4, 4]);
        assert!(Logistic::fit(labelled(&Rows::new(1, Vec::new()), &[]), 1.0).is_err());
    }

    #[test]
    fn columns_that_do_not_vary_are_left_out() {
        let features = Rows::new(2, vec![0.1, -1.0, 0.1, -2.0, 0.1, 1.0, 0.1, 2.0]);
        let fitted = Logistic::fit(labelled(&features, &[0, 0, 1, 1]), 1e-3).unwrap();
        let elsewhere = Rows::new(2, vec![9.0, -1.0, -9.0, 1.0]);
        assert_eq!(fitted.predict(&elsewhere), [0, 1]);
        let constant = Rows::new(1, vec![0.1; 3]);
        let fitted = Logistic::fit(labelled(&constant, &[0, 1, 1]), 1e-3).unwrap();
        let share = fitted.log_probabilities(&constant).row(0)[1].exp();
        assert!((share - 2.0 / 3.0).abs() < 1e-4, "{share}");
    }

    #[test]
    fn row_weights_count_as_repeated_rows_do() {
        let features = Rows::new(1, vec![1.0, 1.0]);
        let rows = Labelled { features: &features, labels: &[0, 1], weights: Some(&[3.0, 1.0]) };
        let fitted = Logistic::fit(rows, 1.0).unwrap();
        let share = fitted.log_probabilities(&features).row(0)[0].exp();
        assert!((share - 0.75).abs() < 1e-4, "{share}");
    }
}
