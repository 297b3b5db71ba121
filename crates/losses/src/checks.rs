//! Shape checks shared by the losses.

use burn::tensor::Tensor;

/// Checks that both domains have the same number of columns and at least `rows` rows each.
#[track_caller]
pub(crate) fn assert_domains(loss: &str, source: &Tensor<2>, target: &Tensor<2>, rows: usize) {
    let [source_rows, source_columns] = source.dims();
    let [target_rows, target_columns] = target.dims();
    assert_eq!(
        source_columns, target_columns,
        "{loss}: source has {source_columns} features and target {target_columns}"
    );
    assert!(
        source_rows >= rows && target_rows >= rows,
        "{loss}: needs at least {rows} rows of each domain, got {source_rows} source and \
         {target_rows} target"
    );
}

/// Checks that both domains have the same number of rows.
#[track_caller]
pub(crate) fn assert_equal_counts(loss: &str, source: &Tensor<2>, target: &Tensor<2>) {
    let [source_rows, _] = source.dims();
    let [target_rows, _] = target.dims();
    assert_eq!(
        source_rows, target_rows,
        "{loss}: needs equally many rows of both domains, got {source_rows} source and \
         {target_rows} target"
    );
}

/// Checks that a matrix has at least one row and one column.
#[track_caller]
pub(crate) fn assert_not_empty(loss: &str, matrix: &Tensor<2>) {
    let [rows, columns] = matrix.dims();
    assert!(
        rows > 0 && columns > 0,
        "{loss}: needs at least one row and one column, got [{rows}, {columns}]"
    );
}
