//! Values whose gradient is known in closed form.

use burn::tensor::Tensor;

/// Gives `value` the gradient `gradient` with respect to `input`.
///
/// Adds `sum(gradient * (input - input))`, where the second `input` and `gradient` are constants:
/// exactly zero in value, exactly `gradient` in the derivative. Against recording every operation
/// of a loss, this keeps the intermediate matrices out of the graph and lets them be updated in
/// place.
///
/// Returns `value` unchanged if nothing is to be differentiated with respect to `input`.
pub(crate) fn attach<const D: usize>(
    value: Tensor<1>,
    input: &Tensor<D>,
    gradient: Tensor<D>,
) -> Tensor<1> {
    if !input.is_tracked() {
        return value;
    }
    let zero = input.clone() - input.clone().inner();
    value + (zero * gradient).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{scalar, values};
    use burn::tensor::Device;

    #[test]
    fn keeps_the_value_and_sets_the_gradient() {
        let device = Device::flex().autodiff();
        let input = Tensor::<2>::from_data([[1.0, -2.0], [1e6, 0.0]], &device).require_grad();
        let gradient = Tensor::<2>::from_data([[0.25, 3.0], [-7.0, 0.5]], &Device::flex());
        let value = Tensor::<1>::from_data([0.1], &Device::flex());

        let loss = attach(value, &input, gradient);
        assert_eq!(scalar(&loss), f64::from(0.1_f32));
        let gradients = loss.mul_scalar(2.0).backward();
        assert_eq!(values(&input.grad(&gradients).unwrap()), [0.5, 6.0, -14.0, 1.0]);
    }

    #[test]
    fn leaves_a_constant_alone() {
        let device = Device::flex().autodiff();
        let constant = Tensor::<1>::from_data([1.0], &device);
        let value = Tensor::<1>::from_data([3.0], &device.without_autodiff());
        assert!(!attach(value, &constant, Tensor::ones([1], &Device::flex())).is_tracked());
    }
}
