//! Stochastic gradient descent with momentum.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::optimizer::Optimizer;
use isthmus_core::registry::{About, OptimizerPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::buffers::Buffers;

/// Stochastic gradient descent with momentum, as PyTorch's: no dampening, weight decay added to
/// the gradient of every parameter.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Base learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Momentum; 0 switches it off.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// Weight decay (L2), added to the gradient.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { lr: 0.01, momentum: 0.9, nesterov: true, weight_decay: 1e-3 }
    }
}

impl PluginConfig for SgdConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.nesterov && self.momentum == 0.0 {
            return Err(FieldProblem {
                field: "nesterov".to_owned(),
                message: "Nesterov's rule needs momentum: set `momentum` above 0 or `nesterov` to \
                          false"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

impl OptimizerPlugin for SgdConfig {
    fn build(&self) -> Box<dyn Optimizer> {
        Box::new(Sgd { config: self.clone(), momentum: Buffers::new("momentum") })
    }

    fn learning_rate(&self) -> f64 {
        self.lr
    }
}

inventory::submit! {
    Plugin::optimizer::<SgdConfig>(About {
        name: "sgd",
        summary: "Stochastic gradient descent with (Nesterov) momentum",
        paper: "Sutskever, Martens, Dahl, Hinton: On the importance of initialization and \
                momentum in deep learning, ICML 2013",
    })
}

/// The state of stochastic gradient descent.
#[derive(Clone, Debug)]
pub struct Sgd {
    config: SgdConfig,
    momentum: Buffers,
}

impl Optimizer for Sgd {
    fn update_host(
        &mut self,
        slot: &str,
        value: &mut [f32],
        gradient: &[f32],
        scale: f32,
        learning_rate: f64,
    ) {
        let rate = learning_rate as f32;
        let decay = self.config.weight_decay as f32;
        let momentum = self.config.momentum as f32;
        if momentum == 0.0 {
            for (x, &g) in value.iter_mut().zip(gradient) {
                *x -= rate * (scale * g + decay * *x);
            }
            return;
        }
        let velocity = self.momentum.host(slot, value.len());
        let parameters = value.iter_mut().zip(gradient).zip(velocity);
        if self.config.nesterov {
            for ((x, &g), v) in parameters {
                let g = scale * g + decay * *x;
                *v = momentum * *v + g;
                *x -= rate * (g + momentum * *v);
            }
        } else {
            for ((x, &g), v) in parameters {
                *v = momentum * *v + scale * g + decay * *x;
                *x -= rate * *v;
            }
        }
    }

    fn update_device(
        &mut self,
        slot: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) -> Tensor<1> {
        let SgdConfig { momentum, nesterov, weight_decay, .. } = self.config;
        let gradient = match weight_decay {
            0.0 => gradient,
            decay => gradient + value.clone().mul_scalar(decay),
        };
        if momentum == 0.0 {
            return value - gradient.mul_scalar(learning_rate);
        }
        let velocity = self.momentum.take(slot, &value).mul_scalar(momentum) + gradient.clone();
        self.momentum.put(slot, velocity.clone());
        let direction = if nesterov { gradient + velocity.mul_scalar(momentum) } else { velocity };
        value - direction.mul_scalar(learning_rate)
    }

    fn state(&self) -> Vec<NamedTensor> {
        self.momentum.state().collect()
    }

    fn load_state(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), NetworkError> {
        self.momentum.load(tensors, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(config: &SgdConfig, on_host: bool) -> Vec<f32> {
        let device = Device::flex();
        let mut optimizer = config.build();
        let mut value = vec![1.0_f32, -2.0, 0.5];
        for step in 0..5 {
            let gradient: Vec<f32> = value.iter().map(|x| x * 0.5 + step as f32 * 0.1).collect();
            if on_host {
                optimizer.update_host("w", &mut value, &gradient, 1.0, 0.1);
            } else {
                let changed = optimizer.update_device(
                    "w",
                    Tensor::from_floats(value.as_slice(), &device),
                    Tensor::from_floats(gradient.as_slice(), &device),
                    0.1,
                );
                value = changed.into_data().try_to_vec().unwrap();
            }
        }
        value
    }

    #[test]
    fn both_ways_agree() {
        for nesterov in [false, true] {
            for momentum in [0.5, 0.9] {
                let config = SgdConfig { lr: 0.1, momentum, nesterov, weight_decay: 0.01 };
                let difference = steps(&config, true)
                    .iter()
                    .zip(steps(&config, false))
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(difference < 1e-6, "{difference} with {config:?}");
            }
        }
    }

    #[test]
    fn the_first_step_is_not_dampened() {
        let config = SgdConfig { nesterov: false, weight_decay: 0.0, ..SgdConfig::default() };
        let mut value = [1.0_f32];
        config.build().update_host("w", &mut value, &[1.0], 1.0, 0.1);
        assert!((value[0] - 0.9).abs() < 1e-7);
    }

    #[test]
    fn a_reloaded_state_continues_exactly() {
        let config = SgdConfig::default();
        let mut whole = config.build();
        let (mut a, mut b) = (vec![1.0_f32, 2.0], vec![1.0_f32, 2.0]);
        whole.update_host("w", &mut a, &[0.3, -0.2], 1.0, 0.1);
        let mut first = config.build();
        first.update_host("w", &mut b, &[0.3, -0.2], 1.0, 0.1);
        let saved = first.state().into_iter().map(|t| (t.path, t.data)).collect();
        let mut second = config.build();
        second.load_state(&saved, &Device::flex()).unwrap();
        whole.update_host("w", &mut a, &[0.1, 0.1], 1.0, 0.1);
        second.update_host("w", &mut b, &[0.1, 0.1], 1.0, 0.1);
        assert_eq!(a, b);
    }
}
