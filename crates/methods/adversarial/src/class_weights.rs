//! Weights of the source's classes by how often the target is predicted as them.

use burn::tensor::{Tensor, TensorData, activation::softmax};
use isthmus_core::error::MethodError;
use isthmus_core::named_tensor::{NamedTensor, copy_values};
use isthmus_core::step::{Joint, Step};

/// The path of the class weights in a checkpoint.
const PATH: &str = "class_weights";

/// The weight of a class is the mean probability that the model gives it on all target samples,
/// divided by that of the largest. All are 1 before they are first refreshed.
pub(crate) struct ClassWeights {
    /// The method's name, for messages.
    pub name: &'static str,
    /// By which logits are divided before the mean is taken.
    pub temperature: f64,
    /// Steps from one refresh to the next.
    pub update_every: usize,
    /// One for each output, the largest 1.
    values: Vec<f32>,
}

impl ClassWeights {
    /// Weights of 1 for so many classes.
    pub fn new(name: &'static str, temperature: f64, update_every: usize, classes: usize) -> Self {
        Self { name, temperature, update_every, values: vec![1.0; classes] }
    }

    /// Takes the weights anew from what the model predicts of the target, if this step is to.
    pub fn refresh(&mut self, step: &Step<'_>) -> Result<(), MethodError> {
        let due = step.number > 0 && step.number.is_multiple_of(self.update_every);
        if !due || !step.is_first_batch() {
            return Ok(());
        }
        let logits = step.stage.predict_target()?;
        let mean = softmax(logits.div_scalar(self.temperature), 1).mean_dim(0);
        let mean: Vec<f32> = mean.to_data().iter::<f32>().collect();
        let largest = mean.iter().copied().fold(0.0, f32::max);
        if largest.is_nan() || largest <= 0.0 {
            return Err(MethodError::Diverged {
                quantity: "the largest class weight".to_owned(),
                value: f64::from(largest),
                step: step.number,
            });
        }
        self.values = mean.into_iter().map(|weight| weight / largest).collect();
        Ok(())
    }

    /// The weight of each source row's class.
    pub fn of_rows(&self, joint: &Joint) -> Result<Vec<f32>, MethodError> {
        let Some(classes) = joint.targets.classes() else {
            return Err(MethodError::Unsuitable(format!(
                "`{}` weighs classes, this data set has {}",
                self.name,
                joint.targets.kind()
            )));
        };
        Ok(classes.iter().map(|&class| self.values[class as usize]).collect())
    }

    /// The same, divided by their mean `[source rows]`, as a cross-entropy with class weights has
    /// it; all 0 where they are 0.
    pub fn of_mean_1(&self, joint: &Joint) -> Result<Tensor<1>, MethodError> {
        Ok(row_weights(scaled_to_mean_1(self.of_rows(joint)?), joint))
    }

    /// The smallest weight.
    pub fn smallest(&self) -> f64 {
        f64::from(self.values.iter().copied().fold(f32::INFINITY, f32::min))
    }

    /// The weights as a checkpoint's tensor.
    pub fn state(&self) -> NamedTensor {
        let data = TensorData::new(self.values.clone(), [self.values.len()]);
        NamedTensor { path: PATH.to_owned(), data }
    }

    /// Takes a checkpoint's tensors back.
    pub fn load_state(&mut self, state: &[NamedTensor]) -> Result<(), MethodError> {
        copy_values(state, PATH, &mut self.values)
    }
}

/// Weights divided by their mean; all 0 where they are 0.
pub(crate) fn scaled_to_mean_1(weights: Vec<f32>) -> Vec<f32> {
    let mean = (weights.iter().sum::<f32>() / weights.len() as f32).max(f32::MIN_POSITIVE);
    weights.into_iter().map(|weight| weight / mean).collect()
}

/// Weights of rows as a tensor beside those of a joint batch.
pub(crate) fn row_weights(weights: Vec<f32>, joint: &Joint) -> Tensor<1> {
    let rows = weights.len();
    Tensor::from_data(TensorData::new(weights, [rows]), &joint.features.device())
}

#[cfg(test)]
pub(crate) mod tests {
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench};

    use super::*;

    /// A target that is moved by `shift` and whose rows are all of the second class.
    pub(crate) fn partial(shift: f32, steps: usize) -> Workbench {
        let mut data = TwoDomains::shifted(32, 32, shift);
        let rows = (0..32).filter(|row| data.target_labels[*row] == 1);
        data.target = rows.flat_map(|row| data.target[row * 3..row * 3 + 3].to_vec()).collect();
        data.target_labels = vec![1; 16];
        data.target_batch = 16;
        Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1)
    }

    #[test]
    fn weights_are_scaled_to_mean_1_where_they_can_be() {
        assert_eq!(scaled_to_mean_1(vec![0.5, 1.5, 1.0]), [0.5, 1.5, 1.0]);
        assert_eq!(scaled_to_mean_1(vec![0.25, 0.75]), [0.5, 1.5]);
        assert_eq!(scaled_to_mean_1(vec![0.0, 0.0]), [0.0, 0.0]);
    }
}
