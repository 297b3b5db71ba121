//! Activations, as a field of configurations.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

use burn::tensor::{Tensor, activation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The normal density at 0.
const DENSITY: f64 = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;

/// What is applied to each value after a hidden layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x` above 0, `0.01 x` below.
    LeakyRelu,
    /// The hyperbolic tangent.
    Tanh,
    /// The Gaussian error linear unit, exact.
    Gelu,
}

impl Activation {
    /// Applies the activation, element by element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(input),
            Self::LeakyRelu => activation::leaky_relu(input, 0.01),
            Self::Tanh => activation::tanh(input),
            Self::Gelu => activation::gelu(input),
        }
    }

    /// The derivative of the activation at each element; on the tape where it is not constant.
    pub fn slope<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        let is_above = |input: Tensor<D>| input.detach().greater_elem(0.0).float();
        match self {
            Self::Relu => is_above(input),
            Self::LeakyRelu => is_above(input).mul_scalar(0.99).add_scalar(0.01),
            Self::Tanh => activation::tanh(input).square().neg().add_scalar(1.0),
            Self::Gelu => {
                let below = input.clone().div_scalar(SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
                let density = input.clone().square().mul_scalar(-0.5).exp().mul_scalar(DENSITY);
                below + input * density
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{close, values};

    #[test]
    fn the_slope_is_the_derivative() {
        let device = Device::flex().autodiff();
        let points = [-2.0_f32, -0.4, 0.3, 1.7];
        for kind in [Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Gelu] {
            let input = Tensor::<1>::from_data(points, &device).require_grad();
            let gradients = kind.forward(input.clone()).sum().backward();
            let derivative = input.grad(&gradients).unwrap();
            close(&values(&kind.slope(input)), &values(&derivative), 1e-5);
        }
    }
}
