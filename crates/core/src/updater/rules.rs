//! What an update does to each parameter: adds its gradient to a sum, or hands it to its group.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::{Role, UpdateGroup, UpdatePlace};
use crate::network::UpdateRule;
use crate::parameter::{Parameter, ParameterSet};

/// Sums of the gradients of a step's earlier batches, by phase and slot.
pub(super) type GradientSums = BTreeMap<(usize, String), GradientSum>;

/// The sum of a parameter's gradients, where the parameter lives.
pub(super) enum GradientSum {
    Host(Vec<f32>),
    Device(Box<Tensor<1>>),
}

/// Adds gradients to the sums of a step.
pub(super) struct SumRule<'a> {
    pub sums: &'a mut GradientSums,
    pub phase: usize,
    pub prefix: &'a str,
    pub set: ParameterSet,
}

impl UpdateRule for SumRule<'_> {
    fn includes(&self, parameter: &Parameter<'_>) -> bool {
        self.set.includes(parameter)
    }

    fn update_host(&mut self, parameter: &Parameter<'_>, _value: &mut [f32], gradient: &[f32]) {
        let slot = (self.phase, format!("{}.{}", self.prefix, parameter.path));
        match self.sums.get_mut(&slot) {
            Some(GradientSum::Host(sum)) => {
                for (sum, gradient) in sum.iter_mut().zip(gradient) {
                    *sum += gradient;
                }
            }
            _ => {
                self.sums.insert(slot, GradientSum::Host(gradient.to_vec()));
            }
        }
    }

    fn update_device(
        &mut self,
        parameter: &Parameter<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
    ) -> Tensor<1> {
        let slot = (self.phase, format!("{}.{}", self.prefix, parameter.path));
        let sum = match self.sums.remove(&slot) {
            Some(GradientSum::Device(sum)) => *sum + gradient,
            _ => gradient,
        };
        self.sums.insert(slot, GradientSum::Device(Box::new(sum)));
        value
    }
}

/// Hands each parameter to the optimizer of its group.
pub(super) struct GroupRule<'a> {
    pub groups: &'a mut [UpdateGroup],
    pub sums: &'a mut GradientSums,
    pub place: UpdatePlace,
    pub prefix: &'a str,
    pub role: Role,
    pub factor: f64,
    pub scale: f32,
    pub set: ParameterSet,
}

impl GroupRule<'_> {
    /// The group of a parameter and its learning rate at this step.
    fn group(&mut self, parameter: &Parameter<'_>) -> (&mut UpdateGroup, f64) {
        let holds = |group: &UpdateGroup| group.selector.includes(self.role, parameter);
        let index = self.groups.iter().rposition(holds).unwrap_or(0);
        let group = &mut self.groups[index];
        let scheduled = group.schedule.factor(self.place.step, self.place.total_steps);
        let learning_rate = group.learning_rate * scheduled * self.factor;
        (group, learning_rate)
    }

    fn slot(&self, parameter: &Parameter<'_>) -> String {
        format!("{}.{}", self.prefix, parameter.path)
    }
}

impl UpdateRule for GroupRule<'_> {
    fn includes(&self, parameter: &Parameter<'_>) -> bool {
        self.set.includes(parameter)
    }

    fn update_host(&mut self, parameter: &Parameter<'_>, value: &mut [f32], gradient: &[f32]) {
        let slot = self.slot(parameter);
        let scale = self.scale;
        let sum = match self.sums.remove(&(self.place.phase, slot.clone())) {
            Some(GradientSum::Host(mut sum)) => {
                for (sum, gradient) in sum.iter_mut().zip(gradient) {
                    *sum += gradient;
                }
                Some(sum)
            }
            _ => None,
        };
        let (group, learning_rate) = self.group(parameter);
        let gradient = sum.as_deref().unwrap_or(gradient);
        group.optimizer.update_host(&slot, value, gradient, scale, learning_rate);
    }

    fn update_device(
        &mut self,
        parameter: &Parameter<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
    ) -> Tensor<1> {
        let slot = self.slot(parameter);
        let gradient = match self.sums.remove(&(self.place.phase, slot.clone())) {
            Some(GradientSum::Device(sum)) => *sum + gradient,
            _ => gradient,
        };
        let gradient = if self.scale == 1.0 { gradient } else { gradient.mul_scalar(self.scale) };
        let (group, learning_rate) = self.group(parameter);
        group.optimizer.update_device(&slot, value, gradient, learning_rate)
    }
}
