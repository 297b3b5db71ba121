//! One optimizer step over any number of networks: schedule, factors by part, clipping.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::network::{NamedTensor, Network, Selected, UpdateRule};
use crate::optimizer::{Optimizer, Schedule};

/// What a network is in an experiment; decides its learning-rate factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The extractor (backbone).
    Extractor,
    /// The bottleneck.
    Bottleneck,
    /// A classifier.
    Classifier,
    /// A domain classifier or critic.
    Discriminator,
    /// Any other network that a method owns.
    Auxiliary,
}

/// A network with the name its parameters are recorded under.
pub struct Part<'a> {
    /// Unique name, the first component of the parameters' slots.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The network.
    pub network: &'a mut (dyn Network + 'static),
}

/// Factors by which the learning rate of each part is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningRateFactors {
    /// Factor of the extractor. A pretrained backbone usually gets 0.1, one trained from scratch 1.
    #[schemars(range(min = 0.0))]
    pub extractor: f64,
    /// Factor of the bottleneck.
    #[schemars(range(min = 0.0))]
    pub bottleneck: f64,
    /// Factor of the classifier.
    #[schemars(range(min = 0.0))]
    pub classifier: f64,
    /// Factor of discriminators and critics.
    #[schemars(range(min = 0.0))]
    pub discriminator: f64,
    /// Factor of other networks that a method owns, such as a decoder.
    #[schemars(range(min = 0.0))]
    pub auxiliary: f64,
}

impl Default for LearningRateFactors {
    fn default() -> Self {
        Self {
            extractor: 1.0,
            bottleneck: 1.0,
            classifier: 1.0,
            discriminator: 1.0,
            auxiliary: 1.0,
        }
    }
}

impl LearningRateFactors {
    fn of(&self, role: Role) -> f64 {
        match role {
            Role::Extractor => self.extractor,
            Role::Bottleneck => self.bottleneck,
            Role::Classifier => self.classifier,
            Role::Discriminator => self.discriminator,
            Role::Auxiliary => self.auxiliary,
        }
    }
}

/// Applies gradients to networks.
pub struct Updater {
    optimizer: Box<dyn Optimizer>,
    schedule: Box<dyn Schedule>,
    base_learning_rate: f64,
    factors: LearningRateFactors,
    clip_norm: Option<f64>,
}

impl Updater {
    /// An updater with base learning rate `base_learning_rate`; `clip_norm` bounds the Euclidean
    /// norm of all gradients of one update together.
    pub fn new(
        optimizer: Box<dyn Optimizer>,
        schedule: Box<dyn Schedule>,
        base_learning_rate: f64,
        factors: LearningRateFactors,
        clip_norm: Option<f64>,
    ) -> Self {
        Self { optimizer, schedule, base_learning_rate, factors, clip_norm }
    }

    /// The learning rate at `step` of `total_steps`, before factors by part.
    pub fn learning_rate(&self, step: usize, total_steps: usize) -> f64 {
        self.base_learning_rate * self.schedule.factor(step, total_steps)
    }

    /// Updates every parameter of `parts` that has a gradient; other gradients are left alone.
    pub fn update(
        &mut self,
        step: usize,
        total_steps: usize,
        gradients: &mut Gradients,
        parts: Vec<Part<'_>>,
    ) {
        self.update_selected(step, total_steps, gradients, parts, Selected::All);
    }

    /// Updates every selected parameter of `parts` that has a gradient.
    pub fn update_selected(
        &mut self,
        step: usize,
        total_steps: usize,
        gradients: &mut Gradients,
        parts: Vec<Part<'_>>,
        selected: Selected,
    ) {
        let learning_rate = self.learning_rate(step, total_steps);
        let scale = self.clip_scale(gradients, &parts, selected);
        for part in parts {
            let factor = self.factors.of(part.role);
            if factor == 0.0 {
                continue;
            }
            let mut rule = SlotRule {
                optimizer: &mut *self.optimizer,
                prefix: &part.name,
                scale,
                learning_rate: learning_rate * factor,
            };
            part.network.update(gradients, selected, &mut rule);
        }
    }

    /// The optimizer's state, for a checkpoint.
    pub fn state(&self) -> Vec<NamedTensor> {
        self.optimizer.state()
    }

    /// Takes a checkpoint's state back.
    ///
    /// # Errors
    /// If the state is another optimizer's.
    pub fn load_state(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
        device: &Device,
    ) -> Result<(), NetworkError> {
        self.optimizer.load_state(tensors, device)
    }

    fn clip_scale(&self, gradients: &Gradients, parts: &[Part<'_>], selected: Selected) -> f32 {
        let Some(limit) = self.clip_norm else { return 1.0 };
        let norm = parts
            .iter()
            .map(|part| part.network.selected_square_sum(gradients, selected))
            .sum::<f64>()
            .sqrt();
        if norm > limit { (limit / norm) as f32 } else { 1.0 }
    }
}

struct SlotRule<'a> {
    optimizer: &'a mut dyn Optimizer,
    prefix: &'a str,
    scale: f32,
    learning_rate: f64,
}

impl UpdateRule for SlotRule<'_> {
    fn update_host(&mut self, path: &str, value: &mut [f32], gradient: &[f32]) {
        let slot = format!("{}.{path}", self.prefix);
        self.optimizer.update_host(&slot, value, gradient, self.scale, self.learning_rate);
    }

    fn update_device(&mut self, path: &str, value: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let slot = format!("{}.{path}", self.prefix);
        let gradient = if self.scale == 1.0 { gradient } else { gradient.mul_scalar(self.scale) };
        self.optimizer.update_device(&slot, value, gradient, self.learning_rate)
    }
}
