//! Scaling of features and series when they are read.

/// Divides each row of `size` values by their sum; rows whose sum is 0 stay.
pub(crate) fn to_shares(values: &mut [f32], size: usize) {
    for row in values.chunks_exact_mut(size.max(1)) {
        let sum: f64 = row.iter().map(|value| f64::from(*value)).sum();
        if sum != 0.0 {
            row.iter_mut().for_each(|value| *value = (f64::from(*value) / sum) as f32);
        }
    }
}

/// Brings each column of rows of `size` values to mean 0 and standard deviation 1.
pub(crate) fn standardize(values: &mut [f32], size: usize) {
    for column in 0..size {
        let own = || values.iter().skip(column).step_by(size).map(|value| f64::from(*value));
        let (mean, deviation) = moments(own);
        for value in values.iter_mut().skip(column).step_by(size) {
            *value = ((f64::from(*value) - mean) / deviation) as f32;
        }
    }
}

/// Mean and standard deviation, by which values can be divided: 1 where nothing varies.
pub(crate) fn moments<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> (f64, f64) {
    let (mean, deviation) = isthmus_core::moments::moments(values);
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_vary_or_is_zero_stays_finite() {
        let mut values = [0.0, 0.0, 3.0, 1.0];
        to_shares(&mut values, 2);
        assert_eq!(values, [0.0, 0.0, 0.75, 0.25]);
        // Sums of tenths are rounded: their mean is not quite a tenth.
        let mut values: Vec<f32> = (0..2000).map(|at| [0.1, 1.0, 0.1, 3.0][at % 4]).collect();
        standardize(&mut values, 2);
        assert_eq!(values[1..4], [-1.0, values[2], 1.0]);
        assert!(values.iter().step_by(2).all(|value| value.abs() < 1e-6), "{:?}", &values[..4]);
    }
}
