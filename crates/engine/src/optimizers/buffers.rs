//! What an optimizer keeps of each parameter from step to step.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::optimizer::is_host;

/// One buffer a slot, on the host or on a device, zero at first.
#[derive(Clone, Debug)]
pub(super) struct Buffers {
    /// Prefix of the buffers' names in a checkpoint.
    name: &'static str,
    slots: BTreeMap<String, Buffer>,
}

#[derive(Clone, Debug)]
enum Buffer {
    Host(Vec<f32>),
    Device(Box<Tensor<1>>),
}

impl Buffers {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, slots: BTreeMap::new() }
    }

    /// The buffer of a slot on the host.
    pub(super) fn host(&mut self, slot: &str, size: usize) -> &mut [f32] {
        if !self.slots.contains_key(slot) {
            self.slots.insert(slot.to_owned(), Buffer::Host(vec![0.0; size]));
        }
        match self.slots.get_mut(slot) {
            Some(Buffer::Host(values)) => values,
            _ => unreachable!("a parameter stays where it is for a whole run"),
        }
    }

    /// The buffer of a slot on a device; give it back with [`Self::put`].
    pub(super) fn take(&mut self, slot: &str, like: &Tensor<1>) -> Tensor<1> {
        match self.slots.remove(slot) {
            Some(Buffer::Device(values)) => *values,
            _ => like.zeros_like(),
        }
    }

    /// Keeps the buffer of a slot on a device.
    pub(super) fn put(&mut self, slot: &str, values: Tensor<1>) {
        self.slots.insert(slot.to_owned(), Buffer::Device(Box::new(values)));
    }

    /// All buffers, for a checkpoint.
    pub(super) fn state(&self) -> impl Iterator<Item = NamedTensor> {
        self.slots.iter().map(|(slot, buffer)| NamedTensor {
            path: format!("{}/{slot}", self.name),
            data: match buffer {
                Buffer::Host(values) => TensorData::new(values.clone(), [values.len()]),
                Buffer::Device(values) => values.to_data(),
            },
        })
    }

    /// Takes this optimizer's buffers out of a checkpoint.
    pub(super) fn load(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), NetworkError> {
        self.slots.clear();
        let prefix = format!("{}/", self.name);
        for (path, data) in tensors {
            let Some(slot) = path.strip_prefix(&prefix) else { continue };
            let buffer = if is_host(device) {
                let values = data.as_slice::<f32>().map_err(|error| {
                    NetworkError::Weights(format!("optimizer state `{path}`: {error:?}"))
                })?;
                Buffer::Host(values.to_vec())
            } else {
                Buffer::Device(Box::new(Tensor::from_data(data.clone(), &device.clone().inner())))
            };
            self.slots.insert(slot.to_owned(), buffer);
        }
        Ok(())
    }
}
