//! Predictions for the target's test rows, for confusion matrices and calibration.

use std::io::{Cursor, Write};
use std::path::Path;

use polars_core::prelude::{
    AnyValue, Column, DataFrame, DataType, NamedFrom, PolarsResult, Schema, Series,
};
use polars_io::prelude::{CsvReadOptions, CsvWriter, SerReader, SerWriter};

use isthmus_core::objective::{PredictionColumn, PredictionValues};

use crate::error::RecordError;

const ROW: &str = "row";
const NAME: &str = "name";
const LABEL: &str = "label";
const PREDICTED: &str = "predicted";
const CONFIDENCE: &str = "confidence";

/// The predicted class of one test row of the target.
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

/// Writes the predictions for samples of these names as CSV; what is not known is empty.
pub(super) fn write(
    names: &[String],
    columns: &[PredictionColumn],
    file: &mut dyn Write,
) -> PolarsResult<()> {
    let rows: Vec<u64> = (0..names.len() as u64).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut table = vec![
        Column::from(Series::new(ROW.into(), rows)),
        Column::from(Series::new(NAME.into(), names.clone())),
    ];
    table.extend(columns.iter().map(column));
    CsvWriter::new(file).finish(&mut DataFrame::new(names.len(), table)?)
}

/// A column of a table.
pub(crate) fn column(column: &PredictionColumn) -> Column {
    let name = column.name.as_str().into();
    Column::from(match &column.values {
        PredictionValues::Classes(values) => Series::new(name, values),
        PredictionValues::Numbers(values) => Series::new(name, values),
        PredictionValues::Texts(values) => Series::new(name, values),
    })
}

/// Reads the predicted classes of `file` from its text; `None` where the predictions are none.
pub(super) fn parse(file: &Path, text: &str) -> Result<Option<Vec<Prediction>>, RecordError> {
    let damaged = |reason: String| RecordError::damaged(file, reason);
    let schema = Schema::from_iter([
        (ROW.into(), DataType::UInt64),
        (NAME.into(), DataType::String),
        (LABEL.into(), DataType::UInt32),
        (PREDICTED.into(), DataType::UInt32),
        (CONFIDENCE.into(), DataType::Float32),
    ]);
    let header = [ROW, NAME, LABEL, PREDICTED, CONFIDENCE].join(",");
    match text.lines().next() {
        Some(found) if found == header => {}
        Some(found) if found.starts_with(&format!("{ROW},{NAME}")) => return Ok(None),
        _ => return Err(damaged(format!("the first line must begin with `{ROW},{NAME}`"))),
    }
    let table = CsvReadOptions::default()
        .with_schema(Some(schema.into()))
        .into_reader_with_file_handle(Cursor::new(text.as_bytes()))
        .finish()
        .map_err(|error| damaged(error.to_string()))?;
    let rows = (0..table.height()).map(|place| {
        prediction(&table, place)
            .ok_or_else(|| damaged(format!("row {place} lacks a value: expected `{header}`")))
    });
    rows.collect::<Result<_, _>>().map(Some)
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
