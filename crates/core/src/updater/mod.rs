//! One optimizer step over any number of networks: groups, schedules, factors by part, clipping,
//! accumulation.

mod group;
mod part;
mod rules;

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::error::NetworkError;
use crate::named_tensor::NamedTensor;
use crate::parameter::ParameterSet;
use rules::{GradientSum, GradientSums, GroupRule, SumRule};

pub use group::{GroupSelector, LearningRateFactors, UpdateGroup};
pub use part::{Part, Role, load_parts, part_tensors};

/// How gradients become updates, besides the groups.
#[derive(Clone, Copy, Debug)]
pub struct UpdateSettings {
    /// Factors of the learning rate by part.
    pub factors: LearningRateFactors,
    /// Largest Euclidean norm of all gradients of one update together.
    pub clip_norm: Option<f64>,
    /// Batches whose gradients are averaged for one update.
    pub accumulate: usize,
}

/// The place of an update in its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdatePlace {
    /// The step, from 0.
    pub step: usize,
    /// Steps of the stage.
    pub total_steps: usize,
    /// The batch of this step, from 0, below [`UpdateSettings::accumulate`].
    pub batch: usize,
    /// Number of updates that this step has made before this one.
    pub phase: usize,
}

/// Applies gradients to networks.
pub struct Updater {
    groups: Vec<UpdateGroup>,
    settings: UpdateSettings,
    /// Sums of the gradients of a step's earlier batches, by phase and slot.
    sums: GradientSums,
}

impl Updater {
    /// An updater of `groups`; the first one holds every parameter that no other holds.
    ///
    /// # Panics
    /// If there is no group.
    pub fn new(groups: Vec<UpdateGroup>, settings: UpdateSettings) -> Self {
        assert!(!groups.is_empty(), "an updater needs a group");
        Self { groups, settings, sums: BTreeMap::new() }
    }

    /// Batches whose gradients are averaged for one update.
    pub fn accumulate(&self) -> usize {
        self.settings.accumulate.max(1)
    }

    /// The learning rate of the first group at `step` of `total_steps`, before factors by part.
    pub fn learning_rate(&self, step: usize, total_steps: usize) -> f64 {
        let group = &self.groups[0];
        group.learning_rate * group.schedule.factor(step, total_steps)
    }

    /// Updates every parameter of `parts` in `set` that has a gradient; other gradients are left
    /// alone. Where gradients are accumulated, the last batch of a step updates and the ones
    /// before are summed.
    pub fn update(
        &mut self,
        place: UpdatePlace,
        gradients: &mut Gradients,
        parts: Vec<Part<'_>>,
        set: ParameterSet,
    ) {
        let parts: Vec<_> =
            parts.into_iter().filter(|part| self.settings.factors.of(part.role) > 0.0).collect();
        let accumulate = self.accumulate();
        if place.batch + 1 < accumulate {
            for part in parts {
                let mut rule =
                    SumRule { sums: &mut self.sums, phase: place.phase, prefix: &part.name, set };
                part.network.update(gradients, &mut rule);
            }
            return;
        }
        let scale = self.clip_scale(place.phase, gradients, &parts, set) / accumulate as f32;
        for part in parts {
            let mut rule = GroupRule {
                groups: &mut self.groups,
                sums: &mut self.sums,
                place,
                prefix: &part.name,
                role: part.role,
                factor: self.settings.factors.of(part.role),
                scale,
                set,
            };
            part.network.update(gradients, &mut rule);
        }
    }

    /// The optimizers' states, for a checkpoint.
    pub fn state(&self) -> Vec<NamedTensor> {
        let of_group = |(index, group): (usize, &UpdateGroup)| {
            let state = group.optimizer.state().into_iter();
            state
                .map(|tensor| NamedTensor { path: format!("{index}/{}", tensor.path), ..tensor })
                .collect::<Vec<_>>()
        };
        self.groups.iter().enumerate().flat_map(of_group).collect()
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
        self.sums.clear();
        for (index, group) in self.groups.iter_mut().enumerate() {
            let prefix = format!("{index}/");
            let own = tensors.iter().filter_map(|(path, data)| {
                Some((path.strip_prefix(&prefix)?.to_owned(), data.clone()))
            });
            group.optimizer.load_state(&own.collect(), device)?;
        }
        Ok(())
    }

    /// The factor that brings the norm of the averaged gradients below the limit.
    fn clip_scale(
        &self,
        phase: usize,
        gradients: &Gradients,
        parts: &[Part<'_>],
        set: ParameterSet,
    ) -> f32 {
        let Some(limit) = self.settings.clip_norm else { return 1.0 };
        let mut sum = 0.0;
        for part in parts {
            part.network.visit_gradients(gradients, &mut |parameter, gradient| {
                if !set.includes(parameter) {
                    return;
                }
                let earlier = self.sums.get(&(phase, format!("{}.{}", part.name, parameter.path)));
                let gradient = match earlier {
                    None => gradient,
                    Some(GradientSum::Device(earlier)) => gradient + (**earlier).clone(),
                    Some(GradientSum::Host(earlier)) => {
                        let data = TensorData::new(earlier.clone(), [earlier.len()]);
                        gradient.clone() + Tensor::from_data(data, &gradient.device())
                    }
                };
                sum += gradient.square().sum().into_scalar::<f64>();
            });
        }
        let norm = sum.sqrt() / self.accumulate() as f64;
        if norm > limit { (limit / norm) as f32 } else { 1.0 }
    }
}
