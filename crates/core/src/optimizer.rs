//! Optimizers and learning-rate schedules.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::NetworkError;
use crate::named_tensor::NamedTensor;

/// Changes parameters by their gradients; keeps what it needs from step to step by slot.
///
/// A slot is the full path of a parameter (`classifier.linear.weight`), the same in every run.
pub trait Optimizer: Send {
    /// Changes `value` in place. `gradient` is already clipped by factor `scale`, which the
    /// optimizer multiplies in, so that clipping costs no pass of its own.
    fn update_host(
        &mut self,
        slot: &str,
        value: &mut [f32],
        gradient: &[f32],
        scale: f32,
        learning_rate: f64,
    );

    /// Returns the changed value; for devices whose memory the host cannot see.
    fn update_device(
        &mut self,
        slot: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) -> Tensor<1>;

    /// The state by slot, in a fixed order, for a checkpoint.
    fn state(&self) -> Vec<NamedTensor>;

    /// Takes a checkpoint's state back.
    ///
    /// # Errors
    /// If a tensor is not one that this optimizer writes.
    fn load_state(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), NetworkError>;
}

/// A learning rate as a pure function of the step: nothing to save, nothing to lose on resume.
pub trait Schedule: Send {
    /// The factor by which the base learning rate is multiplied at `step` of `total_steps`.
    fn factor(&self, step: usize, total_steps: usize) -> f64;
}

/// Whether the device's memory is the host's, so that parameters can be changed in place.
pub fn is_host(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}
