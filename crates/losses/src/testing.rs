//! What the tests of several losses need.

use burn::tensor::{Device, Tensor, TensorData};

/// All elements of a tensor in row-major order.
pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

/// The only element of a tensor.
pub(crate) fn scalar(tensor: &Tensor<1>) -> f64 {
    let values = values(tensor);
    assert_eq!(values.len(), 1, "not a scalar");
    values[0]
}

/// Numbers between -1 and 1 that look random; the same for the same seed.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
        })
        .collect()
}

/// A tracked matrix of such numbers on the autodiff device.
pub(crate) fn matrix(shape: [usize; 2], seed: u64) -> Tensor<2> {
    let data = TensorData::new(numbers(shape[0] * shape[1], seed), shape);
    Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
}

/// The value of `loss` at `inputs` and its gradient with respect to each input.
pub(crate) fn differentiate<const N: usize>(
    inputs: [&Tensor<2>; N],
    loss: impl Fn([Tensor<2>; N]) -> Tensor<1>,
) -> (f64, [Vec<f64>; N]) {
    let leaves = inputs.map(|input| input.clone().detach().require_grad());
    let loss = loss(leaves.clone());
    let gradients = loss.backward();
    let gradients = leaves.map(|leaf| match leaf.grad(&gradients) {
        Some(gradient) => values(&gradient),
        None => vec![0.0; leaf.dims().iter().product()],
    });
    (scalar(&loss), gradients)
}

/// Checks that two lists agree up to `tolerance` of the largest expected entry.
#[track_caller]
pub(crate) fn assert_close(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "different lengths");
    let scale = want.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * scale + 1e-9,
            "entry {index}: got {got}, want {want}"
        );
    }
}
