//! Predictions for the target's test rows, for confusion matrices and calibration.

use std::io::{self, Write};
use std::path::Path;

use crate::error::RecordError;

const HEADER: &str = "row,label,predicted,confidence";

/// The prediction for one test row of the target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Place of the row in the test set.
    pub row: usize,
    /// Its true class.
    pub label: u32,
    /// The predicted class.
    pub predicted: u32,
    /// Probability of the predicted class, in [0, 1].
    pub confidence: f32,
}

/// Writes the rows.
pub(super) fn write(predictions: &[Prediction], file: &mut dyn Write) -> io::Result<()> {
    writeln!(file, "{HEADER}")?;
    for Prediction { row, label, predicted, confidence } in predictions {
        writeln!(file, "{row},{label},{predicted},{confidence:?}")?;
    }
    Ok(())
}

/// Reads the rows of `file` from its text.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Prediction>, RecordError> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(RecordError::damaged(file, format!("the first line must be `{HEADER}`")));
    }
    lines
        .enumerate()
        .map(|(index, line)| {
            prediction(line).ok_or_else(|| {
                let number = index + 2;
                RecordError::damaged(file, format!("line {number} is `{line}`, not `{HEADER}`"))
            })
        })
        .collect()
}

fn prediction(line: &str) -> Option<Prediction> {
    let mut fields = line.split(',');
    let prediction = Prediction {
        row: fields.next()?.parse().ok()?,
        label: fields.next()?.parse().ok()?,
        predicted: fields.next()?.parse().ok()?,
        confidence: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(prediction)
}
