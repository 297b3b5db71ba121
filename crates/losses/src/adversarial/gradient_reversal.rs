//! The gradient reversal layer.

use burn::tensor::Tensor;

/// Returns `input` unchanged and multiplies its gradient by `-coefficient`.
///
/// The value is equal to `input` bit by bit, the gradient exactly `-coefficient` times the
/// gradient of the result. Placed between features and a domain discriminator, it lets one
/// backward pass minimise the discriminator's loss over the discriminator and maximise it over
/// the features.
///
/// Source: Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015.
///
/// # Shapes
/// Any; the result has the shape of `input`, whose entries must be finite.
pub fn gradient_reversal<const D: usize>(input: Tensor<D>, coefficient: f64) -> Tensor<D> {
    if !input.is_tracked() {
        return input;
    }
    let constant = input.clone().inner();
    // Subtracting in this order and negating keeps a negative zero negative.
    let zero = (input - constant.clone()).mul_scalar(-coefficient);
    constant + zero
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{matrix, values};
    use burn::tensor::Device;

    #[test]
    fn value_is_bit_equal_and_gradient_exactly_reversed() {
        let device = Device::flex().autodiff();
        let special = Tensor::<2>::from_data([[0.0, -0.0, 1e-40], [3e38, -1e-7, 0.1]], &device);
        for input in [special.require_grad(), matrix([8, 5], 7)] {
            for coefficient in [0.0, 0.3, 1.0, 17.5] {
                let output = gradient_reversal(input.clone(), coefficient);
                let bits = |tensor: &Tensor<2>| -> Vec<u32> {
                    tensor.to_data().iter::<f32>().map(f32::to_bits).collect()
                };
                assert_eq!(bits(&output), bits(&input));

                let upstream = matrix(input.dims(), 8).inner();
                let gradients = (output * upstream.clone()).sum().backward();
                let want = upstream.mul_scalar(-coefficient);
                let got = input.grad(&gradients).unwrap();
                assert_eq!(values(&got), values(&want));
            }
        }
    }
}
