//! Mean and spread over seeds.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean and spread of one cell over its seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (divided by n - 1); `None` for a single seed.
    pub standard_deviation: Option<f64>,
    /// Number of seeds.
    pub seeds: usize,
    /// Number of chosen checkpoints whose predictions fall into few classes.
    pub collapsed: usize,
}

impl Summary {
    /// Mean and sample standard deviation of one value a seed; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let standard_deviation = (values.len() > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / (values.len() - 1) as f64).sqrt()
        });
        Some(Self { mean, standard_deviation, seeds: values.len(), collapsed: 0 })
    }

    /// Half the width of the 95 % interval of the mean, by Student's t with n - 1 degrees of
    /// freedom; `None` for a single seed.
    pub fn interval_95(&self) -> Option<f64> {
        let deviation = self.standard_deviation?;
        let freedom = (self.seeds.checked_sub(1).filter(|&freedom| freedom > 0)?) as f64;
        let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
        Some(distribution.inverse_cdf(0.975) * deviation / (self.seeds as f64).sqrt())
    }
}

/// The arithmetic mean; `None` without values.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
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
        let single = Summary { mean: 0.5, standard_deviation: None, seeds: 1, collapsed: 0 };
        assert_eq!(Summary::of(&[0.5]), Some(single));
        assert_eq!(single.interval_95(), None);
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn the_interval_is_that_of_students_t() {
        // scipy.stats.t.ppf(0.975, [1, 2, 4, 29]); a deviation of sqrt(n) leaves the quantile.
        for (seeds, quantile) in
            [(2, QUANTILES[0]), (3, QUANTILES[1]), (5, QUANTILES[2]), (30, QUANTILES[3])]
        {
            let deviation = Some((seeds as f64).sqrt());
            let summary = Summary { mean: 0.0, standard_deviation: deviation, seeds, collapsed: 0 };
            let found = summary.interval_95().unwrap();
            assert!((found - quantile).abs() < 1e-6, "{seeds}: {found} instead of {quantile}");
        }
    }

    const QUANTILES: [f64; 4] =
        [12.706204736174694, 4.302652729749462, 2.7764451051977934, 2.045229642132703];
}
