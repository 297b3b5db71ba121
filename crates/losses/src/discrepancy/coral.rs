//! Distance of covariances (Deep CORAL).

use crate::checks::assert_domains;
use crate::closed_form::attach;
use burn::tensor::Tensor;

/// Distance of the covariance matrices: `|C_s - C_t|_F^2 / (4 d^2)`.
///
/// `C = (X - mean)^T (X - mean) / (rows - 1)` and `d` is the number of features. Never negative.
///
/// Source: Sun and Saenko, "Deep CORAL", 2016, eq. 1-3. Peers: pytorch-adapt, skada and DeepDA
/// have this form; tllib and DomainBed have [`coral_mean_term`], although tllib documents this
/// one.
///
/// # Shapes
/// - `source`: `[source rows, features]`, at least 2 rows
/// - `target`: `[target rows, features]`, at least 2 rows; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain has fewer than 2 rows or features differ in number.
pub fn coral(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("coral", &source, &target, 2);
    let [_, columns] = source.dims();
    let moments = Moments::new(&source, &target);
    moments.loss(&source, &target, 0.25 / (columns * columns) as f64, None)
}

/// Mean squared difference of the covariances plus that of the means.
///
/// `mean over d*d entries of (C_s - C_t)^2 + mean over d of (m_s - m_t)^2`: four times [`coral`]
/// and a term for the means. What tllib and DomainBed compute under the name CORAL.
///
/// # Shapes
/// - `source`: `[source rows, features]`, at least 2 rows
/// - `target`: `[target rows, features]`, at least 2 rows; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain has fewer than 2 rows or features differ in number.
pub fn coral_mean_term(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("coral_mean_term", &source, &target, 2);
    let [_, columns] = source.dims();
    let moments = Moments::new(&source, &target);
    let (covariance, mean) = (1.0 / (columns * columns) as f64, 1.0 / columns as f64);
    moments.loss(&source, &target, covariance, Some(mean))
}

/// Centred rows of both domains and the differences of their moments, without gradient.
struct Moments {
    source: Tensor<2>,
    target: Tensor<2>,
    means: Tensor<2>,
    covariances: Tensor<2>,
}

impl Moments {
    fn new(source: &Tensor<2>, target: &Tensor<2>) -> Self {
        let [source, target] = [source, target].map(|rows| rows.clone().inner());
        let source_mean = source.clone().mean_dim(0);
        let target_mean = target.clone().mean_dim(0);
        let source = source - source_mean.clone();
        let target = target - target_mean.clone();
        let covariance = |rows: &Tensor<2>| {
            let divisor = (rows.dims()[0] - 1) as f64;
            let transposed = rows.clone().transpose();
            transposed.matmul(rows.clone().div_scalar(divisor))
        };
        Self {
            covariances: covariance(&source) - covariance(&target),
            means: source_mean - target_mean,
            source,
            target,
        }
    }

    /// `covariance |C_s - C_t|^2 + mean |m_s - m_t|^2`, with its gradient.
    fn loss(
        self,
        source: &Tensor<2>,
        target: &Tensor<2>,
        covariance: f64,
        mean: Option<f64>,
    ) -> Tensor<1> {
        let mut value = self.covariances.clone().square().sum().mul_scalar(covariance);
        if let Some(mean) = mean {
            value = value + self.means.clone().square().sum().mul_scalar(mean);
        }
        for (input, rows, sign) in [(source, self.source, 1.0), (target, self.target, -1.0)] {
            if !input.is_tracked() {
                continue;
            }
            let count = rows.dims()[0] as f64;
            // The rows are centred, so the mean's own part of the covariance has no gradient.
            let scale = sign * 4.0 * covariance / (count - 1.0);
            let mut gradient = rows.matmul(self.covariances.clone()).mul_scalar(scale);
            if let Some(mean) = mean {
                gradient = gradient + self.means.clone().mul_scalar(sign * 2.0 * mean / count);
            }
            value = attach(value, input, gradient);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar};

    /// Both losses as burn differentiates them by itself.
    fn recorded(source: Tensor<2>, target: Tensor<2>, mean_term: bool) -> Tensor<1> {
        let moments = [source, target].map(|rows| {
            let divisor = (rows.dims()[0] - 1) as f64;
            let mean = rows.clone().mean_dim(0);
            let centred = rows - mean.clone();
            let covariance = centred.clone().transpose().matmul(centred);
            (mean, covariance.div_scalar(divisor))
        });
        let [(source_mean, source), (target_mean, target)] = moments;
        let covariances = (source - target).square().mean();
        match mean_term {
            true => covariances + (source_mean - target_mean).square().mean(),
            false => covariances.mul_scalar(0.25),
        }
    }

    #[test]
    fn closed_form_gradient_is_that_of_the_recorded_formula() {
        let source = matrix([7, 5], 1).inner().mul_scalar(3.0).add_scalar(1.0);
        let inputs = [&source, &matrix([4, 5], 2).inner()].map(|input| input.clone().autodiff());
        let inputs = [&inputs[0], &inputs[1]];
        for mean_term in [false, true] {
            let loss = if mean_term { coral_mean_term } else { coral };
            let (got, got_gradients) = differentiate(inputs, |[s, t]| loss(s, t));
            let (want, want_gradients) = differentiate(inputs, |[s, t]| recorded(s, t, mean_term));
            assert_close(&[got], &[want], 1e-6);
            for (got, want) in got_gradients.iter().zip(&want_gradients) {
                assert_close(got, want, 1e-5);
            }
        }
    }

    #[test]
    fn equal_domains_are_at_distance_zero() {
        let rows = matrix([6, 3], 3);
        assert_eq!(scalar(&coral(rows.clone(), rows.clone())), 0.0);
        assert_eq!(scalar(&coral_mean_term(rows.clone(), rows)), 0.0);
    }

    #[test]
    #[should_panic(expected = "at least 2 rows of each domain, got 4 source and 1 target")]
    fn refuses_a_single_row() {
        coral(matrix([4, 3], 1), matrix([1, 3], 2));
    }
}
