//! Predictions for samples, one row each: as CSV, Parquet or JSON lines.

use std::io::Write as _;
use std::path::Path;

use polars_core::prelude::{Column, DataFrame, NamedFrom, PolarsResult, Series};
use polars_io::prelude::{CsvWriter, ParquetWriter, SerWriter};
use serde_json::{Map, Value};

use super::{Destination, write_bytes};
use crate::error::RecordError;

/// Begins the name of a column of probabilities; the class's name follows.
const PROBABILITY: &str = "p_";

/// What a model predicts of some samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictedClasses {
    /// What identifies each sample: the name of its file, else its row.
    pub names: Vec<String>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Probability of each class, one list a sample.
    pub probabilities: Vec<Vec<f64>>,
}

/// The form of a file, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Csv,
    Parquet,
    JsonLines,
}

impl PredictedClasses {
    /// Writes one row a sample: its name, the most probable class, the probability of each class.
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

    /// Place of the most probable class; the first of equals.
    fn predicted(probabilities: &[f64]) -> usize {
        let mut best = 0;
        for (class, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[best] {
                best = class;
            }
        }
        best
    }

    fn predicted_names(&self) -> impl Iterator<Item = &str> {
        self.probabilities
            .iter()
            .map(|row| self.classes.get(Self::predicted(row)).map_or("", String::as_str))
    }

    fn table(&self, form: Form) -> PolarsResult<Vec<u8>> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let predicted: Vec<&str> = self.predicted_names().collect();
        let mut columns = vec![
            Column::from(Series::new("name".into(), names)),
            Column::from(Series::new("class".into(), predicted)),
        ];
        for (place, class) in self.classes.iter().enumerate() {
            let values: Vec<f64> = self.probabilities.iter().map(|row| row[place]).collect();
            let name = format!("{PROBABILITY}{class}");
            columns.push(Column::from(Series::new(name.as_str().into(), values)));
        }
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
        let rows = self.names.iter().zip(self.predicted_names()).zip(&self.probabilities);
        for ((name, class), probabilities) in rows {
            let probabilities = self
                .classes
                .iter()
                .zip(probabilities)
                .map(|(class, &probability)| (class.clone(), Value::from(probability)))
                .collect();
            let line = Map::from_iter([
                ("name".to_owned(), Value::from(name.as_str())),
                ("class".to_owned(), Value::from(class)),
                ("probabilities".to_owned(), Value::Object(probabilities)),
            ]);
            writeln!(bytes, "{}", Value::Object(line)).expect("memory can be written to");
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> PredictedClasses {
        PredictedClasses {
            names: vec!["a, \"1\".png".to_owned(), "b".to_owned()],
            classes: vec!["cat".to_owned(), "d,og".to_owned()],
            probabilities: vec![vec![0.25, 0.75], vec![0.5, 0.5]],
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
            "name,class,p_cat,\"p_d,og\"\n\"a, \"\"1\"\".png\",\"d,og\",0.25,0.75\nb,cat,0.5,0.5\n"
        );
        let lines = written("p.jsonl");
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first["class"], "d,og");
        assert_eq!(first["probabilities"]["cat"], 0.25);
        assert!(written("p.parquet").starts_with("PAR1"));
    }
}
