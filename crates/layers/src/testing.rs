//! Values and contexts for tests of layers and networks.

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::network::Network;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use rand_distr::{Distribution, StandardNormal};

/// The processor, with autodiff.
pub fn device() -> Device {
    Device::flex().autodiff()
}

/// The context in which networks for so many sources are built.
pub fn build_context(sources: usize) -> BuildContext {
    BuildContext { device: device(), key: Key::new(5), sources }
}

/// Standard normal values by a seed.
pub fn normal<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = Key::new(seed).rng();
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| StandardNormal.sample(&mut rng)).collect();
    Tensor::from_data(TensorData::new(values, shape), &device())
}

/// The values of a tensor, row-major.
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec().expect("networks compute in f32")
}

/// Every tensor of a network with its path.
pub fn state(network: &dyn Network) -> Vec<(String, Vec<f32>)> {
    let values = |data: TensorData| data.try_to_vec().expect("networks compute in f32");
    network.tensors().into_iter().map(|tensor| (tensor.path, values(tensor.data))).collect()
}

/// Compares values one by one.
///
/// # Panics
/// If two differ by more than `tolerance`.
pub fn close(got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len());
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance, "at {index}: {got} is not {want}");
    }
}

/// A training pass over rows of the given domains.
pub fn training(rows: &[(DomainRole, usize)]) -> Context {
    let rows = rows.iter().filter(|&&(_, rows)| rows > 0);
    let segments = rows.map(|&(domain, rows)| Segment { domain, rows }).collect();
    Context::train(segments, Key::new(11))
}

/// A training pass over `source` rows of the source and `target` of the target.
pub fn joint_training(source: usize, target: usize) -> Context {
    training(&[(DomainRole::SOURCE, source), (DomainRole::Target, target)])
}

/// An evaluation pass over rows of the target.
pub fn evaluation(rows: usize) -> Context {
    Context::evaluate(DomainRole::Target, rows)
}
