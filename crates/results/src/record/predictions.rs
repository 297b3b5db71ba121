//! Predictions for the target's test rows, for confusion matrices and calibration.

use std::io::{Cursor, Write};
use std::path::Path;

use polars_core::prelude::{
    AnyValue, Column, DataFrame, DataType, NamedFrom, PolarsResult, Schema, Series,
};
use polars_io::prelude::{CsvReadOptions, CsvWriter, SerReader, SerWriter};

use crate::error::RecordError;

const ROW: &str = "row";
const NAME: &str = "name";
const LABEL: &str = "label";
const PREDICTED: &str = "predicted";
const CONFIDENCE: &str = "confidence";

/// The prediction for one test row of the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Place of the row in the test set.
    pub row: usize,
    /// What identifies the sample: the name of its file, else its row in the data set.
    pub name: String,
    /// Its true class, where that is known.
    pub label: Option<u32>,
    /// The predicted class.
    pub predicted: u32,
    /// Probability of the predicted class, in [0, 1].
    pub confidence: f32,
}

/// Writes the rows as CSV; a label that is not known is empty.
pub(super) fn write(predictions: &[Prediction], file: &mut dyn Write) -> PolarsResult<()> {
    let column = |name: &str, series: Series| Column::from(series.with_name(name.into()));
    let rows: Vec<u64> = predictions.iter().map(|it| it.row as u64).collect();
    let names: Vec<&str> = predictions.iter().map(|it| it.name.as_str()).collect();
    let labels: Vec<Option<u32>> = predictions.iter().map(|it| it.label).collect();
    let predicted: Vec<u32> = predictions.iter().map(|it| it.predicted).collect();
    let confidences: Vec<f32> = predictions.iter().map(|it| it.confidence).collect();
    let mut table = DataFrame::new(
        predictions.len(),
        vec![
            column(ROW, Series::new(ROW.into(), rows)),
            column(NAME, Series::new(NAME.into(), names)),
            column(LABEL, Series::new(LABEL.into(), labels)),
            column(PREDICTED, Series::new(PREDICTED.into(), predicted)),
            column(CONFIDENCE, Series::new(CONFIDENCE.into(), confidences)),
        ],
    )?;
    CsvWriter::new(file).finish(&mut table)
}

/// Reads the rows of `file` from its text.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Prediction>, RecordError> {
    let damaged = |reason: String| RecordError::damaged(file, reason);
    let schema = Schema::from_iter([
        (ROW.into(), DataType::UInt64),
        (NAME.into(), DataType::String),
        (LABEL.into(), DataType::UInt32),
        (PREDICTED.into(), DataType::UInt32),
        (CONFIDENCE.into(), DataType::Float32),
    ]);
    let header = [ROW, NAME, LABEL, PREDICTED, CONFIDENCE].join(",");
    if text.lines().next() != Some(header.as_str()) {
        return Err(damaged(format!("the first line must be `{header}`")));
    }
    let table = CsvReadOptions::default()
        .with_schema(Some(schema.into()))
        .into_reader_with_file_handle(Cursor::new(text.as_bytes()))
        .finish()
        .map_err(|error| damaged(error.to_string()))?;
    (0..table.height())
        .map(|place| {
            prediction(&table, place)
                .ok_or_else(|| damaged(format!("row {place} lacks a value: expected `{header}`")))
        })
        .collect()
}

fn prediction(table: &DataFrame, place: usize) -> Option<Prediction> {
    let value = |name: &str| table.column(name).ok()?.get(place).ok();
    Some(Prediction {
        row: value(ROW)?.try_extract().ok()?,
        name: match value(NAME)? {
            AnyValue::Null => String::new(),
            text => text.get_str()?.to_owned(),
        },
        label: match value(LABEL)? {
            AnyValue::Null => None,
            label => Some(label.try_extract().ok()?),
        },
        predicted: value(PREDICTED)?.try_extract().ok()?,
        confidence: value(CONFIDENCE)?.try_extract().ok()?,
    })
}
