//! Between burn's tensors and slices of host memory.

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Bytes, DType, Device, Shape, Tensor};

use crate::matrix::Matrix;

/// The backend under the tape.
pub(crate) type Taped = Autodiff<Flex>;

/// Where the operands of a function lie.
pub(crate) enum Place {
    /// All in host memory, not on the tape.
    Host,
    /// All in host memory, on the tape.
    TapedHost,
    /// Somewhere that is not served here.
    Elsewhere,
}

impl Place {
    /// The place of operands on `devices`.
    pub(crate) fn of<const N: usize>(devices: [Device; N], types: [DType; N]) -> Self {
        let host = devices.iter().all(|device| device.clone().inner() == Device::flex());
        let taped = devices.iter().filter(|device| device.is_autodiff()).count();
        match taped {
            _ if !host || types.iter().any(|&dtype| dtype != DType::F32) => Self::Elsewhere,
            0 => Self::Host,
            taped if taped == N => Self::TapedHost,
            _ => Self::Elsewhere,
        }
    }
}

/// The tensor in host memory.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    tensor.try_into_primitive::<Flex>().expect("its place was found to be the host")
}

/// A tensor on the tape, in host memory.
pub(crate) fn taped<const D: usize>(
    tensor: Tensor<D>,
) -> burn::backend::tensor::FloatTensor<Taped> {
    tensor.try_into_primitive::<Taped>().expect("its place was found to be the tape on the host")
}

/// A tensor of these values; they are moved, not copied.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    shaped(values, Shape::from(shape))
}

/// As [`tensor`], for a shape whose number of extents is not known here.
pub(crate) fn shaped(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// The tensor with its values row by row, so that [`values`] can show them.
pub(crate) fn in_rows(tensor: &FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// The values of a tensor that lie row by row.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    let layout = tensor.layout();
    &tensor.storage::<f32>()[layout.start_offset()..][..layout.num_elements()]
}

/// Calls `use_matrix` with a tensor `[rows, columns]` as it lies in memory.
pub(crate) fn with_matrix<R>(tensor: &FlexTensor, use_matrix: impl FnOnce(Matrix<'_>) -> R) -> R {
    let layout = tensor.layout();
    let strides = layout.strides();
    let forward = |stride: isize| usize::try_from(stride).ok();
    let (Some(row_stride), Some(column_stride)) = (forward(strides[0]), forward(strides[1])) else {
        // A flipped tensor runs backwards through memory.
        return with_matrix(&tensor.to_contiguous(), use_matrix);
    };
    let shape = [layout.shape()[0], layout.shape()[1]];
    let values = &tensor.storage::<f32>()[layout.start_offset()..];
    use_matrix(Matrix::strided(values, shape, [row_stride, column_stride]))
}
