//! Differences to a baseline and whether they may be chance.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::Row;
use super::ranks::rounded;
use crate::statistics::{PValueForm, holm, mean, paired_t, wilcoxon_signed_rank};

/// The row that the others are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The name of its row.
    pub method: String,
    /// The test of the differences.
    pub test: PairedTest,
}

/// A test of paired differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PairedTest {
    /// Wilcoxon's signed-rank test.
    #[default]
    Wilcoxon,
    /// Student's t-test.
    T,
}

impl PairedTest {
    /// The test's name in a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wilcoxon => "Wilcoxon signed-rank test",
            Self::T => "paired t-test",
        }
    }

    fn p_value(self, differences: &[f64]) -> Option<(f64, Option<PValueForm>)> {
        match self {
            Self::Wilcoxon => {
                wilcoxon_signed_rank(differences).map(|found| (found.p_value, Some(found.form)))
            }
            Self::T => paired_t(differences).map(|p_value| (p_value, None)),
        }
    }
}

impl FromStr for PairedTest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "wilcoxon" => Ok(Self::Wilcoxon),
            "t" => Ok(Self::T),
            _ => Err(format!("`{text}` is not one of wilcoxon, t")),
        }
    }
}

/// How a row differs from the baseline over the pairs that both have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The mean of its value less the baseline's.
    pub mean: f64,
    /// Number of pairs of task and seed.
    pub pairs: usize,
    /// The two-sided p-value, corrected after Holm for all rows that are tested; `None` for upper
    /// bounds, which are not, and where the differences allow no test.
    pub p_value: Option<f64>,
    /// How the p-value was computed, where a test has several ways.
    pub form: Option<PValueForm>,
}

/// What is paired: place of the column, of the task, and the seed.
pub(super) type Pair = (usize, usize, u64);

/// Gives the rows their difference to the row of the baseline; whether there is such a row.
/// `values` holds each row's values.
pub(super) fn compare_rows(
    rows: &mut [Row],
    values: &[BTreeMap<Pair, f64>],
    baseline: &Baseline,
) -> bool {
    let Some(place) = rows.iter().position(|row| row.label.text == baseline.method) else {
        return false;
    };
    let mut tested = Vec::new();
    for (index, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != place) {
        let differences: Vec<f64> = values[index]
            .iter()
            .filter_map(|(pair, value)| Some(rounded_difference(*value, *values[place].get(pair)?)))
            .collect();
        let Some(mean) = mean(&differences) else { continue };
        row.difference =
            Some(Difference { mean, pairs: differences.len(), p_value: None, form: None });
        if !row.label.upper_bound
            && let Some((p_value, form)) = baseline.test.p_value(&differences)
        {
            tested.push((index, p_value, form));
        }
    }
    let p_values: Vec<f64> = tested.iter().map(|(_, p_value, _)| *p_value).collect();
    for ((index, _, form), corrected) in tested.into_iter().zip(holm(&p_values)) {
        if let Some(difference) = &mut rows[index].difference {
            difference.p_value = Some(corrected);
            difference.form = form;
        }
    }
    true
}

/// The difference without the noise of its last digits: 0.8 - 0.7 and 0.7 - 0.6 are the same.
fn rounded_difference(value: f64, other: f64) -> f64 {
    let size = value.abs().max(other.abs());
    let difference = value - other;
    if !(size > 0.0 && size.is_finite()) {
        return difference;
    }
    let unit = 10.0_f64.powf(size.log10().ceil() - 12.0);
    rounded((difference / unit).round() * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_differences_tie() {
        assert_ne!(0.8 - 0.7, 0.7 - 0.6);
        assert_eq!(rounded_difference(0.8, 0.7), 0.1);
        assert_eq!(rounded_difference(0.7, 0.6), 0.1);
        assert_eq!(rounded_difference(1.1, 1.0), 0.1);
        assert_eq!(rounded_difference(0.1 + 0.2, 0.3), 0.0);
        assert_eq!(rounded_difference(0.0, 0.0), 0.0);
        assert!(rounded_difference(f64::NAN, 1.0).is_nan());
    }
}
