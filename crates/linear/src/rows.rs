//! Matrices of 64-bit numbers, and the few operations that scores are made of.

use burn::tensor::{DType, Device, Tensor, TensorData};
use isthmus_core::validation::Matrix;

use crate::error::LinearError;

/// Numbers in rows, in 64-bit arithmetic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    columns: usize,
    count: usize,
    values: Vec<f64>,
}

impl From<&Matrix> for Rows {
    fn from(matrix: &Matrix) -> Self {
        Self {
            columns: matrix.columns(),
            count: matrix.rows(),
            values: matrix.values().iter().map(|&value| f64::from(value)).collect(),
        }
    }
}

impl From<&Rows> for Matrix {
    fn from(rows: &Rows) -> Self {
        let values = rows.values.iter().map(|&value| value as f32).collect();
        Self::new(rows.count, rows.columns, values)
    }
}

impl Rows {
    /// Rows of `columns` values each, row after row.
    ///
    /// # Panics
    /// If the values do not fill whole rows.
    pub fn new(columns: usize, values: Vec<f64>) -> Self {
        let count = values.len().checked_div(columns).unwrap_or(0);
        assert_eq!(values.len(), count * columns, "values do not fill rows of {columns}");
        Self { columns, count, values }
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.count).map(|row| self.row(row))
    }

    /// The rows at `positions`, in that order.
    ///
    /// # Panics
    /// If there is no row at one of them.
    pub fn select(&self, positions: &[usize]) -> Self {
        let values = positions.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { columns: self.columns, count: positions.len(), values }
    }

    /// These rows and those of `other` below.
    ///
    /// # Panics
    /// If `other` has another number of columns.
    pub fn above(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.columns, "rows of another length cannot be added");
        let values = [self.values.as_slice(), other.values.as_slice()].concat();
        Self { columns: self.columns, count: self.count + other.count, values }
    }

    /// The transposed matrix.
    pub fn transposed(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for column in 0..self.columns {
            values.extend(self.values.iter().skip(column).step_by(self.columns));
        }
        Self { columns: self.count, count: self.columns, values }
    }

    /// The product with `other`.
    ///
    /// # Panics
    /// If `other` has not as many rows as this has columns.
    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.count, "the inner sizes of a product are the same");
        product([self, other], [false, false])
    }

    /// The product of the transposed matrix with `other`.
    ///
    /// # Panics
    /// If `other` has not as many rows as this.
    pub fn transposed_times(&self, other: &Self) -> Self {
        assert_eq!(self.count, other.count, "the inner sizes of a product are the same");
        product([self, other], [true, false])
    }

    /// The product with the transposed `other`: the inner products of all pairs of rows.
    ///
    /// # Panics
    /// If `other` has not as many columns as this.
    pub fn times_transposed(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.columns, "the inner sizes of a product are the same");
        product([self, other], [false, true])
    }

    fn tensor(&self) -> Tensor<2> {
        let data = TensorData::new(self.values.clone(), [self.count, self.columns]);
        Tensor::from_data(data, (&Device::flex(), DType::F64))
    }

    /// Each row minus `offset`.
    ///
    /// # Panics
    /// If the offset has not a value for each column.
    pub fn minus(&self, offset: &[f64]) -> Self {
        assert_eq!(self.columns, offset.len(), "one value a column");
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.columns.max(1)) {
            add_scaled(row, offset, -1.0);
        }
        Self { values, ..*self }
    }

    /// The covariance of the columns `(X - m)' (X - m) / (rows - 1)`; zeros for a single row.
    pub fn covariance(&self) -> Self {
        let centred = self.minus(&self.mean());
        let factor = 1.0 / (self.count.max(2) - 1) as f64;
        let mut covariance = centred.transposed_times(&centred);
        covariance.values.iter_mut().for_each(|value| *value *= factor);
        covariance
    }

    /// Adds `value` to the diagonal.
    pub fn add_to_diagonal(&mut self, value: f64) {
        for row in 0..self.count.min(self.columns) {
            self.values[row * self.columns + row] += value;
        }
    }

    /// An error for the first value that is infinite or no number.
    ///
    /// # Errors
    /// If there is one.
    pub fn check_finite(&self) -> Result<(), LinearError> {
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(LinearError::NotFinite {
                row: at / self.columns,
                column: at % self.columns,
                value: self.values[at],
            }),
        }
    }

    /// As 32-bit numbers and back: what is left of the values in a record.
    pub fn rounded(&self) -> Self {
        let values = self.values.iter().map(|&value| f64::from(value as f32)).collect();
        Self { values, ..*self }
    }

    /// The softmax of each row.
    pub fn softmax(&self) -> Self {
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.columns.max(1)) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|value| *value = (*value - largest).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        Self { values, ..*self }
    }

    /// Each row divided by its Euclidean norm; rows of zeros stay.
    pub fn unit_length(&self) -> Self {
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.columns.max(1)) {
            let norm = dot(row, row).sqrt();
            if norm > 0.0 {
                row.iter_mut().for_each(|value| *value /= norm);
            }
        }
        Self { values, ..*self }
    }

    /// The mean of each column.
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.columns];
        for row in self.iter() {
            add_scaled(&mut mean, row, 1.0 / self.count as f64);
        }
        mean
    }

    /// The column of each row's largest value, the first of equals.
    pub fn largest(&self) -> Vec<usize> {
        self.iter().map(largest).collect()
    }
}

/// The product of two matrices, those transposed that `transposed` says.
fn product([left, right]: [&Rows; 2], transposed: [bool; 2]) -> Rows {
    let (count, inner) =
        if transposed[0] { (left.columns, left.count) } else { (left.count, left.columns) };
    let columns = if transposed[1] { right.count } else { right.columns };
    if count == 0 || columns == 0 || inner == 0 {
        return Rows { columns, count, values: vec![0.0; count * columns] };
    }
    let tensor = |rows: &Rows, transposed: bool| {
        let tensor = rows.tensor();
        if transposed { tensor.transpose() } else { tensor }
    };
    let data = tensor(left, transposed[0]).matmul(tensor(right, transposed[1])).into_data();
    let values = data.try_to_vec::<f64>().expect("a product of 64-bit numbers is of 64 bits");
    Rows { columns, count, values }
}

/// The logarithm of the sum of exponentials.
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// The position of the largest value, the first of equals.
pub fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (position, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = position;
        }
    }
    best
}

/// `-sum p ln p`, in nats, with `0 ln 0 = 0`.
pub fn shannon_entropy(probabilities: &[f64]) -> f64 {
    probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum()
}

/// How many partial sums are kept: the compiler turns them into vector registers.
const LANES: usize = 8;

fn sum_of_pairs(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 =
        a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| term(*x, *y)).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |x, y| x * y)
}

/// The squared Euclidean distance.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |x, y| (x - y) * (x - y))
}

/// `sum += factor * values`.
pub fn add_scaled(sum: &mut [f64], values: &[f64], factor: f64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// The mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The share of positions at which `a` and `b` differ.
pub fn error_rate(a: &[usize], b: &[usize]) -> f64 {
    let wrong = a.iter().zip(b).filter(|(a, b)| a != b).count();
    wrong as f64 / a.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_pairs_count_every_entry_once() {
        let a: Vec<f64> = (0..19).map(f64::from).collect();
        let ones = vec![1.0; 19];
        assert_eq!(dot(&a, &ones), 171.0);
        assert_eq!(squared_distance(&a, &a), 0.0);
        assert_eq!(squared_distance(&a, &[0.0; 19]), 2109.0);
    }

    #[test]
    fn softmax_survives_large_logits() {
        let rows = Rows::new(2, vec![1000.0, 1000.0, -1000.0, 0.0]).softmax();
        assert_eq!(rows.values(), [0.5, 0.5, 0.0, 1.0]);
    }

    #[test]
    fn rows_are_selected_stacked_and_averaged() {
        let rows = Rows::new(2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(rows.select(&[2, 0]).values(), [5.0, 6.0, 1.0, 2.0]);
        assert_eq!(rows.above(&rows).count(), 6);
        assert_eq!(rows.mean(), [3.0, 4.0]);
        assert_eq!(rows.largest(), [1, 1, 1]);
        assert_eq!(
            Rows::new(2, vec![3.0, 4.0, 0.0, 0.0]).unit_length().values(),
            [0.6, 0.8, 0.0, 0.0]
        );
    }

    #[test]
    fn products_by_hand() {
        let a = Rows::new(3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let b = Rows::new(2, vec![1.0, 0.0, 0.0, 1.0, 2.0, -1.0]);
        assert_eq!(a.times(&b).values(), [7.0, -1.0, 16.0, -1.0]);
        assert_eq!(a.transposed().values(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(b.transposed_times(&a.transposed()), b.transposed().times(&a.transposed()));
        assert_eq!(a.times_transposed(&a).values(), [14.0, 32.0, 32.0, 77.0]);
        // 64 bits survive the product.
        let small = Rows::new(1, vec![1.0 + 1e-12]);
        assert_eq!(small.times(&small).values(), [(1.0 + 1e-12) * (1.0 + 1e-12)]);
        assert_eq!(Rows::new(0, Vec::new()).times(&Rows::new(2, Vec::new())).count(), 0);
    }

    #[test]
    fn a_covariance_by_hand() {
        let rows = Rows::new(2, vec![0.0, 1.0, 2.0, 5.0]);
        assert_eq!(rows.covariance().values(), [2.0, 4.0, 4.0, 8.0]);
        assert_eq!(rows.select(&[0]).covariance().values(), [0.0; 4]);
    }

    #[test]
    fn a_value_that_is_no_number_is_found() {
        let rows = Rows::new(2, vec![0.0, 1.0, f64::NAN, 5.0]);
        let error = rows.check_finite().unwrap_err().to_string();
        assert_eq!(error, "row 1, column 0 holds NaN, expected finite numbers");
    }

    #[test]
    fn the_entropy_of_a_certain_prediction_is_zero() {
        assert_eq!(shannon_entropy(&[1.0, 0.0]), 0.0);
        assert!((shannon_entropy(&[0.25; 4]) - 4.0_f64.ln()).abs() < 1e-15);
    }
}
