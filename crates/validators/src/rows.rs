//! Matrices of 64-bit numbers, and the few operations that scores are made of.

use isthmus_core::validation::Matrix;

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

/// The logarithm of the sum of exponentials.
pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// The position of the largest value, the first of equals.
pub(crate) fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (position, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = position;
        }
    }
    best
}

/// `-sum p ln p`, in nats, with `0 ln 0 = 0`.
pub(crate) fn shannon_entropy(probabilities: &[f64]) -> f64 {
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
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |x, y| x * y)
}

/// The squared Euclidean distance.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |x, y| (x - y) * (x - y))
}

/// `sum += factor * values`.
pub(crate) fn add_scaled(sum: &mut [f64], values: &[f64], factor: f64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// The mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The share of positions at which `a` and `b` differ.
pub(crate) fn error_rate(a: &[usize], b: &[usize]) -> f64 {
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
    fn the_entropy_of_a_certain_prediction_is_zero() {
        assert_eq!(shannon_entropy(&[1.0, 0.0]), 0.0);
        assert!((shannon_entropy(&[0.25; 4]) - 4.0_f64.ln()).abs() < 1e-15);
    }
}
