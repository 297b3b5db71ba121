//! The paired t-test.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Summary;

/// The two-sided p-value of Student's t-test that the mean of paired differences is zero; `None`
/// for fewer than two differences, or where all are the same and nothing can be said of chance.
pub fn paired_t(differences: &[f64]) -> Option<f64> {
    let summary = Summary::of(differences)?;
    let deviation = summary.standard_deviation.filter(|&deviation| deviation > 0.0)?;
    let number = differences.len() as f64;
    let t = summary.mean / (deviation / number.sqrt());
    let distribution = StudentsT::new(0.0, 1.0, number - 1.0).ok()?;
    t.is_finite().then(|| 2.0 * distribution.cdf(-t.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_scipy() {
        let close = |found: Option<f64>, expected: f64| {
            let found = found.unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
        };
        // scipy.stats.ttest_1samp(d, 0).pvalue
        close(paired_t(&[0.03, 0.05, -0.01, 0.07, 0.02, -0.04, 0.06, 0.09]), 0.062227085336124345);
        // scipy.stats.ttest_rel([0.61, 0.72, 0.69, 0.75], [0.60, 0.70, 0.70, 0.71]).pvalue
        close(paired_t(&[0.61 - 0.60, 0.72 - 0.70, 0.69 - 0.70, 0.75 - 0.71]), 0.24519388179494764);
    }

    #[test]
    fn without_spread_there_is_no_test() {
        assert_eq!(paired_t(&[0.1]), None);
        assert_eq!(paired_t(&[0.0, 0.0, 0.0]), None);
    }
}
