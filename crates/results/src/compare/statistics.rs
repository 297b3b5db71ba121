//! Mean and sample standard deviation.

/// Mean and spread of one cell over its seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (divided by n - 1); `None` for a single seed.
    pub standard_deviation: Option<f64>,
    /// Number of seeds.
    pub seeds: usize,
}

impl Summary {
    /// Mean and sample standard deviation of one value a seed; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let standard_deviation = (values.len() > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / (values.len() - 1) as f64).sqrt()
        });
        Some(Self { mean, standard_deviation, seeds: values.len() })
    }
}

/// The arithmetic mean; `None` without values.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_the_sample_one() {
        // By hand: mean 5, squared differences 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, 32 / 7.
        let summary = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!(summary.mean, 5.0);
        assert_eq!(summary.standard_deviation, Some((32.0_f64 / 7.0).sqrt()));
        assert_eq!(summary.seeds, 8);
    }

    #[test]
    fn one_value_has_no_deviation_and_none_no_mean() {
        let single = Summary { mean: 0.5, standard_deviation: None, seeds: 1 };
        assert_eq!(Summary::of(&[0.5]), Some(single));
        assert_eq!(Summary::of(&[]), None);
    }
}
