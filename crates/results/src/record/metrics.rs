//! Metrics as tidy rows.

use std::io::{self, Write};
use std::path::Path;

use crate::error::RecordError;

const HEADER: &str = "stage,step,metric,value";

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// Place of the stage, from 0.
    pub stage: usize,
    /// Steps done in this stage.
    pub step: usize,
    /// Name of the metric, e.g. `target_accuracy`.
    pub metric: String,
    /// Its value; accuracies are fractions in [0, 1].
    pub value: f64,
}

/// Checks that a name can stand in the file without quotation.
pub(super) fn check_name(name: &str) -> Result<(), RecordError> {
    let plain = !name.is_empty() && !name.chars().any(|c| matches!(c, ',' | '"') || c.is_control());
    if plain { Ok(()) } else { Err(RecordError::MetricName(name.to_owned())) }
}

/// Writes the rows; a value's text is the shortest that reads back as the same number.
pub(super) fn write(rows: &[MetricRow], file: &mut dyn Write) -> io::Result<()> {
    writeln!(file, "{HEADER}")?;
    for row in rows {
        writeln!(file, "{},{},{},{:?}", row.stage, row.step, row.metric, row.value)?;
    }
    Ok(())
}

/// Reads the rows of `file` from its text.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<MetricRow>, RecordError> {
    let mut rows = Vec::new();
    for_each(file, text, |stage, step, metric, value| {
        rows.push(MetricRow { stage, step, metric: metric.to_owned(), value });
    })?;
    Ok(rows)
}

/// Hands each row of `file` to `visit` from its text: stage, step, metric and value. Tables of
/// many records need no copy of every metric's name.
pub(crate) fn for_each(
    file: &Path,
    text: &str,
    mut visit: impl FnMut(usize, usize, &str, f64),
) -> Result<(), RecordError> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(RecordError::damaged(file, format!("the first line must be `{HEADER}`")));
    }
    for (index, line) in lines.enumerate() {
        let Some((stage, step, metric, value)) = row(line) else {
            let number = index + 2;
            let reason = format!("line {number} is `{line}`, not `{HEADER}`");
            return Err(RecordError::damaged(file, reason));
        };
        visit(stage, step, metric, value);
    }
    Ok(())
}

fn row(line: &str) -> Option<(usize, usize, &str, f64)> {
    let mut fields = line.split(',');
    let row = (
        fields.next()?.parse().ok()?,
        fields.next()?.parse().ok()?,
        fields.next()?,
        fields.next()?.parse().ok()?,
    );
    fields.next().is_none().then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_reads_back_bit_for_bit() {
        let values = [0.1, 1.0 / 3.0, 5e-324, f64::MAX, -0.0, f64::INFINITY, f64::NAN];
        let rows: Vec<MetricRow> = values
            .iter()
            .enumerate()
            .map(|(step, &value)| MetricRow { stage: 0, step, metric: "loss".into(), value })
            .collect();
        let mut text = Vec::new();
        write(&rows, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("0,0,loss,0.1\n"), "{text}");
        let read = parse(Path::new("metrics.csv"), &text).unwrap();
        for (row, value) in read.iter().zip(values) {
            assert_eq!(row.value.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn a_damaged_line_is_named() {
        let text = "stage,step,metric,value\n0,1,loss,0.5\n0,2,lo";
        let error = parse(Path::new("metrics.csv"), text).unwrap_err().to_string();
        assert_eq!(
            error,
            "metrics.csv is damaged: line 3 is `0,2,lo`, not `stage,step,metric,value`"
        );
    }

    #[test]
    fn names_that_would_break_the_file_are_refused() {
        check_name("target_accuracy").unwrap();
        for name in ["", "a,b", "a\nb", "\""] {
            assert!(matches!(check_name(name), Err(RecordError::MetricName(_))), "{name:?}");
        }
    }
}
