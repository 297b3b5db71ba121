//! Text files of columns, one beside the other.

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;

use crate::problem;

/// The columns of some files, as texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextColumns {
    columns: Vec<TextColumn>,
    rows: usize,
    /// The line of each row, in its file.
    lines: Vec<u64>,
}

#[derive(Clone, Debug)]
struct TextColumn {
    file: PathBuf,
    name: String,
    texts: Vec<String>,
}

impl TextColumns {
    /// Adds the columns of a file, its texts without the space around them; lines of empty texts are
    /// left out.
    ///
    /// # Errors
    /// If it is no table, or has another number of rows than those before.
    pub fn append(
        &mut self,
        path: &Path,
        bytes: &[u8],
        separator: u8,
        header: bool,
    ) -> Result<(), DataError> {
        let mut records = records(path, bytes, separator)?.into_iter();
        let names = if header { records.next().map(|(_, names)| names) } else { None };
        let first = self.columns.len();
        let mut lines = Vec::new();
        let mut width = names.as_ref().map(Vec::len);
        for (line, texts) in records {
            let expected = *width.get_or_insert(texts.len());
            if texts.len() != expected {
                let what = format!("has {} columns, the lines before have {expected}", texts.len());
                return Err(problem::inside(path, format!("line {line}"), what));
            }
            if lines.is_empty() {
                self.columns.extend((0..expected).map(|column| TextColumn {
                    file: path.to_owned(),
                    name: match &names {
                        Some(names) => names[column].clone(),
                        None => (first + column).to_string(),
                    },
                    texts: Vec::new(),
                }));
            }
            lines.push(line);
            for (column, text) in self.columns[first..].iter_mut().zip(texts) {
                column.texts.push(text);
            }
        }
        if lines.is_empty() {
            return Err(problem::file(path, "has no rows"));
        }
        if first > 0 && lines.len() != self.rows {
            return Err(problem::file(
                path,
                format!("has {} rows, `{}` has {}", lines.len(), self.first_file(), self.rows),
            ));
        }
        if first == 0 {
            (self.rows, self.lines) = (lines.len(), lines);
        }
        Ok(())
    }

    fn first_file(&self) -> String {
        self.columns.first().map_or(String::new(), |it| it.file.display().to_string())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> &str {
        &self.columns[column].name
    }

    /// Where the named columns are; `field` names them in the descriptor.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn places(&self, names: &[String], field: &str) -> Result<Vec<usize>, DataError> {
        let place = |name: &String| {
            self.columns.iter().position(|column| column.name == *name).ok_or_else(|| {
                let known = || self.columns.iter().map(|column| column.name.as_str());
                problem::file(
                    self.first_file(),
                    format!(
                        "`{field}` names `{}`, which is no column{}; there are {}",
                        problem::shown(name),
                        problem::suggestion(name, known()),
                        problem::some_of(known()),
                    ),
                )
            })
        };
        names.iter().map(place).collect()
    }

    /// The texts of a column.
    pub fn texts(&self, column: usize) -> Vec<&str> {
        self.columns[column].texts.iter().map(String::as_str).collect()
    }

    /// The numbers of a column; absent where it is empty or NaN.
    ///
    /// # Errors
    /// If a text is no finite number.
    pub fn numbers(&self, column: usize) -> Result<Vec<Option<f64>>, DataError> {
        let number = |(row, text): (usize, &String)| match text.parse::<f64>() {
            _ if text.is_empty() => Ok(None),
            Ok(number) if number.is_nan() => Ok(None),
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => {
                let text = problem::shown(text);
                Err(self.fail(row, column, &format!("is `{text}`, expected a finite number")))
            }
        };
        self.columns[column].texts.iter().enumerate().map(number).collect()
    }

    /// An error about a value.
    pub fn fail(&self, row: usize, column: usize, what: &str) -> DataError {
        let TextColumn { file, name, .. } = &self.columns[column];
        let part = format!("line {}, column `{}`", self.lines[row], problem::shown(name));
        problem::inside(file, part, what)
    }
}

/// The fields of each record and the line on which it begins.
fn records(path: &Path, bytes: &[u8], separator: u8) -> Result<Vec<(u64, Vec<String>)>, DataError> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(separator).build();
    // No field is longer than the file, and none has fewer than one byte and its separator.
    let (mut output, mut ends) = (vec![0; bytes.len() + 1], vec![0; bytes.len() + 1]);
    let mut rest = bytes;
    let mut found = Vec::new();
    loop {
        let line = reader.line();
        let (result, read, _, fields) = reader.read_record(rest, &mut output, &mut ends);
        rest = &rest[read..];
        match result {
            csv_core::ReadRecordResult::Record => {
                let mut start = 0;
                let texts = ends[..fields].iter().map(|&end| {
                    let field = &output[start..end];
                    start = end;
                    std::str::from_utf8(field).map(|text| text.trim().to_owned()).map_err(|_| {
                        problem::inside(path, format!("line {line}"), "is not text in UTF-8")
                    })
                });
                let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
                // An empty line is no record.
                if texts.iter().any(|text| !text.is_empty()) {
                    found.push((line, texts));
                }
            }
            csv_core::ReadRecordResult::End => return Ok(found),
            // All of the file is given at once: an empty rest says that it has ended.
            csv_core::ReadRecordResult::InputEmpty => {}
            csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull => {
                return Err(problem::file(path, "has a record that is longer than the file"));
            }
        }
    }
}
