//! Adam and AdamW.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::config::PluginConfig;
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::optimizer::Optimizer;
use isthmus_core::registry::{About, OptimizerPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::buffers::Buffers;

/// Adam; weight decay is added to the gradient (L2).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Base learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay rates of the first and the second moment, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Weight decay (L2), added to the gradient.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 }
    }
}

/// AdamW: Adam with weight decay taken from the parameter itself, scaled by the learning rate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Base learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay rates of the first and the second moment, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Decoupled weight decay.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 1e-2 }
    }
}

fn check_betas(betas: &[f64; 2]) -> Result<(), isthmus_core::config::FieldProblem> {
    if betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
        return Ok(());
    }
    Err(isthmus_core::config::FieldProblem {
        field: "betas".to_owned(),
        message: format!("both decay rates must be in [0, 1), found {betas:?}"),
    })
}

impl PluginConfig for AdamConfig {
    fn check(&self) -> Result<(), isthmus_core::config::FieldProblem> {
        check_betas(&self.betas)
    }
}

impl PluginConfig for AdamWConfig {
    fn check(&self) -> Result<(), isthmus_core::config::FieldProblem> {
        check_betas(&self.betas)
    }
}

impl OptimizerPlugin for AdamConfig {
    fn build(&self) -> Box<dyn Optimizer> {
        Box::new(Adam::new(self.betas, self.eps, self.weight_decay, false))
    }

    fn learning_rate(&self) -> f64 {
        self.lr
    }
}

impl OptimizerPlugin for AdamWConfig {
    fn build(&self) -> Box<dyn Optimizer> {
        Box::new(Adam::new(self.betas, self.eps, self.weight_decay, true))
    }

    fn learning_rate(&self) -> f64 {
        self.lr
    }
}

inventory::submit! {
    Plugin::optimizer::<AdamConfig>(About {
        name: "adam",
        summary: "Adam with L2 weight decay",
        paper: "Kingma, Ba: Adam: a method for stochastic optimization, ICLR 2015",
    })
}

inventory::submit! {
    Plugin::optimizer::<AdamWConfig>(About {
        name: "adamw",
        summary: "Adam with decoupled weight decay",
        paper: "Loshchilov, Hutter: Decoupled weight decay regularization, ICLR 2019",
    })
}

/// The state of Adam or AdamW.
#[derive(Clone, Debug)]
pub struct Adam {
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
    first: Buffers,
    second: Buffers,
    /// Updates of each slot so far: parameters without a gradient do not age.
    updates: Buffers,
}

impl Adam {
    fn new(betas: [f64; 2], eps: f64, weight_decay: f64, decoupled: bool) -> Self {
        Self {
            betas,
            eps,
            weight_decay,
            decoupled,
            first: Buffers::new("first_moment"),
            second: Buffers::new("second_moment"),
            updates: Buffers::new("updates"),
        }
    }

    /// Counts an update and returns the step size and the correction of the second moment's root.
    fn corrections(&mut self, updates: f32, learning_rate: f64) -> (f64, f64) {
        let [beta1, beta2] = self.betas;
        let updates = f64::from(updates);
        (learning_rate / (1.0 - beta1.powf(updates)), (1.0 - beta2.powf(updates)).sqrt())
    }
}

impl Optimizer for Adam {
    fn update_host(
        &mut self,
        slot: &str,
        value: &mut [f32],
        gradient: &[f32],
        scale: f32,
        learning_rate: f64,
    ) {
        let count = self.updates.host(slot, 1);
        count[0] += 1.0;
        let count = count[0];
        let (rate, correction) = self.corrections(count, learning_rate);
        let (rate, inverse_correction) = (rate as f32, (1.0 / correction) as f32);
        let [beta1, beta2] = self.betas.map(|beta| beta as f32);
        let eps = self.eps as f32;
        let (shrink, decay) = if self.decoupled {
            ((1.0 - learning_rate * self.weight_decay) as f32, 0.0)
        } else {
            (1.0, self.weight_decay as f32)
        };
        let first = self.first.host(slot, value.len());
        let second = self.second.host(slot, value.len());
        for (((x, &g), m), v) in value.iter_mut().zip(gradient).zip(first).zip(second) {
            let g = scale * g + decay * *x;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *x = shrink * *x - rate * *m / (v.sqrt() * inverse_correction + eps);
        }
    }

    fn update_device(
        &mut self,
        slot: &str,
        value: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) -> Tensor<1> {
        let count = self.updates.host(slot, 1);
        count[0] += 1.0;
        let count = count[0];
        let (rate, correction) = self.corrections(count, learning_rate);
        let [beta1, beta2] = self.betas;
        let (value, gradient) = if self.decoupled {
            (value.mul_scalar(1.0 - learning_rate * self.weight_decay), gradient)
        } else if self.weight_decay == 0.0 {
            (value, gradient)
        } else {
            let decay = value.clone().mul_scalar(self.weight_decay);
            (value, gradient + decay)
        };
        let first = self.first.take(slot, &value).mul_scalar(beta1)
            + gradient.clone().mul_scalar(1.0 - beta1);
        let second = self.second.take(slot, &value).mul_scalar(beta2)
            + gradient.square().mul_scalar(1.0 - beta2);
        self.first.put(slot, first.clone());
        self.second.put(slot, second.clone());
        let root = second.sqrt().div_scalar(correction).add_scalar(self.eps);
        value - first.mul_scalar(rate) / root
    }

    fn state(&self) -> Vec<NamedTensor> {
        self.first.state().chain(self.second.state()).chain(self.updates.state()).collect()
    }

    fn load_state(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), NetworkError> {
        self.first.load(tensors, device)?;
        self.second.load(tensors, device)?;
        self.updates.load(tensors, &Device::flex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        let device = Device::flex();
        for config in [AdamConfig { weight_decay: 0.1, ..AdamConfig::default() }] {
            let (mut on_host, mut on_device) = (config.build(), config.build());
            let mut host = vec![1.0_f32, -2.0, 0.5];
            let mut other = host.clone();
            for step in 0..5 {
                let gradient = |x: &[f32]| -> Vec<f32> {
                    x.iter().map(|x| x * 0.5 + step as f32 * 0.1).collect()
                };
                let g = gradient(&host);
                on_host.update_host("w", &mut host, &g, 1.0, 0.1);
                let g = gradient(&other);
                other = on_device
                    .update_device(
                        "w",
                        Tensor::from_floats(other.as_slice(), &device),
                        Tensor::from_floats(g.as_slice(), &device),
                        0.1,
                    )
                    .into_data()
                    .try_to_vec()
                    .unwrap();
            }
            for (a, b) in host.iter().zip(&other) {
                assert!((a - b).abs() < 1e-5, "{host:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_decay_rate_of_one_is_refused() {
        let config = AdamConfig { betas: [0.9, 1.0], ..AdamConfig::default() };
        assert_eq!(config.check().unwrap_err().field, "betas");
    }
}
