//! Initial values of parameters, drawn on the host from a key.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::random::Key;
use rand_distr::{Distribution, Normal, Uniform};

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// Uniform in `[-bound, bound]`.
    Uniform {
        /// The largest magnitude.
        bound: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// One value everywhere.
    Constant(f64),
}

impl Initial {
    /// What PyTorch starts linear and convolution layers with, weights and biases alike:
    /// `kaiming_uniform(a = sqrt(5))`, which is uniform within `1 / sqrt(fan_in)`.
    pub fn of_fan_in(fan_in: usize) -> Self {
        Self::Uniform { bound: 1.0 / (fan_in.max(1) as f64).sqrt() }
    }

    /// He's normal initialisation by fan-out for layers before a ReLU, as torchvision's ResNets
    /// start their convolutions (He et al., "Delving deep into rectifiers", ICCV 2015).
    pub fn he_normal(fan_out: usize) -> Self {
        Self::Normal { std: (2.0 / fan_out.max(1) as f64).sqrt() }
    }

    /// A trainable parameter of the given shape.
    ///
    /// # Panics
    /// If the bound or deviation is not a finite number of at least 0; configurations are checked
    /// for that.
    pub fn parameter<const D: usize>(
        self,
        shape: [usize; D],
        key: Key,
        device: &Device,
    ) -> Param<Tensor<D>> {
        let count = shape.iter().product();
        let mut rng = key.rng();
        let values: Vec<f32> = match self {
            Self::Constant(value) => vec![value as f32; count],
            Self::Uniform { bound } => Uniform::new_inclusive(-bound as f32, bound as f32)
                .expect("bounds of initial weights are finite")
                .sample_iter(&mut rng)
                .take(count)
                .collect(),
            Self::Normal { std } => Normal::new(0.0, std as f32)
                .expect("deviations of initial weights are finite")
                .sample_iter(&mut rng)
                .take(count)
                .collect(),
        };
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
    }
}

/// A tensor that is part of a network's state and gets no gradient.
pub(crate) fn buffer<const D: usize>(
    shape: [usize; D],
    value: f32,
    device: &Device,
) -> Param<Tensor<D>> {
    let count = shape.iter().product();
    let tensor = Tensor::from_data(TensorData::new(vec![value; count], shape), device);
    Param::initialized(ParamId::new(), tensor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::values;

    #[test]
    fn uniform_values_fill_the_range_of_pytorch() {
        let device = Device::flex();
        let weight = Initial::of_fan_in(25).parameter([200, 50], Key::new(1), &device);
        let drawn = values(&weight.val());
        let largest = drawn.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        assert!((0.199..=0.2).contains(&largest), "{largest}");
        let mean = drawn.iter().sum::<f32>() / drawn.len() as f32;
        assert!(mean.abs() < 0.01, "{mean}");
    }

    #[test]
    fn normal_values_have_the_deviation() {
        let weight = Initial::Normal { std: 0.5 }.parameter([10_000], Key::new(1), &Device::flex());
        let drawn = values(&weight.val());
        let square = drawn.iter().map(|value| value * value).sum::<f32>() / drawn.len() as f32;
        assert!((square.sqrt() - 0.5).abs() < 0.02, "{square}");
    }

    #[test]
    fn the_key_alone_decides() {
        let draw = |seed| {
            let initial = Initial::of_fan_in(4);
            values(&initial.parameter([8], Key::new(seed), &Device::flex()).val())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
