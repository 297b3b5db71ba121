//! Columns of numbers in tables.

/// The class of the head of a column of numbers.
pub(super) fn number_column<T: AsRef<str>>(
    place: usize,
    mut cells: impl Iterator<Item = T>,
) -> Option<&'static str> {
    (place > 0 && cells.all(|cell| is_number(cell.as_ref()))).then_some("number")
}

/// Whether a cell belongs to the right edge of its column.
pub(super) fn is_number(text: &str) -> bool {
    text == "–" || text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
}
