//! The columns of tables, one beside the other, whatever kind of file they are from.

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;

use crate::archive::FETCH_AGAIN;
use crate::problem;

/// The columns of some files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    rows: usize,
    files: Vec<TableFile>,
}

/// A file and where its rows are, for messages.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    /// The file.
    pub path: PathBuf,
    /// The line of each row, in files of text.
    pub lines: Option<Vec<u64>>,
}

/// The values of a column, one a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cells {
    /// Texts, an empty one where there is nothing.
    Texts(Vec<String>),
    /// Numbers; none where there is nothing or NaN.
    Numbers(Vec<Option<f64>>),
    /// What the values are instead: they can be neither.
    Other(String),
}

impl Cells {
    fn len(&self) -> Option<usize> {
        match self {
            Self::Texts(texts) => Some(texts.len()),
            Self::Numbers(numbers) => Some(numbers.len()),
            Self::Other(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Column {
    /// Place of its file.
    file: usize,
    name: String,
    cells: Cells,
}

impl Columns {
    /// Adds the columns of a file of `rows` rows; one without a name is called by its number.
    ///
    /// # Errors
    /// If it has no rows, or another number of rows than those before.
    pub fn append(
        &mut self,
        file: TableFile,
        rows: usize,
        columns: Vec<(Option<String>, Cells)>,
    ) -> Result<(), DataError> {
        let path = &file.path;
        if rows == 0 || columns.is_empty() {
            return Err(problem::file(path, "has no rows"));
        }
        if !self.columns.is_empty() && rows != self.rows {
            return Err(problem::file(
                path,
                format!("has {rows} rows, `{}` has {}", self.first_file().display(), self.rows),
            ));
        }
        self.rows = rows;
        let place = self.files.len();
        self.files.push(file);
        for (name, cells) in columns {
            if let Some(length) = cells.len().filter(|&length| length != rows) {
                let path = &self.files[place].path;
                let what =
                    format!("has a column of {length} values for {rows} rows: {FETCH_AGAIN}");
                return Err(problem::file(path, what));
            }
            let name = name.unwrap_or_else(|| self.columns.len().to_string());
            self.columns.push(Column { file: place, name, cells });
        }
        Ok(())
    }

    /// The first of the files.
    pub fn first_file(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
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

    /// The values of a column.
    pub fn cells(&self, column: usize) -> &Cells {
        &self.columns[column].cells
    }

    /// Where the named columns are; `field` names them in the descriptor.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn places(&self, names: &[String], field: &str) -> Result<Vec<usize>, DataError> {
        let place = |name: &String| {
            self.columns
                .iter()
                .position(|column| column.name == *name)
                .ok_or_else(|| self.no_column(name, field, "is no column"))
        };
        names.iter().map(place).collect()
    }

    /// The columns whose names fit a pattern, in which `*` stands for any characters; in the table's
    /// order, each once.
    ///
    /// # Errors
    /// If a pattern fits none.
    pub fn matching(&self, patterns: &[String], field: &str) -> Result<Vec<usize>, DataError> {
        let mut fitting = vec![false; self.columns.len()];
        for pattern in patterns {
            let mut found = false;
            for (fits, column) in fitting.iter_mut().zip(&self.columns) {
                if fits_pattern(&column.name, pattern) {
                    *fits = true;
                    found = true;
                }
            }
            if !found {
                return Err(self.no_column(pattern, field, "fits no column"));
            }
        }
        Ok((0..self.columns.len()).filter(|&column| fitting[column]).collect())
    }

    fn no_column(&self, name: &str, field: &str, what: &str) -> DataError {
        let known = || self.columns.iter().map(|column| column.name.as_str());
        problem::file(
            self.first_file(),
            format!(
                "`{field}` names `{}`, which {what}{}; there are {}",
                problem::shown(name),
                problem::suggestion(name, known()),
                problem::some_of(known()),
            ),
        )
    }

    /// The values of a column as texts: numbers as they are written, whole ones without a point.
    ///
    /// # Errors
    /// If they are neither texts nor numbers.
    pub fn texts(&self, column: usize) -> Result<Vec<String>, DataError> {
        match self.cells(column) {
            Cells::Texts(texts) => Ok(texts.clone()),
            Cells::Numbers(numbers) => Ok(numbers
                .iter()
                .map(|number| number.map(|number| number.to_string()).unwrap_or_default())
                .collect()),
            Cells::Other(kind) => Err(self.fail_column(column, kind)),
        }
    }

    /// The numbers of a column; absent where it is empty or NaN.
    ///
    /// # Errors
    /// If a value is no finite number.
    pub fn numbers(&self, column: usize) -> Result<Vec<Option<f64>>, DataError> {
        let infinite = |row: usize, value: &str| {
            self.fail(row, column, &format!("is `{value}`, expected a finite number"))
        };
        match self.cells(column) {
            Cells::Texts(texts) => {
                let number = |(row, text): (usize, &String)| match text.parse::<f64>() {
                    _ if text.is_empty() => Ok(None),
                    Ok(number) if number.is_nan() => Ok(None),
                    Ok(number) if number.is_finite() => Ok(Some(number)),
                    _ => Err(infinite(row, &problem::shown(text))),
                };
                texts.iter().enumerate().map(number).collect()
            }
            Cells::Numbers(numbers) => {
                let wrong = |number: &Option<f64>| number.is_some_and(f64::is_infinite);
                match numbers.iter().position(wrong) {
                    Some(row) => Err(infinite(row, "inf")),
                    None => Ok(numbers.clone()),
                }
            }
            Cells::Other(kind) => Err(self.fail_column(column, kind)),
        }
    }

    fn fail_column(&self, column: usize, kind: &str) -> DataError {
        let Column { file, name, .. } = &self.columns[column];
        problem::inside(
            &self.files[*file].path,
            format!("column `{}`", problem::shown(name)),
            format!(
                "holds {kind}; expected numbers or texts: name it in `without` to leave it out"
            ),
        )
    }

    /// An error about a value.
    pub fn fail(&self, row: usize, column: usize, what: &str) -> DataError {
        let Column { file, name, .. } = &self.columns[column];
        let file = &self.files[*file];
        let place = match &file.lines {
            Some(lines) => format!("line {}", lines[row]),
            None => format!("row {row} (counted from 0)"),
        };
        problem::inside(&file.path, format!("{place}, column `{}`", problem::shown(name)), what)
    }
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits_pattern(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_any_characters() {
        for (pattern, fitting, others) in [
            ("f*", vec!["f", "f1", "face"], vec!["of", ""]),
            ("*", vec!["", "a"], vec![]),
            ("x", vec!["x"], vec!["xx", ""]),
            ("a*b*c", vec!["abc", "a-b-b-c"], vec!["acb", "ab"]),
            ("*_mean", vec!["a_mean", "_mean"], vec!["mean", "a_means"]),
            ("aa*aa", vec!["aaaa", "aa-aa"], vec!["aaa"]),
        ] {
            for name in fitting {
                assert!(fits_pattern(name, pattern), "{pattern} {name}");
            }
            for name in others {
                assert!(!fits_pattern(name, pattern), "{pattern} {name}");
            }
        }
    }
}
