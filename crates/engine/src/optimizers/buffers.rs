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
    on_host: BTreeMap<String, Vec<f32>>,
    on_device: BTreeMap<String, Tensor<1>>,
}

impl Buffers {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, on_host: BTreeMap::new(), on_device: BTreeMap::new() }
    }

    /// The buffer of a slot on the host.
    pub(super) fn host(&mut self, slot: &str, size: usize) -> &mut [f32] {
        self.on_host.entry(slot.to_owned()).or_insert_with(|| vec![0.0; size])
    }

    /// The buffer of a slot on a device; give it back with [`Self::put`].
    pub(super) fn take(&mut self, slot: &str, like: &Tensor<1>) -> Tensor<1> {
        self.on_device.remove(slot).unwrap_or_else(|| like.zeros_like())
    }

    /// Keeps the buffer of a slot on a device.
    pub(super) fn put(&mut self, slot: &str, values: Tensor<1>) {
        self.on_device.insert(slot.to_owned(), values);
    }

    /// All buffers, for a checkpoint.
    pub(super) fn state(&self) -> impl Iterator<Item = NamedTensor> {
        let on_host = self
            .on_host
            .iter()
            .map(|(slot, values)| (slot, TensorData::new(values.clone(), [values.len()])));
        let on_device = self.on_device.iter().map(|(slot, values)| (slot, values.to_data()));
        on_host
            .chain(on_device)
            .map(|(slot, data)| NamedTensor { path: format!("{}/{slot}", self.name), data })
    }

    /// Takes this optimizer's buffers out of a checkpoint.
    pub(super) fn load(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), NetworkError> {
        self.on_host.clear();
        self.on_device.clear();
        let prefix = format!("{}/", self.name);
        for (path, data) in tensors {
            let Some(slot) = path.strip_prefix(&prefix) else { continue };
            if is_host(device) {
                let values = data.as_slice::<f32>().map_err(|error| {
                    NetworkError::Weights(format!("optimizer state `{path}`: {error:?}"))
                })?;
                self.on_host.insert(slot.to_owned(), values.to_vec());
            } else {
                let values = Tensor::from_data(data.clone(), &device.clone().inner());
                self.on_device.insert(slot.to_owned(), values);
            }
        }
        Ok(())
    }
}
