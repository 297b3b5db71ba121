//! Products of matrices that lie anywhere in memory.

use gemm::Parallelism;

/// Products of fewer multiplications than this stay on one thread: waking another costs more.
const PARALLEL_FROM: usize = 192 * 192 * 192;

/// A matrix seen in a slice: element `(row, column)` is at
/// `row * row_stride + column * column_stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix whose rows lie one after the other.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, [rows, columns], [columns, 1])
    }

    /// A matrix with any steps between rows and between columns.
    ///
    /// # Panics
    /// If an element would lie outside the slice.
    pub(crate) fn strided(values: &'a [f32], shape: [usize; 2], strides: [usize; 2]) -> Self {
        let [rows, columns] = shape;
        let [row_stride, column_stride] = strides;
        assert!(
            rows == 0 || columns == 0 || last(shape, strides) < values.len(),
            "a matrix {shape:?} with strides {strides:?} does not fit into {} values",
            values.len()
        );
        Self { values, rows, columns, row_stride, column_stride }
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The first `count` rows, and the others.
    fn split_rows(self, count: usize) -> (Self, Self) {
        let start = (count * self.row_stride).min(self.values.len());
        let rest = Self { values: &self.values[start..], rows: self.rows - count, ..self };
        (Self { rows: count, ..self }, rest)
    }

    /// The same matrix with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

fn last([rows, columns]: [usize; 2], [row_stride, column_stride]: [usize; 2]) -> usize {
    (rows - 1) * row_stride + (columns - 1) * column_stride
}

/// `left right`, row by row.
pub(crate) fn product(left: Matrix<'_>, right: Matrix<'_>) -> Vec<f32> {
    let size = left.rows * right.columns;
    if left.columns == 0 {
        return vec![0.0; size];
    }
    let mut output = Vec::with_capacity(size);
    let start = output.spare_capacity_mut().as_mut_ptr().cast();
    write(left, right, start, false);
    // SAFETY: the product wrote `size` values into the capacity of at least that many.
    #[expect(unsafe_code, reason = "zeroing the output first is a pass over memory")]
    unsafe {
        output.set_len(size);
    }
    output
}

/// Adds `left right` to `output`, which lies row by row.
///
/// # Panics
/// If `output` has another size than the product.
pub(crate) fn add_product(left: Matrix<'_>, right: Matrix<'_>, output: &mut [f32]) {
    assert_eq!(output.len(), left.rows * right.columns, "the output has the product's size");
    write(left, right, output.as_mut_ptr(), true);
}

/// Overwrites `output`, which lies row by row, with `left right`.
///
/// # Panics
/// If `output` has another size than the product.
pub(crate) fn set_product(left: Matrix<'_>, right: Matrix<'_>, output: &mut [f32]) {
    assert_eq!(output.len(), left.rows * right.columns, "the output has the product's size");
    if left.columns == 0 {
        output.fill(0.0);
    } else {
        write(left, right, output.as_mut_ptr(), false);
    }
}

/// Writes the product row by row from `start` on, where there is room for it.
fn write(left: Matrix<'_>, right: Matrix<'_>, start: *mut f32, add: bool) {
    let output = Output { start, stride: right.columns };
    multiply(left, right, output, add, rayon::current_num_threads());
}

/// Where a product goes: rows `stride` values apart.
#[derive(Clone, Copy)]
struct Output {
    start: *mut f32,
    stride: usize,
}

// SAFETY: threads are given parts of an output that do not overlap, see `multiply`.
#[expect(unsafe_code, reason = "the parts of an output are not slices where columns are divided")]
unsafe impl Send for Output {}

/// Writes the product to `output`, which has room for `left.rows` rows of `right.columns` values.
/// They need not be initialised unless the product is added to them.
///
/// A large product is halved along its longer side until every thread has a part. gemm's own
/// threads share the packing of the operands instead, which at these sizes is slower than one.
fn multiply(left: Matrix<'_>, right: Matrix<'_>, output: Output, add: bool, threads: usize) {
    let (rows, columns) = (left.rows, right.columns);
    if threads < 2 || rows * columns * left.columns < PARALLEL_FROM {
        return multiply_on_one_thread(left, right, output, add);
    }
    let (first, second) = (threads.div_ceil(2), threads / 2);
    let (parts, offset) = if rows >= columns {
        let (top, bottom) = left.split_rows(rows * first / threads);
        ([(top, right), (bottom, right)], top.rows * output.stride)
    } else {
        let (top, bottom) = right.transposed().split_rows(columns * first / threads);
        ([(left, top.transposed()), (left, bottom.transposed())], top.rows)
    };
    let rest = Output { start: output.start.wrapping_add(offset), ..output };
    let [(left, right), (other_left, other_right)] = parts;
    rayon::join(
        move || multiply(left, right, output, add, first),
        move || multiply(other_left, other_right, rest, add, second),
    );
}

fn multiply_on_one_thread(left: Matrix<'_>, right: Matrix<'_>, output: Output, add: bool) {
    assert_eq!(left.columns, right.rows, "the inner extents of a product agree");
    let (rows, columns, inner) = (left.rows, right.columns, left.columns);
    if rows == 0 || columns == 0 || inner == 0 {
        return;
    }
    let stride = |stride: usize| stride as isize;
    // SAFETY: both matrices were checked to lie within their slices when they were made, the
    // callers give `output` room for the whole product, and nobody else reads or writes it.
    #[expect(unsafe_code, reason = "gemm takes pointers")]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            output.start,
            1,
            stride(output.stride),
            add,
            left.values.as_ptr(),
            stride(left.column_stride),
            stride(left.row_stride),
            right.values.as_ptr(),
            stride(right.column_stride),
            stride(right.row_stride),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// `values`, a matrix `[rows, columns]`, with rows and columns exchanged.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    /// Rows that are read together, so that written lines are filled before they leave the cache.
    const BLOCK: usize = 16;
    let mut output = vec![0.0; values.len()];
    for first in (0..rows).step_by(BLOCK) {
        let end = (first + BLOCK).min(rows);
        for column in 0..columns {
            let written = &mut output[column * rows + first..column * rows + end];
            for (row, value) in (first..end).zip(written) {
                *value = values[row * columns + column];
            }
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, normal};

    fn expected(left: Matrix<'_>, right: Matrix<'_>) -> Vec<f32> {
        let at = |matrix: Matrix<'_>, row: usize, column: usize| {
            matrix.values[row * matrix.row_stride + column * matrix.column_stride]
        };
        let mut output = Vec::new();
        for row in 0..left.rows {
            for column in 0..right.columns {
                let terms = (0..left.columns).map(|k| at(left, row, k) * at(right, k, column));
                output.push(terms.sum());
            }
        }
        output
    }

    #[test]
    fn products_of_matrices_and_their_transposes_agree_with_the_definition() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 5, 7), (64, 33, 50), (200, 200, 200)] {
            let (a, b) = (normal(rows * inner, 1), normal(inner * columns, 2));
            let (left, right) = (Matrix::new(&a, rows, inner), Matrix::new(&b, inner, columns));
            let wanted = expected(left, right);
            close(&product(left, right), &wanted, 1e-3);
            let mut sum = vec![1.0; rows * columns];
            add_product(left, right, &mut sum);
            let moved: Vec<f32> = wanted.iter().map(|value| value + 1.0).collect();
            close(&sum, &moved, 1e-3);
            set_product(left, right, &mut sum);
            close(&sum, &wanted, 1e-3);
            let turned = product(right.transposed(), left.transposed());
            close(&transpose(&turned, columns, rows), &wanted, 1e-3);
        }
    }

    #[test]
    fn every_thread_writes_its_own_part() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for (rows, inner, columns) in [(301, 200, 150), (150, 200, 301), (3, 100_000, 31)] {
            let (a, b) = (normal(rows * inner, 1), normal(inner * columns, 2));
            let (left, right) = (Matrix::new(&a, rows, inner), Matrix::new(&b, inner, columns));
            let wanted = expected(left, right);
            close(&pool.install(|| product(left, right)), &wanted, 1e-3);
            let turned = pool.install(|| product(right.transposed(), left.transposed()));
            close(&transpose(&turned, columns, rows), &wanted, 1e-3);
        }
    }

    #[test]
    fn an_empty_inner_extent_gives_zeros() {
        let (left, right) = (Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 3));
        assert_eq!(product(left, right), [0.0; 6]);
        let mut output = [1.0; 6];
        add_product(left, right, &mut output);
        assert_eq!(output, [1.0; 6]);
        set_product(left, right, &mut output);
        assert_eq!(output, [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_matrix_beyond_its_slice_is_refused() {
        Matrix::strided(&[0.0; 5], [2, 2], [4, 2]);
    }
}
