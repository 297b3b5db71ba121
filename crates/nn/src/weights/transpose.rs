//! The layout of linear layers.

use burn::tensor::{Device, Tensor, TensorData};

/// The transpose of a matrix: PyTorch stores the weights of linear layers `[output, input]`, and here
/// they are `[input, output]`.
///
/// # Panics
/// If the tensor is no matrix.
pub(crate) fn transposed(data: &TensorData) -> TensorData {
    let tensor: Tensor<2> = Tensor::from_data(data.clone(), &Device::flex());
    tensor.transpose().into_data()
}
