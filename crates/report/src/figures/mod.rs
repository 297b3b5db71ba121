//! The figures, one file a kind.

mod chart;
mod confusion;
mod curves;
mod features;
mod heatmap;
mod matrix;
mod setting;
mod validators;

use std::fmt;
use std::str::FromStr;

use crate::error::ReportError;
use crate::figure::Figure;
use crate::results::{PlotOptions, Results};

pub(crate) use features::keeps_features;
pub(crate) use validators::validator_names;

/// The kinds of figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// A metric by training step, mean and standard deviation over seeds, a panel a task.
    Curves,
    /// The metric against the scores of validators, a panel a validator.
    Validators,
    /// The final metric of all pairs of domains, a panel a method.
    Matrix,
    /// Predicted against true classes of the target, a panel a method.
    Confusion,
    /// Features of source and target in the plane, before and after adaptation, a row a method.
    Features,
    /// The final metric by the values of a sweep's setting, a panel a task.
    Setting,
}

impl FigureKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Curves,
        Self::Validators,
        Self::Matrix,
        Self::Confusion,
        Self::Features,
        Self::Setting,
    ];

    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curves => "curves",
            Self::Validators => "validators",
            Self::Matrix => "matrix",
            Self::Confusion => "confusion",
            Self::Features => "features",
            Self::Setting => "setting",
        }
    }
}

impl fmt::Display for FigureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FigureKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is not one of {names}")
        })
    }
}

/// Draws one figure.
///
/// # Errors
/// If the options name a method, task or metric that no run has, if the records lack what the
/// figure shows, or if a record cannot be read.
pub fn plot(
    results: &Results,
    kind: FigureKind,
    options: &PlotOptions,
) -> Result<Figure, ReportError> {
    match kind {
        FigureKind::Curves => curves::draw(results, options),
        FigureKind::Validators => validators::draw(results, options),
        FigureKind::Matrix => matrix::draw(results, options),
        FigureKind::Confusion => confusion::draw(results, options),
        FigureKind::Features => features::draw(results, options),
        FigureKind::Setting => setting::draw(results, options),
    }
}

/// `1 run`, `2 runs`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_by_name() {
        for kind in FigureKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!(
            "pie".parse::<FigureKind>(),
            Err("`pie` is not one of curves, validators, matrix, confusion, features, setting"
                .to_owned())
        );
    }
}
