//! Mean and standard deviation.

/// Mean and standard deviation (divided by the number of values) in 64-bit arithmetic; the deviation
/// is 0 where all values are equal, whatever rounding makes of their mean.
pub fn moments<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> (f64, f64) {
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let mut all = values();
    let first = all.next();
    let varies = all.any(|value| Some(value) != first);
    (mean, if varies { variance.sqrt() } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_do_not_vary() {
        let (mean, deviation) = moments(|| std::iter::repeat_n(f64::from(0.1_f32), 1001));
        assert!((mean - f64::from(0.1_f32)).abs() < 1e-12);
        assert_eq!(deviation, 0.0);
        assert_eq!(moments(|| [1.0, 3.0].into_iter()), (2.0, 1.0));
    }
}
