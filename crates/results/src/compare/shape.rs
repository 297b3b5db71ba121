//! What the rows and columns of tables are.

use super::Dimension;

/// What rows and columns are.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub rows: Dimension,
    pub columns: Dimension,
}

impl Shape {
    /// Whether each method has a table of its own: rows and columns leave no place for them.
    pub fn has_table_by_method(&self) -> bool {
        let of_shifts = self.rows.is_of_shifts() || self.columns.is_of_shifts();
        of_shifts && !self.shows(&Dimension::Method)
    }

    pub fn shows(&self, dimension: &Dimension) -> bool {
        self.rows == *dimension || self.columns == *dimension
    }
}
