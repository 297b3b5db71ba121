//! Comparing what a claim computes with what a file expects.

use crate::ReferenceError;
use crate::claims::Claim;
use crate::format::{Array, ReferenceFile};
use crate::outputs::Outputs;
use std::collections::BTreeMap;
use std::fmt;

/// How one array compares.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    /// The largest error in shares of the tolerance: a hit up to 1.
    Share(f64),
    /// The shapes differ.
    Shape {
        /// The shape computed.
        got: Vec<usize>,
        /// The shape expected.
        want: Vec<usize>,
    },
    /// An entry computed is not a number.
    NotANumber,
    /// The claim did not compute it.
    Missing,
}

impl Comparison {
    /// Whether the array is as expected.
    pub fn is_hit(&self) -> bool {
        matches!(self, Self::Share(share) if *share <= 1.0)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(formatter, "{share:.3} of the tolerance"),
            Self::Shape { got, want } => write!(formatter, "shape {got:?}, expected {want:?}"),
            Self::NotANumber => write!(formatter, "not a number"),
            Self::Missing => write!(formatter, "not computed"),
        }
    }
}

/// Compares an array with the expected one.
///
/// A hit has `|got - want| <= tolerance * max|want| + tolerance_abs` in every entry.
pub fn compare(got: &Array, want: &Array, tolerance: f64, tolerance_abs: f64) -> Comparison {
    if !got.has_shape_of(want) {
        return Comparison::Shape { got: got.shape.clone(), want: want.shape.clone() };
    }
    if got.data.iter().any(|value| value.is_nan()) {
        return Comparison::NotANumber;
    }
    let largest = want.data.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let allowed = tolerance * largest + tolerance_abs;
    let errors = got.data.iter().zip(&want.data).map(|(got, want)| (got - want).abs());
    let error = errors.fold(0.0_f64, f64::max);
    // Without any tolerance, an exact match is a hit and everything else a miss.
    Comparison::Share(if error == 0.0 { 0.0 } else { error / allowed })
}

/// One comparison and where it belongs.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The number of the case.
    pub case: u64,
    /// The name of the value, or `d name` for a gradient of that key.
    pub array: String,
    /// The outcome.
    pub comparison: Comparison,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, array, comparison } = self;
        write!(formatter, "case {case}, {array}: {comparison}")
    }
}

/// Everything compared for one file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One finding for each expected value and gradient of each case.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The findings that are not as expected.
    pub fn misses(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.comparison.is_hit())
    }

    /// The finding that used the largest share of its tolerance, and that share.
    pub fn worst(&self) -> Option<(&Finding, f64)> {
        let shares = self.findings.iter().filter_map(|finding| match finding.comparison {
            Comparison::Share(share) => Some((finding, share)),
            _ => None,
        });
        shares.max_by(|(_, a), (_, b)| a.total_cmp(b))
    }
}

/// Runs a claim on every case of a file.
///
/// # Errors
/// If the claim cannot be run on a case: an input or parameter is not there, or something it needs
/// is not on this machine.
pub fn check(claim: &Claim, file: &ReferenceFile) -> Result<Report, ReferenceError> {
    let mut report = Report::default();
    for case in &file.cases {
        let outputs: Outputs = (claim.run)(case)?;
        let mut collect = |wanted: &BTreeMap<String, Array>, gradient: bool| {
            for (name, want) in wanted {
                let (got, array) = match gradient {
                    true => (outputs.gradient(name), format!("d {name}")),
                    false => (outputs.value(name), name.clone()),
                };
                let comparison = got.map_or(Comparison::Missing, |got| {
                    compare(got, want, file.tolerance, file.tolerance_abs)
                });
                report.findings.push(Finding { case: case.case, array, comparison });
            }
        };
        collect(&case.expected, false);
        collect(&case.grad, true);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Case;

    /// `loss = sum x^2`, `half = sum x^2 / 2` at x = (1, 2).
    fn squares() -> ReferenceFile {
        serde_json::from_str(
            r#"{"name": "squares", "source": "by hand", "definition": "loss = sum x^2",
                "tolerance": 1e-4, "tolerance_abs": 1e-6,
                "cases": [{"case": 1, "params": {}, "inputs": {"x": {"shape": [2], "data": [1, 2]}},
                "expected": {"loss": {"shape": [], "data": [5]}, "half": {"shape": [], "data": [2.5]}},
                "grad": {"x": {"shape": [2], "data": [2, 4]},
                         "x@half": {"shape": [2], "data": [1, 2]}}}]}"#,
        )
        .unwrap()
    }

    fn run(case: &Case) -> Result<Outputs, ReferenceError> {
        let mut outputs = Outputs::new();
        outputs.differentiate(case, "loss", |x| Ok(x.tensor::<1>("x")?.square().sum()))?;
        outputs.differentiate(case, "half", |x| {
            Ok(x.tensor::<1>("x")?.square().sum().mul_scalar(0.5))
        })?;
        Ok(outputs)
    }

    const CLAIM: Claim = Claim { family: "test", name: "squares", run };

    fn misses(file: &ReferenceFile) -> Vec<String> {
        let report = check(&CLAIM, file).unwrap();
        report.misses().map(|finding| finding.array.clone()).collect()
    }

    #[test]
    fn right_numbers_pass() {
        let report = check(&CLAIM, &squares()).unwrap();
        assert_eq!(report.findings.len(), 4);
        assert_eq!(report.misses().count(), 0);
        assert_eq!(report.worst().unwrap().1, 0.0);
    }

    #[test]
    fn a_wrong_value_fails() {
        let mut file = squares();
        file.cases[0].expected.get_mut("loss").unwrap().data[0] = 5.001;
        assert_eq!(misses(&file), ["loss"]);
    }

    #[test]
    fn a_wrong_gradient_fails() {
        let mut file = squares();
        file.cases[0].grad.get_mut("x").unwrap().data[1] = 4.001;
        assert_eq!(misses(&file), ["d x"]);
        let mut file = squares();
        file.cases[0].grad.get_mut("x@half").unwrap().data[0] = -1.0;
        assert_eq!(misses(&file), ["d x@half"]);
    }

    #[test]
    fn what_a_claim_does_not_compute_fails() {
        let mut file = squares();
        file.cases[0].expected.insert("third".into(), Array::scalar(1.0));
        file.cases[0].grad.insert("y".into(), Array::scalar(1.0));
        assert_eq!(misses(&file), ["third", "d y"]);
    }

    #[test]
    fn the_tolerance_is_the_files() {
        let want = Array::vector(vec![100.0, 1.0]);
        let share = |got: [f64; 2]| compare(&Array::vector(got.to_vec()), &want, 1e-4, 1e-6);
        assert!(share([100.0, 1.01]).is_hit());
        assert!(!share([100.0, 1.0101]).is_hit());
        assert_eq!(share([f64::NAN, 1.0]), Comparison::NotANumber);
        assert!(!share([f64::INFINITY, 1.0]).is_hit());
        assert!(!compare(&Array::scalar(1.0), &want, 1.0, 1.0).is_hit());
        let exact = Array::scalar(0.0);
        assert!(compare(&exact, &exact, 0.0, 0.0).is_hit());
        assert!(!compare(&Array::scalar(1e-9), &exact, 0.0, 0.0).is_hit());
    }

    #[test]
    fn an_input_used_twice_adds_its_gradients() {
        let file = squares();
        let mut outputs = Outputs::new();
        outputs
            .differentiate(&file.cases[0], "loss", |x| {
                Ok((x.tensor::<1>("x")? * x.tensor::<1>("x")?).sum())
            })
            .unwrap();
        assert_eq!(outputs.gradient("x").unwrap().data, [2.0, 4.0]);
    }
}
