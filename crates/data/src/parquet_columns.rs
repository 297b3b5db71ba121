//! Parquet files of columns.

use std::io::Cursor;
use std::path::Path;

use isthmus_core::error::DataError;
use polars_core::prelude::{ArrowDataType, DataType, PolarsError, Series};
use polars_io::SerReader;
use polars_io::parquet::read::{ParallelStrategy, ParquetReader};

use crate::archive::{FETCH_AGAIN, SMALLEST_SHARE};
use crate::columns::{Cells, Columns, TableFile};
use crate::problem;

/// What files of this kind begin and end with.
pub(crate) const BEGINNING: &[u8] = b"PAR1";

/// How pandas names the numbers of rows that it writes as a column.
const INDEX: &str = "__index_level_";

/// Adds the columns of a file: numbers of any width and truth values as numbers, texts and categories
/// as texts.
///
/// # Errors
/// If it cannot be read, or has another number of rows than those before.
pub(crate) fn append(columns: &mut Columns, path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    // The library asserts what damaged files do not keep to.
    let read = std::panic::catch_unwind(|| read(path, bytes));
    let (rows, own) = read.unwrap_or_else(|_| {
        let what = format!("cannot be read as Parquet (it contradicts itself): {FETCH_AGAIN}");
        Err(problem::file(path, what))
    })?;
    columns.append(TableFile { path: path.to_owned(), lines: None }, rows, own)
}

/// The number of rows, and the columns with their names.
type Table = (usize, Vec<(Option<String>, Cells)>);

fn read(path: &Path, bytes: &[u8]) -> Result<Table, DataError> {
    let failed = |error: PolarsError| {
        problem::file(path, format!("cannot be read as Parquet ({error}): {FETCH_AGAIN}"))
    };
    let size = bytes.len() as u64;
    let mut reader = ParquetReader::new(Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
    let rows = reader.num_rows().map_err(failed)?;
    // Rows that are all alike take almost no place, but not none.
    if rows as u64 > size.saturating_mul(SMALLEST_SHARE) {
        return Err(problem::file(
            path,
            format!("states {rows} rows, more than its {size} bytes can hold: {FETCH_AGAIN}"),
        ));
    }
    let schema = reader.schema().map_err(failed)?;
    let fields = || schema.iter_values().enumerate();
    let read = fields().filter(|(_, field)| is_read(&field.dtype)).map(|(place, _)| place);
    let read: Vec<usize> = read.collect();
    let frame = match read.as_slice() {
        [] => None,
        _ => Some(reader.with_projection(Some(read)).finish().map_err(failed)?),
    };
    let mut own = Vec::new();
    for (_, field) in fields().filter(|(_, field)| !field.name.starts_with(INDEX)) {
        let name = field.name.to_string();
        let column = frame.as_ref().filter(|_| is_read(&field.dtype)).map(|it| it.column(&name));
        let cells = match column {
            Some(column) => {
                cells(column.map_err(failed)?.as_materialized_series()).map_err(failed)?
            }
            None => Cells::Other(format!("values of the type {:?}", field.dtype)),
        };
        own.push((Some(name), cells));
    }
    Ok((rows, own))
}

/// Whether values of a type are numbers, truth values or texts.
fn is_read(kind: &ArrowDataType) -> bool {
    use ArrowDataType as Kind;
    match kind {
        Kind::Dictionary(_, values, _) => is_read(values),
        Kind::Boolean
        | Kind::Int8
        | Kind::Int16
        | Kind::Int32
        | Kind::Int64
        | Kind::UInt8
        | Kind::UInt16
        | Kind::UInt32
        | Kind::UInt64
        | Kind::Float32
        | Kind::Float64
        | Kind::Utf8
        | Kind::LargeUtf8
        | Kind::Utf8View => true,
        _ => false,
    }
}

fn cells(series: &Series) -> Result<Cells, PolarsError> {
    let dtype = series.dtype();
    if dtype.is_primitive_numeric() || dtype.is_bool() {
        let numbers = series.cast(&DataType::Float64)?;
        let numbers = numbers.f64()?.iter().map(|it| it.filter(|number| !number.is_nan()));
        return Ok(Cells::Numbers(numbers.collect()));
    }
    if dtype.is_string() || dtype.is_categorical() {
        let texts = series.cast(&DataType::String)?;
        let text = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
        return Ok(Cells::Texts(texts.str()?.iter().map(text).collect()));
    }
    Ok(Cells::Other(format!("values of the type {dtype}")))
}
