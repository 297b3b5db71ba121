//! Ridge regression on the host.

use crate::cholesky;
use crate::error::LinearError;
use crate::linear_scores::LinearScores;
use crate::rows::{Rows, dot};

/// Fits scores `f_k(x) = w_k x + b_k` to targets `[rows, scores]` by minimising
///
/// ```text
/// sum_i (f_k(x_i) - y_ik)^2 + regularization |w_k|^2
/// ```
///
/// in closed form: of as many unknowns as there are features or rows, whichever are fewer. Biases are
/// not regularised; without `intercept` they are 0. Score `k` is that of class `k`.
///
/// Hoerl, Kennard: Ridge regression, Technometrics 1970.
///
/// # Errors
/// If there are no rows, a value is not finite, or the regularisation is too small for features that
/// depend on each other.
///
/// # Panics
/// If there is not a row of targets for each row of features.
pub fn ridge(
    features: &Rows,
    targets: &Rows,
    regularization: f64,
    intercept: bool,
) -> Result<LinearScores, LinearError> {
    assert_eq!(features.count(), targets.count(), "a row of targets for each row of features");
    if features.count() == 0 {
        return Err(LinearError::NoSamples);
    }
    features.check_finite()?;
    let zeros = |rows: &Rows| vec![0.0; rows.columns()];
    let (mean, target_mean) = match intercept {
        true => (features.mean(), targets.mean()),
        false => (zeros(features), zeros(targets)),
    };
    let (x, y) = (features.minus(&mean), targets.minus(&target_mean));
    let weights = if x.columns() <= x.count() {
        let mut gram = x.transposed_times(&x);
        gram.add_to_diagonal(regularization);
        cholesky::solve(&cholesky::factor(&gram)?, &x.transposed_times(&y)).transposed()
    } else {
        let mut gram = x.times_transposed(&x);
        gram.add_to_diagonal(regularization);
        cholesky::solve(&cholesky::factor(&gram)?, &y).transposed_times(&x)
    };
    let biases = weights.iter().zip(&target_mean).map(|(own, target)| target - dot(own, &mean));
    Ok(LinearScores {
        classes: (0..targets.columns()).collect(),
        biases: biases.collect(),
        weights,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{distance, normal};
    use isthmus_core::random::Key;

    #[test]
    fn a_line_by_hand() {
        let (x, y) = (Rows::new(1, vec![0.0, 1.0, 2.0]), Rows::new(1, vec![1.0, 2.0, 6.0]));
        // Around the means, x'x is 2 and x'y is 5.
        let fitted = ridge(&x, &y, 0.5, true).unwrap();
        assert!((fitted.weights.values()[0] - 2.0).abs() < 1e-12, "{fitted:?}");
        assert!((fitted.biases[0] - 1.0).abs() < 1e-12, "{fitted:?}");
        let through_zero = ridge(&x, &y, 2.0, false).unwrap();
        assert!((through_zero.weights.values()[0] - 2.0).abs() < 1e-12, "{through_zero:?}");
        assert_eq!(through_zero.biases, [0.0]);
    }

    #[test]
    fn more_features_than_rows_give_the_same_minimum() {
        let (x, y) = (normal(5, 9, &Key::new(1)), normal(5, 2, &Key::new(2)));
        for intercept in [false, true] {
            let fitted = ridge(&x, &y, 0.3, intercept).unwrap();
            // The gradient with respect to the weights is 0 there.
            let residuals = fitted.of(&x);
            let mut values = residuals.values().to_vec();
            values.iter_mut().zip(y.values()).for_each(|(value, y)| *value -= y);
            let gradient = Rows::new(2, values).transposed_times(&x);
            let scaled = fitted.weights.values().iter().map(|w| -0.3 * w).collect();
            assert!(distance(&gradient, &Rows::new(9, scaled)) < 1e-10);
        }
    }

    #[test]
    fn nothing_to_fit_to_and_values_that_are_no_numbers() {
        let none = Rows::new(1, Vec::new());
        assert_eq!(ridge(&none, &none, 1.0, true).unwrap_err(), LinearError::NoSamples);
        let rows = Rows::new(1, vec![f64::NAN]);
        assert!(ridge(&rows, &Rows::new(1, vec![1.0]), 1.0, true).is_err());
        let same = Rows::new(2, vec![1.0, 1.0, 2.0, 2.0]);
        assert!(ridge(&same, &Rows::new(1, vec![1.0, 2.0]), 0.0, false).is_err());
    }
}
