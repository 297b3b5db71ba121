//! Shows tables: on a terminal, as CSV, Parquet, Markdown or LaTeX, in a file or on standard
//! output.
//!
//! CSV and Parquet hold the numbers as they are, accuracies as fractions with all digits, one line
//! a cell. The other forms are for people: accuracies in percent with one decimal, other metrics
//! with four; `–` where there is no run; the best value of each task in bold, upper bounds apart
//! and never the best; `†` where a choice predicts few classes.

mod cells;
mod csv;
mod grid;
mod latex;
mod markdown;
mod methods;
mod names;
mod plain;
mod predictions;
mod runs;
mod terminal;
mod tidy;
mod validators;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use markdown::escaped as markdown_text;
pub use predictions::PredictedSamples;
pub use runs::runs_csv;
pub use terminal::TerminalOptions;

use polars_core::prelude::PolarsResult;

use self::grid::Grid;
use crate::compare::Comparison;
use crate::error::RecordError;
use crate::methods::MethodTable;
use crate::record::write_atomically;
use crate::validators::ValidatorTables;

/// A form in which a comparison is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Terminal(TerminalOptions),
    /// Comma-separated values, RFC 4180: one line a cell.
    Csv,
    /// A Markdown table.
    Markdown,
    /// A LaTeX `tabular` with rules of the package `booktabs`.
    Latex,
}

/// Where a text goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    StandardOutput,
    /// A file.
    File(PathBuf),
}

impl From<&str> for Destination {
    /// `-` is standard output, anything else a file.
    fn from(text: &str) -> Self {
        if text == "-" { Self::StandardOutput } else { Self::File(PathBuf::from(text)) }
    }
}

impl Comparison {
    /// The comparison as text.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Csv => tidy::csv(self),
            text => shown(&cells::grids(self), &self.notes, text),
        }
    }

    /// The comparison as a Parquet file: the rows and columns of its CSV form.
    ///
    /// # Errors
    /// If polars fails.
    pub fn parquet(&self) -> PolarsResult<Vec<u8>> {
        tidy::parquet(self)
    }
}

impl MethodTable {
    /// The table and what its columns are, as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(&[methods::grid(self)], &methods::notes(self))
    }
}

impl ValidatorTables {
    /// The tables as text.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Csv => validators::csv(self),
            text => shown(&validators::grids(self), &self.notes, text),
        }
    }
}

/// Tables in a form for people; CSV has no such form and is written elsewhere.
fn shown(grids: &[Grid], notes: &[String], format: Format) -> String {
    match format {
        Format::Terminal(options) => terminal::render(grids, notes, options),
        Format::Latex => latex::render(grids, notes),
        Format::Markdown | Format::Csv => markdown::render(grids, notes),
    }
}

/// Writes a text. A file appears complete or not at all, and an earlier one stays if that fails;
/// a reader of standard output that has seen enough (`| head`) is no error.
///
/// # Errors
/// If the destination cannot be written.
pub fn write_text(destination: &Destination, text: &str) -> Result<(), RecordError> {
    write_bytes(destination, text.as_bytes())
}

/// Writes bytes, as [`write_text`] does text.
///
/// # Errors
/// If the destination cannot be written.
pub fn write_bytes(destination: &Destination, bytes: &[u8]) -> Result<(), RecordError> {
    match destination {
        Destination::StandardOutput => {
            let mut output = io::stdout().lock();
            match output.write_all(bytes).and_then(|()| output.flush()) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    Err(RecordError::io("cannot write", Path::new("standard output"))(error))
                }
                _ => Ok(()),
            }
        }
        Destination::File(path) => write_file(path, bytes),
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    match fs::metadata(path) {
        // A device or a pipe must be written to, not replaced by a file.
        Ok(there) if !there.is_file() => {
            fs::write(path, bytes).map_err(RecordError::io("cannot write", path))
        }
        // A link keeps pointing where it did.
        Ok(_) => {
            let path = fs::canonicalize(path).map_err(RecordError::io("cannot write", path))?;
            write_atomically(&path, |file| file.write_all(bytes)).map(|_| ())
        }
        Err(_) => write_atomically(path, |file| file.write_all(bytes)).map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/table.csv");
        let error = write_text(&Destination::File(path.clone()), "x").unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {}: ", path.display())), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_devices_are_not_replaced() {
        let error = write_text(&Destination::from("/dev/full"), "x").unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: No space left"), "{error}");
        write_text(&Destination::from("/dev/null"), "x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "earlier").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_text(&Destination::File(link.clone()), "later").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "later");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
