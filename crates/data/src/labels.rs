//! From an array of labels to classes.

use std::collections::BTreeSet;

use isthmus_core::error::DataError;
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::Matrix;
use unicode_normalization::UnicodeNormalization;

use crate::array::Array;
use crate::problem;

/// The mark of a sample without a label that data sets commonly use.
pub(crate) const UNLABELLED: i64 = -1;

/// What samples are to be predicted as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadTargets {
    /// The target of each sample that has one.
    pub targets: RowTargets,
    /// The names of the classes, where the labels are texts.
    pub names: Option<Vec<String>>,
}

/// The classes of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    /// The class of each sample that has one.
    pub classes: Vec<Option<u32>>,
    /// The names of the classes, where the labels are texts.
    pub names: Option<Vec<String>>,
}

/// A class's name in the one form that it is compared in: `é` may be one character or two, and
/// file systems differ in which they keep.
pub(crate) fn class_name(name: &str) -> String {
    name.nfc().collect()
}

/// Labels as classes: whole numbers from `first` on, in integers or floats, or texts, which are
/// the classes' names. -1 (unless classes begin there), NaN and empty texts mark samples without a
/// label.
pub(crate) fn labels(array: &Array, first: i64, rows: usize) -> Result<Labels, DataError> {
    let header = &array.header;
    // One column is as good as a vector.
    if header.shape.iter().filter(|&&size| size != 1).count() > 1 {
        return Err(header.fail(format!(
            "labels have shape {:?}; expected [rows]; one column a class becomes numbers by \
             `y.argmax(1)`",
            header.shape
        )));
    }
    let found: usize = header.shape.iter().product();
    if found != rows {
        return Err(header
            .fail(format!("has {found} labels for {rows} samples; both must be of one length")));
    }
    if header.is_text() { of_texts(array) } else { of_numbers(array, first) }
}

/// The targets of `rows` samples, of the given kind; `first` is the number of the first class.
///
/// - Classes: as of [`labels`].
/// - Labels: `[rows, classes]`, 1 where a sample has the class, 0 where it has not.
/// - Values: `[rows]` or `[rows, values]`.
/// - Sequences: `[rows, longest]`, numbers from `first` on, -1 after the end of each.
///
/// Rows that hold NaN have no target; nor have empty sequences.
pub(crate) fn targets(
    array: &Array,
    kind: TargetKind,
    first: i64,
    rows: usize,
) -> Result<ReadTargets, DataError> {
    let header = &array.header;
    if kind == TargetKind::Classes {
        let Labels { classes, names } = labels(array, first, rows)?;
        return Ok(ReadTargets { targets: RowTargets::of_classes(&classes), names });
    }
    if header.is_text() {
        return Err(header.fail(format!("holds texts; {kind} are numbers")));
    }
    let columns = match *header.shape.as_slice() {
        [found] if kind == TargetKind::Values && found == rows => 1,
        [found, columns] if found == rows && columns > 0 => columns,
        _ => {
            return Err(header.fail(format!(
                "{kind} have shape {:?}; expected [{rows}, columns], one row a sample",
                header.shape
            )));
        }
    };
    let targets = match kind {
        TargetKind::Sequences => sequences(array, first, rows, columns)?,
        _ => columns_of(array, kind, rows, columns)?,
    };
    Ok(ReadTargets { targets, names: None })
}

fn columns_of(
    array: &Array,
    kind: TargetKind,
    rows: usize,
    columns: usize,
) -> Result<RowTargets, DataError> {
    let matrix = Matrix::new(rows, columns, array.floats()?);
    let has_target = |row: &usize| !matrix.row(*row).iter().any(|value| value.is_nan());
    let known: Vec<usize> = (0..rows).filter(has_target).collect();
    let wrong = |value: &f32| match kind {
        TargetKind::Labels => *value != 0.0 && *value != 1.0,
        _ => !value.is_finite(),
    };
    for &row in &known {
        if let Some(column) = matrix.row(row).iter().position(wrong) {
            let expected = if kind == TargetKind::Labels { "0 or 1" } else { "a finite number" };
            return Err(array.header.fail(format!(
                "row {row}, column {column} (counted from 0) is {}; expected {expected}",
                matrix.row(row)[column]
            )));
        }
    }
    let matrix = matrix.select(&known);
    let targets = match kind {
        TargetKind::Labels => Targets::Labels(matrix),
        _ => Targets::Values(matrix),
    };
    Ok(RowTargets::some(rows, known, targets))
}

fn sequences(
    array: &Array,
    first: i64,
    rows: usize,
    columns: usize,
) -> Result<RowTargets, DataError> {
    let values = array.integers()?;
    let mut known = Vec::new();
    let mut all = Vec::new();
    for row in 0..rows {
        let values = &values[row * columns..(row + 1) * columns];
        let ended = |value: &Option<i64>| value.is_none_or(|value| value == UNLABELLED);
        let length = values.iter().position(ended).unwrap_or(columns);
        if let Some(after) = values[length..].iter().position(|value| !ended(value)) {
            return Err(array.header.fail(format!(
                "row {row} goes on after its end: position {} follows a -1",
                length + after
            )));
        }
        let symbol = |value: &Option<i64>| {
            let number = value.unwrap_or(UNLABELLED).saturating_sub(first);
            u32::try_from(number).map_err(|_| {
                array.header.fail(format!(
                    "row {row}: {} is not a symbol's number from {first} on",
                    value.unwrap_or(UNLABELLED)
                ))
            })
        };
        let sequence = values[..length].iter().map(symbol).collect::<Result<Vec<u32>, _>>()?;
        if !sequence.is_empty() {
            known.push(row);
            all.push(sequence);
        }
    }
    Ok(RowTargets::some(rows, known, Targets::Sequences(all)))
}

fn of_texts(array: &Array) -> Result<Labels, DataError> {
    Ok(named(array.texts()?.iter().map(|text| text.trim())))
}

/// Classes named by texts, in alphabetical order; an empty text is no class.
pub(crate) fn named<'t>(texts: impl IntoIterator<Item = &'t str>) -> Labels {
    let texts: Vec<String> = texts.into_iter().map(class_name).collect();
    let names: BTreeSet<&String> = texts.iter().filter(|text| !text.is_empty()).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let class = |text| names.binary_search(text).ok().map(|place| place as u32);
    Labels { classes: texts.iter().map(class).collect(), names: Some(names) }
}

fn of_numbers(array: &Array, first: i64) -> Result<Labels, DataError> {
    let values = array.integers()?;
    let labelled = |value: &i64| *value != UNLABELLED || first <= UNLABELLED;
    let values: Vec<Option<i64>> = values.into_iter().map(|value| value.filter(labelled)).collect();
    let class = |(row, value): (usize, &Option<i64>)| {
        let Some(value) = *value else { return Ok(None) };
        u32::try_from(value.saturating_sub(first)).map(Some).map_err(|_| {
            array.header.fail(format!(
                "row {row}: label {value} is not a class number from {first} on{}",
                advice(values.iter().flatten().copied())
            ))
        })
    };
    let classes = values.iter().enumerate().map(class).collect::<Result<_, _>>()?;
    Ok(Labels { classes, names: None })
}

/// What to do about labels that begin elsewhere than at `first_label`.
fn advice(values: impl Iterator<Item = i64>) -> String {
    let values: BTreeSet<i64> = values.collect();
    match (values.first(), values.last()) {
        (Some(&smallest), Some(&largest)) if values.len() as i64 == largest - smallest + 1 => {
            format!("; the labels are {smallest} to {largest}: set `first_label = {smallest}`")
        }
        _ => format!(
            "; the labels are {}: number the classes from 0 without gaps, or store their names as \
             texts",
            problem::some_of(values.iter().map(i64::to_string))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy;

    fn of(
        descr: &str,
        shape: &[usize],
        data: &[u8],
        first: i64,
        rows: usize,
    ) -> Result<Labels, String> {
        let array = npy::parse(npy::encode(descr, shape, false, data), "y.npy".to_owned()).unwrap();
        labels(&array, first, rows).map_err(|error| error.to_string())
    }

    fn of_i4(values: &[i32], first: i64) -> Result<Vec<u32>, String> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let labels = of("<i4", &[values.len()], &data, first, values.len())?;
        Ok(labels.classes.into_iter().flatten().collect())
    }

    #[test]
    fn labels_are_counted_from_the_first_class() {
        assert_eq!(of_i4(&[1, 2, 10], 1).unwrap(), [0, 1, 9]);
        let column = of("<i4", &[2, 1], &[1, 0, 0, 0, 2, 0, 0, 0], 0, 2).unwrap();
        assert_eq!(column.classes, [Some(1), Some(2)]);
        let error = of("|u1", &[2], &[1, 2], 1, 4).unwrap_err();
        assert!(error.contains("2 labels for 4 samples"), "{error}");
        let error = of("|u1", &[2, 3], &[0; 6], 0, 2).unwrap_err();
        assert!(error.contains("labels have shape [2, 3]"), "{error}");
    }

    #[test]
    fn the_first_label_is_named_only_where_it_helps() {
        let error = of_i4(&[1, 2, 3], 2).unwrap_err();
        assert!(error.contains("row 0: label 1 is not a class number from 2 on"), "{error}");
        assert!(error.contains("set `first_label = 1`"), "{error}");
        let error = of_i4(&[-7, 5, 9], 0).unwrap_err();
        assert!(
            error.contains("the labels are -7, 5, 9") && !error.contains("first_label"),
            "{error}"
        );
    }

    #[test]
    fn marked_samples_have_no_label() {
        let data: Vec<u8> = [0i32, -1, 2].iter().flat_map(|it| it.to_le_bytes()).collect();
        assert_eq!(of("<i4", &[3], &data, 0, 3).unwrap().classes, [Some(0), None, Some(2)]);
        let nan: Vec<u8> = [0.0f64, f64::NAN].iter().flat_map(|it| it.to_le_bytes()).collect();
        assert_eq!(of("<f8", &[2], &nan, 0, 2).unwrap().classes, [Some(0), None]);
        let texts = of("|S1", &[2], b"a\0", 0, 2).unwrap();
        assert_eq!((texts.classes, texts.names.unwrap()), (vec![Some(0), None], vec!["a".into()]));
        // Where classes are said to begin there, -1 is one.
        assert_eq!(of_i4(&[-1, 0], -1).unwrap(), [0, 1]);
    }

    #[test]
    fn whole_floats_and_texts_are_labels() {
        let floats: Vec<u8> = [2.0f64, 0.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        assert_eq!(of("<f8", &[2], &floats, 0, 2).unwrap().classes, [Some(2), Some(0)]);
        let texts = of("|S4", &[3], b"dog\0cat\0dog\0", 0, 3).unwrap();
        assert_eq!(texts.classes, [Some(1), Some(0), Some(1)]);
        assert_eq!(texts.names.unwrap(), ["cat", "dog"]);
    }

    fn targets_of(kind: TargetKind, shape: &[usize], values: &[f32]) -> Result<RowTargets, String> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let array = npy::parse(npy::encode("<f4", shape, false, &data), "y.npy".to_owned());
        let read = targets(&array.unwrap(), kind, 0, shape[0]);
        read.map(|read| read.targets).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_and_sets_of_classes_are_read_row_by_row() {
        let values = targets_of(TargetKind::Values, &[3], &[1.5, f32::NAN, -2.0]).unwrap();
        assert_eq!(values.known(), [0, 2]);
        assert_eq!(*values.targets(), Targets::Values(Matrix::new(2, 1, vec![1.5, -2.0])));
        let sets = targets_of(TargetKind::Labels, &[2, 2], &[0.0, 1.0, 1.0, 1.0]).unwrap();
        assert!(sets.is_complete());
        let error = targets_of(TargetKind::Labels, &[1, 2], &[0.0, 0.5]).unwrap_err();
        assert!(error.contains("row 0, column 1 (counted from 0) is 0.5; expected 0 or 1"));
        let error = targets_of(TargetKind::Values, &[1, 1, 2], &[0.0, 0.5]).unwrap_err();
        assert!(error.contains("numbers have shape [1, 1, 2]; expected [1, columns]"), "{error}");
    }

    #[test]
    fn sequences_end_at_the_first_mark() {
        let rows = [3.0, 1.0, -1.0, 2.0, -1.0, -1.0, -1.0, -1.0, -1.0];
        let read = targets_of(TargetKind::Sequences, &[3, 3], &rows).unwrap();
        assert_eq!(read.known(), [0, 1]);
        assert_eq!(*read.targets(), Targets::Sequences(vec![vec![3, 1], vec![2]]));
        let error = targets_of(TargetKind::Sequences, &[1, 3], &[1.0, -1.0, 2.0]).unwrap_err();
        assert!(error.contains("row 0 goes on after its end: position 2"), "{error}");
    }

    #[test]
    fn a_name_has_one_form() {
        assert_eq!(class_name("cafe\u{301}"), class_name("caf\u{e9}"));
        let decomposed = "e\u{301}";
        let data = format!("\u{e9}\0{decomposed}");
        let labels = of("|S3", &[2], data.as_bytes(), 0, 2).unwrap();
        assert_eq!(labels.names.unwrap().len(), 1);
    }
}
