//! What unit tests share.

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use rand_distr::{Distribution, StandardNormal};

pub(crate) fn build_context() -> BuildContext {
    BuildContext { device: Device::flex().autodiff(), key: Key::new(5), sources: 1 }
}

/// Standard normal values by a seed.
pub(crate) fn normal<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = Key::new(seed).rng();
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| StandardNormal.sample(&mut rng)).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec().unwrap()
}

pub(crate) fn close(got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len());
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance, "at {index}: {got} is not {want}");
    }
}

/// A training pass over `source` rows of the source and `target` of the target.
pub(crate) fn training(source: usize, target: usize) -> Context {
    let segments = [(DomainRole::SOURCE, source), (DomainRole::Target, target)];
    let segments = segments
        .into_iter()
        .filter(|&(_, rows)| rows > 0)
        .map(|(domain, rows)| Segment { domain, rows })
        .collect();
    Context::train(segments, Key::new(11))
}

pub(crate) fn evaluation(rows: usize) -> Context {
    Context::evaluate(DomainRole::Target, rows)
}
