//! Text files of columns (CSV and its kin).

use std::path::Path;

use isthmus_core::error::DataError;

use crate::columns::{Cells, Columns, TableFile};
use crate::problem;

/// Adds the columns of a file, its texts without the space around them; lines of empty texts are left
/// out. With `header`, the first line names the columns.
///
/// # Errors
/// If it is no table, or has another number of rows than those before.
pub(crate) fn append(
    columns: &mut Columns,
    path: &Path,
    bytes: &[u8],
    separator: u8,
    header: bool,
) -> Result<(), DataError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut records = records(path, bytes, separator)?.into_iter();
    let names = if header { records.next().map(|(_, names)| names) } else { None };
    let mut lines = Vec::new();
    let mut width = names.as_ref().map(Vec::len);
    let mut texts: Vec<Vec<String>> = Vec::new();
    for (line, fields) in records {
        let expected = *width.get_or_insert(fields.len());
        if fields.len() != expected {
            let what = format!("has {} columns, the lines before have {expected}", fields.len());
            return Err(problem::inside(path, format!("line {line}"), what));
        }
        texts.resize(expected, Vec::new());
        lines.push(line);
        for (column, text) in texts.iter_mut().zip(fields) {
            column.push(text);
        }
    }
    let mut names = names.into_iter().flatten();
    let own = texts.into_iter().map(|texts| (names.next(), Cells::Texts(texts))).collect();
    let rows = lines.len();
    columns.append(TableFile { path: path.to_owned(), lines: Some(lines) }, rows, own)
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
