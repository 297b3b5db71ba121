//! The plainest optimizer, so that tests of methods need no optimizer plugin.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::optimizer::{Optimizer, Schedule};

/// `value -= learning_rate * gradient`.
#[derive(Clone, Copy, Debug)]
pub struct GradientDescent;

impl Optimizer for GradientDescent {
    fn update_host(
        &mut self,
        _slot: &str,
        value: &mut [f32],
        gradient: &[f32],
        scale: f32,
        learning_rate: f64,
    ) {
        let rate = learning_rate as f32 * scale;
        for (value, gradient) in value.iter_mut().zip(gradient) {
            *value -= rate * gradient;
        }
    }

    fn update_device(
        &mut self,
        _slot: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) -> Tensor<1> {
        value - gradient.mul_scalar(learning_rate)
    }

    fn state(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    fn load_state(
        &mut self,
        _tensors: &BTreeMap<String, TensorData>,
        _device: &Device,
    ) -> Result<(), NetworkError> {
        Ok(())
    }
}

/// The base learning rate at every step.
#[derive(Clone, Copy, Debug)]
pub struct ConstantRate;

impl Schedule for ConstantRate {
    fn factor(&self, _step: usize, _total_steps: usize) -> f64 {
        1.0
    }
}
