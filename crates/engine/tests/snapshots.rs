//! Models go back to what they were, whatever changed them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::network::UpdateRule;
use isthmus_core::parameter::Parameter;
use isthmus_core::random::Key;
use serde_json::json;

/// Adds one to every value, in its place.
struct AddOne;

impl UpdateRule for AddOne {
    fn update_host(&mut self, _parameter: &Parameter<'_>, value: &mut [f32], _gradient: &[f32]) {
        value.iter_mut().for_each(|value| *value += 1.0);
    }

    fn update_device(
        &mut self,
        _parameter: &Parameter<'_>,
        value: Tensor<1>,
        _gradient: Tensor<1>,
    ) -> Tensor<1> {
        value + 1.0
    }
}

fn values(model: &mut Model) -> BTreeMap<String, TensorData> {
    model.tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect()
}

#[test]
fn a_model_goes_back_to_its_snapshot_and_is_trained_again() {
    let device = Device::flex().autodiff();
    let mut model = support::model(&json!({ "hidden": [4] }), &device);
    let before = values(&mut model);
    let snapshot = model.snapshot();
    for _ in 0..2 {
        // Passes move running statistics, updates change parameters in place.
        let input = Input::Features(Tensor::ones([6, support::SIZE], &device));
        let segment = Segment { domain: DomainRole::Source(0), rows: 6 };
        let context = Context::train(vec![segment], Key::new(1));
        let mut gradients = model.forward(input, &context).logits.square().sum().backward();
        for part in model.parts() {
            part.network.update(&mut gradients, &mut AddOne);
        }
        let changed = values(&mut model);
        let differ = before.iter().filter(|(path, data)| changed[*path] != **data).count();
        assert!(differ >= 4, "{differ} tensors changed");
        model.restore(&snapshot).unwrap();
        assert_eq!(values(&mut model), before);
    }
    let named = snapshot.tensors().into_iter().map(|tensor| (tensor.path, tensor.data));
    assert_eq!(named.collect::<BTreeMap<_, _>>(), before);

    let mut other = support::model(&json!({ "hidden": [4, 4] }), &device);
    assert!(other.restore(&snapshot).is_err());
}
