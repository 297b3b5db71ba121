//! Predictions for samples, one row each: as CSV, Parquet or JSON lines.

use std::io::Write as _;
use std::path::Path;

use isthmus_core::objective::{PredictionColumn, PredictionValues};
use polars_core::prelude::{Column, DataFrame, NamedFrom, PolarsResult, Series};
use polars_io::prelude::{CsvWriter, ParquetWriter, SerWriter};
use serde_json::{Map, Value};

use super::{Destination, write_bytes};
use crate::error::RecordError;
use crate::record::predictions::column;

/// What a model predicts of some samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictedSamples {
    /// What identifies each sample: the name of its file, else its row.
    pub names: Vec<String>,
    /// What is predicted, one value a sample in each column.
    pub columns: Vec<PredictionColumn>,
}

/// The form of a file, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Csv,
    Parquet,
    JsonLines,
}

impl PredictedSamples {
    /// Writes one row a sample: its name, then the columns.
    /// A file that ends in `.parquet` or `.jsonl` is of that form; anything else is CSV.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, destination: &Destination) -> Result<(), RecordError> {
        let path = match destination {
            Destination::StandardOutput => Path::new("standard output"),
            Destination::File(path) => path,
        };
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let form = match ending.as_str() {
            "parquet" => Form::Parquet,
            "jsonl" | "ndjson" => Form::JsonLines,
            _ => Form::Csv,
        };
        let bytes = match form {
            Form::JsonLines => Ok(self.json_lines()),
            Form::Csv | Form::Parquet => self.table(form),
        };
        let bytes = bytes
            .map_err(|error| RecordError::io("cannot write", path)(std::io::Error::other(error)))?;
        write_bytes(destination, &bytes)
    }

    fn table(&self, form: Form) -> PolarsResult<Vec<u8>> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut columns = vec![Column::from(Series::new("name".into(), names))];
        columns.extend(self.columns.iter().map(column));
        let mut table = DataFrame::new(self.names.len(), columns)?;
        let mut bytes = Vec::new();
        match form {
            Form::Parquet => {
                ParquetWriter::new(&mut bytes).finish(&mut table)?;
            }
            _ => CsvWriter::new(&mut bytes).finish(&mut table)?,
        }
        Ok(bytes)
    }

    fn json_lines(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (row, name) in self.names.iter().enumerate() {
            let mut line = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
            line.extend(self.columns.iter().map(|column| (column.name.clone(), at(column, row))));
            writeln!(bytes, "{}", Value::Object(line)).expect("memory can be written to");
        }
        bytes
    }
}

/// The value of a row.
fn at(column: &PredictionColumn, row: usize) -> Value {
    match &column.values {
        PredictionValues::Classes(values) => values[row].into(),
        // In the digits that the 32 bits need, not in those of the nearest 64.
        PredictionValues::Numbers(values) => {
            values[row].and_then(|value| value.to_string().parse::<f64>().ok()).into()
        }
        PredictionValues::Texts(values) => values[row].clone().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> PredictedSamples {
        let texts = |texts: [&str; 2]| texts.map(|text| Some(text.to_owned())).to_vec();
        PredictedSamples {
            names: vec!["a, \"1\".png".to_owned(), "b".to_owned()],
            columns: vec![
                PredictionColumn::texts("class", texts(["d,og", "cat"])),
                PredictionColumn::numbers("p_cat", vec![Some(0.2), Some(0.5)]),
                PredictionColumn::numbers("p_d,og", vec![Some(0.8), None]),
            ],
        }
    }

    fn written(name: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        predictions().write(&Destination::File(path.clone())).unwrap();
        String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
    }

    #[test]
    fn the_form_follows_the_ending() {
        assert_eq!(
            written("p.csv"),
            "name,class,p_cat,\"p_d,og\"\n\"a, \"\"1\"\".png\",\"d,og\",0.2,0.8\nb,cat,0.5,\n"
        );
        let lines = written("p.jsonl");
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first["class"], "d,og");
        assert_eq!(first["p_cat"], 0.2);
        assert!(written("p.parquet").starts_with("PAR1"));
    }
}
