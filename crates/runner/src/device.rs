//! Which device an experiment names.

use burn::tensor::Device;

use crate::error::RunError;

/// Kind of the devices that names other than `cpu` stand for, as records note it.
const GPU: &str = "gpu";
/// The host.
const CPU: &str = "cpu";

/// A device and the kind that decides the last bits of its numbers.
pub struct ResolvedDevice {
    /// The device, without autodiff.
    pub device: Device,
    /// `cpu` or `gpu`.
    pub kind: &'static str,
}

/// The kind of the device of a name that the checker let through, whether it is to be had or not.
pub fn kind_of(name: &str) -> &'static str {
    if name == CPU { CPU } else { GPU }
}

/// The device of a name that the checker let through: `cpu`, `gpu` or `gpu:N`.
///
/// # Errors
/// If this program was built without the backend.
pub fn choose(name: &str) -> Result<ResolvedDevice, RunError> {
    match name.split_once(':') {
        None if name == CPU => Ok(ResolvedDevice { device: Device::flex(), kind: CPU }),
        None => gpu(None),
        Some((_, index)) => gpu(index.parse().ok()),
    }
}

#[cfg(feature = "wgpu")]
fn gpu(index: Option<usize>) -> Result<ResolvedDevice, RunError> {
    use burn::tensor::{DeviceKind, Tensor};
    let kind = index.map_or(DeviceKind::DefaultDevice, DeviceKind::DiscreteGpu);
    let device = Device::wgpu(kind);
    // The device comes up with its first tensor; the backend panics where there is none.
    let probe = || Tensor::<1>::zeros([1], &device).try_into_data().is_ok();
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(probe)) {
        Ok(true) => Ok(ResolvedDevice { device, kind: GPU }),
        _ => Err(RunError::input(
            "there is no such GPU",
            "wgpu needs a driver for Vulkan, Metal or DirectX 12; `device = \"cpu\"` needs none",
        )),
    }
}

#[cfg(not(feature = "wgpu"))]
fn gpu(_index: Option<usize>) -> Result<ResolvedDevice, RunError> {
    Err(RunError::input(
        format!("this program was built without the {GPU} backend"),
        "build it with `--features wgpu`, or set `device = \"cpu\"`",
    ))
}
