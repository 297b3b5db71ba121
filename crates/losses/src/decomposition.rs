//! The singular value decomposition of small matrices, on the host.

use burn::tensor::{Tensor, TensorData};
use nalgebra::{DMatrix, SVD};

/// `left * diag(values) * right` of a matrix `[rows, columns]`, off the tape; `k` is the smaller of
/// rows and columns.
pub(crate) struct Decomposition {
    /// `[rows, k]`, columns of unit length.
    pub left: Tensor<2>,
    /// `[k]`, from the largest to the smallest, at least 0.
    pub values: Tensor<1>,
    /// `[k, columns]`, rows of unit length.
    pub right: Tensor<2>,
}

/// Steps of the iteration for each singular value: more than a bidiagonal matrix ever needs.
const STEPS: usize = 100;

/// Decomposes a matrix in 64 bits; `None` where an entry is not finite. burn's own, in
/// 32 bits, takes twenty times as long for 32 rows.
pub(crate) fn decompose(matrix: &Tensor<2>) -> Option<Decomposition> {
    let [rows, columns] = matrix.dims();
    let device = matrix.device();
    let entries: Vec<f64> = matrix.to_data().iter::<f64>().collect();
    if entries.iter().any(|entry| !entry.is_finite()) {
        return None;
    }
    let size = rows.min(columns);
    let matrix = DMatrix::from_row_slice(rows, columns, &entries);
    let found = SVD::try_new(matrix, true, true, f64::EPSILON, STEPS * size.max(1))?;
    let (left, right) = (found.u?, found.v_t?);
    let tensor = |values: Vec<f32>, shape: [usize; 2]| {
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let by_rows = |matrix: &DMatrix<f64>| -> Vec<f32> {
        matrix.transpose().iter().map(|entry| *entry as f32).collect()
    };
    let values: Vec<f32> = found.singular_values.iter().map(|value| *value as f32).collect();
    Some(Decomposition {
        left: tensor(by_rows(&left), [rows, size]),
        values: Tensor::from_data(TensorData::new(values, [size]), &device),
        right: tensor(by_rows(&right), [size, columns]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn the_parts_make_up_the_matrix() {
        for shape in [[5, 3], [3, 5], [4, 4], [1, 3]] {
            let matrix = matrix(shape, 7).inner();
            let Decomposition { left, values: singular, right } = decompose(&matrix).unwrap();
            let size = shape[0].min(shape[1]);
            assert_eq!((left.dims(), right.dims()), ([shape[0], size], [size, shape[1]]));
            let order = values(&singular);
            assert!(order.windows(2).all(|pair| pair[0] >= pair[1]), "{order:?}");
            let product = (left * singular.unsqueeze::<2>()).matmul(right);
            assert_close(&values(&product), &values(&matrix), 1e-6);
        }
    }

    #[test]
    fn zeros_are_decomposed_and_what_is_not_finite_is_not() {
        let zeros = Tensor::<2>::zeros([3, 2], &Device::flex());
        assert_eq!(values(&decompose(&zeros).unwrap().values), [0.0, 0.0]);
        assert!(decompose(&(zeros + f32::NAN)).is_none());
    }
}
