//! A memory of features and predictions of all target training samples, and neighbours in it.

use std::collections::BTreeMap;

use burn::tensor::activation::softmax;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use isthmus_core::error::MethodError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::stage::Stage;

/// What is remembered of all target training rows, off the tape.
pub(crate) struct Memory {
    /// Features of length 1, `[rows, features]`.
    features: Tensor<2>,
    /// Predicted probabilities `[rows, outputs]`.
    probabilities: Tensor<2>,
}

/// Keeps a row of zeros from dividing zero by zero.
const SMALLEST: f64 = 1e-12;

/// The paths of the memory in a checkpoint.
const PATHS: [&str; 2] = ["features", "probabilities"];

impl Memory {
    /// What the model makes of the target's training samples; `method` is the name of the method
    /// that looks at neighbours.
    pub fn of_target(stage: &Stage<'_>, method: &str) -> Result<Self, MethodError> {
        let outputs = stage.target_outputs()?;
        let rows = outputs.features.dims()[0];
        if rows < 2 {
            return Err(MethodError::Unsuitable(format!(
                "`{method}` looks at neighbours among the target's training samples, there are \
                 {rows}"
            )));
        }
        Ok(Self::new(outputs.features, outputs.logits))
    }

    /// Rows as they are to be remembered.
    pub fn new(features: Tensor<2>, logits: Tensor<2>) -> Self {
        Self { features: unit_rows(features.inner()), probabilities: softmax(logits.inner(), 1) }
    }

    /// Features of length 1, `[rows, features]`.
    pub fn features(&self) -> Tensor<2> {
        self.features.clone()
    }

    /// Predicted probabilities `[rows, outputs]`.
    pub fn probabilities(&self) -> Tensor<2> {
        self.probabilities.clone()
    }

    /// Places in the memory as a tensor.
    pub fn places(&self, places: &[usize]) -> Tensor<1, Int> {
        self.indices(places.iter().map(|place| *place as i64).collect())
    }

    /// Remembers rows anew; of a row that comes twice the last counts.
    pub fn replace(&mut self, places: &[usize], new: &Self) {
        let last: BTreeMap<usize, i64> = places.iter().copied().zip(0..).collect();
        let (places, rows): (Vec<i64>, Vec<i64>) =
            last.into_iter().map(|(place, row)| (place as i64, row)).unzip();
        let [places, rows] = [places, rows].map(|values| self.indices(values));
        let replaced = |own: &Tensor<2>, new: &Tensor<2>| {
            let change =
                new.clone().select(0, rows.clone()) - own.clone().select(0, places.clone());
            own.clone().select_assign(0, places.clone(), change, IndexingUpdateOp::Add)
        };
        self.features = replaced(&self.features, &new.features);
        self.probabilities = replaced(&self.probabilities, &new.probabilities);
    }

    /// Places `[rows, count]` of the `count` rows of largest cosine similarity with each row of
    /// `features` `[rows, features]`, which are of length 1; `itself` is where each row itself is
    /// remembered, which is no neighbour. Fewer, where the memory has fewer others.
    pub fn nearest(
        &self,
        features: Tensor<2>,
        itself: Tensor<1, Int>,
        count: usize,
    ) -> Tensor<2, Int> {
        let [all, _] = self.probabilities.dims();
        // Similarities are between -1 and 1: a row itself comes after all others.
        let itself = itself.one_hot::<2>(all).float().mul_scalar(3.0);
        let similarities = features.matmul(self.features.clone().transpose()) - itself;
        let count = count.min(all.saturating_sub(1)).max(1);
        similarities.topk_with_indices(count, 1).1
    }

    /// The memory as a checkpoint's tensors.
    pub fn state(&self) -> Vec<NamedTensor> {
        let tensors = [&self.features, &self.probabilities];
        PATHS.iter().zip(tensors).map(|(path, tensor)| NamedTensor::of(path, tensor)).collect()
    }

    /// Takes a checkpoint's tensors back; `method` is the name of the method that remembers.
    pub fn load_state(&mut self, state: &[NamedTensor], method: &str) -> Result<(), MethodError> {
        for (path, own) in PATHS.iter().zip([&mut self.features, &mut self.probabilities]) {
            let shape = own.dims();
            let found = state.iter().find(|tensor| tensor.path == *path);
            match found {
                Some(tensor) if tensor.data.shape().to_vec() == shape.to_vec() => {
                    *own = Tensor::from_data(tensor.data.clone(), &own.device());
                }
                _ => {
                    return Err(MethodError::Checkpoint(format!(
                        "it holds no `{path}` of shape {shape:?} for `{method}`"
                    )));
                }
            }
        }
        Ok(())
    }

    fn indices(&self, values: Vec<i64>) -> Tensor<1, Int> {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &self.features.device())
    }
}

/// The memory of a method whose stage has begun.
pub(crate) fn begun<'a>(
    memory: &'a mut Option<Memory>,
    method: &str,
) -> Result<&'a mut Memory, MethodError> {
    memory.as_mut().ok_or_else(|| {
        MethodError::Unsuitable(format!("`{method}` has not begun: it has no memory"))
    })
}

/// Each row divided by its length.
fn unit_rows(rows: Tensor<2>) -> Tensor<2> {
    let lengths = rows.clone().square().sum_dim(1).sqrt().clamp_min(SMALLEST);
    rows / lengths
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench};

    use super::*;

    fn rows<const N: usize, const D: usize>(values: [[f32; D]; N]) -> Tensor<2> {
        Tensor::from_data(values, &Device::flex())
    }

    fn values(tensor: &Tensor<2>) -> Vec<f64> {
        tensor.to_data().iter::<f64>().collect()
    }

    #[test]
    fn neighbours_are_the_nearest_by_direction_and_not_the_row_itself() {
        let features = rows([[1.0, 0.0], [0.9, 0.2], [8.0, 1.0], [0.0, 2.0], [0.1, 1.0]]);
        let memory = Memory::new(features.clone(), features);
        let near = |count| -> Vec<i64> {
            let first = memory.features().narrow(0, 0, 1);
            memory.nearest(first, memory.places(&[0]), count).to_data().iter::<i64>().collect()
        };
        assert_eq!(near(2), [2, 1]);
        // More neighbours than there are others.
        assert_eq!(near(50), [2, 1, 4, 3]);
    }

    #[test]
    fn a_batchs_rows_are_remembered_the_last_where_one_comes_twice() {
        let start = rows([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
        let mut memory = Memory::new(start.clone(), start);
        let new = rows([[0.0, 3.0], [4.0, 0.0], [0.0, 2.0]]);
        memory.replace(&[0, 1, 1], &Memory::new(new.clone(), new));
        assert_eq!(values(&memory.features), [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        let probabilities = values(&memory.probabilities);
        assert!((probabilities[0] - 1.0 / (1.0 + 3.0_f64.exp())).abs() < 1e-6);
        assert!((probabilities[2] - 1.0 / (1.0 + 2.0_f64.exp())).abs() < 1e-6);
    }

    #[test]
    fn a_checkpoint_gives_the_memory_back_and_others_are_refused() {
        let bench = |rows| {
            let data = TwoDomains::shifted(40, rows, 2.0);
            Workbench::new(ModelSpec::NORMALISED, data, 10, 0.1)
        };
        let mut memory = Memory::of_target(&bench(24).stage(), "nrc").unwrap();
        let state = memory.state();
        memory.load_state(&state, "nrc").unwrap();
        for (own, other) in memory.state().iter().zip(&state) {
            assert_eq!(own.data, other.data);
        }
        let error = memory.load_state(&state[..1], "nrc").unwrap_err().to_string();
        assert!(error.contains("no `probabilities` of shape [24, 2] for `nrc`"), "{error}");
        let error = begun(&mut None, "nrc").err().unwrap().to_string();
        assert!(error.contains("`nrc` has not begun"), "{error}");
        let error = Memory::of_target(&bench(1).stage(), "nrc").err().unwrap().to_string();
        assert!(error.contains("there are 1"), "{error}");
    }

    #[test]
    fn rows_of_zeros_are_no_one_s_direction() {
        let memory = Memory::new(Tensor::zeros([3, 2], &Device::flex()), rows([[1e4, 0.0]; 3]));
        let all = memory.nearest(memory.features(), memory.places(&[0, 1, 2]), 2);
        assert_eq!(all.dims(), [3, 2]);
        assert!(values(&memory.probabilities()).iter().all(|value| value.is_finite()));
    }
}
