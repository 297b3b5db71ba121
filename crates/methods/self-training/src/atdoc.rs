//! Auxiliary target domain-oriented classifier: labels from neighbours in a memory.

use std::collections::BTreeMap;

use burn::tensor::activation::softmax;
use burn::tensor::{IndexingUpdateOp, Int, TensorData};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_losses::classification::cross_entropy_per_sample;

inventory::submit! {
    Plugin::term::<Atdoc>(About {
        name: "atdoc",
        summary: "Trains on labels that target rows get from their neighbours in a memory",
        paper: "Liang, Hu, Feng: Domain adaptation with auxiliary target domain-oriented \
                classifier, CVPR 2021",
    })
    .of_classes()
    .weight(0.2)
}

/// A memory holds features and predicted probabilities of every target training sample. Each target
/// row of the batch gets the class that its nearest neighbours in the memory have on average, itself
/// left out, and is trained on it with the neighbours' agreement as its weight:
/// `sum_i w_i CE_i / sum_i w_i`, times the share of the stage's steps that is done.
///
/// Neighbours are those of largest cosine similarity. Remembered probabilities are sharpened when
/// they are read: squared, divided by their sum over all samples of the class, which keeps frequent
/// classes from taking over, and scaled to sum to 1. The rows of a batch are remembered as the joint
/// pass gives them.
///
/// The memory has `features + outputs` values for each target sample, and is part of checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Atdoc {
    /// Number of neighbours.
    #[schemars(range(min = 1))]
    pub neighbours: usize,
}

impl Default for Atdoc {
    fn default() -> Self {
        Self { neighbours: 5 }
    }
}

impl PluginConfig for Atdoc {}

impl TermPlugin for Atdoc {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(Neighbourhood { neighbours: self.neighbours, memory: None }))
    }
}

/// The term.
struct Neighbourhood {
    neighbours: usize,
    /// There once the stage has begun.
    memory: Option<Memory>,
}

/// What is remembered of all target training rows, off the tape.
struct Memory {
    /// Features of length 1, `[rows, features]`.
    features: Tensor<2>,
    /// Predicted probabilities `[rows, outputs]`.
    probabilities: Tensor<2>,
}

/// Keeps a row of zeros, or a class of no mass, from dividing zero by zero.
const SMALLEST: f64 = 1e-12;

impl Memory {
    fn new(features: Tensor<2>, logits: Tensor<2>) -> Self {
        Self { features: unit_rows(features.inner()), probabilities: softmax(logits.inner(), 1) }
    }

    /// Remembers rows anew; of a row that comes twice the last counts.
    fn replace(&mut self, places: &[usize], new: &Self) {
        let last: BTreeMap<usize, i64> = places.iter().copied().zip(0..).collect();
        let (places, rows): (Vec<i64>, Vec<i64>) =
            last.into_iter().map(|(place, row)| (place as i64, row)).unzip();
        let device = self.features.device();
        let [places, rows] = [places, rows].map(|values| {
            let count = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
        });
        let replaced = |own: &Tensor<2>, new: &Tensor<2>| {
            let change =
                new.clone().select(0, rows.clone()) - own.clone().select(0, places.clone());
            own.clone().select_assign(0, places.clone(), change, IndexingUpdateOp::Add)
        };
        self.features = replaced(&self.features, &new.features);
        self.probabilities = replaced(&self.probabilities, &new.probabilities);
    }

    /// The mean sharpened probabilities of the nearest neighbours of each row, `[rows, outputs]`;
    /// `places` are where the rows themselves are remembered.
    fn of_neighbours(&self, features: Tensor<2>, places: &[usize], count: usize) -> Tensor<2> {
        let [all, outputs] = self.probabilities.dims();
        let rows = places.len();
        let itself: Vec<i64> = places.iter().map(|place| *place as i64).collect();
        let itself = TensorData::new(itself, [rows]);
        let itself = Tensor::<1, Int>::from_data(itself, &features.device());
        // Similarities are between -1 and 1: a row itself comes after all others.
        let itself = itself.one_hot::<2>(all).float().mul_scalar(3.0);
        let similarities = features.matmul(self.features.clone().transpose()) - itself;
        let count = count.min(all.saturating_sub(1)).max(1);
        let (_, nearest) = similarities.topk_with_indices(count, 1);
        let sharp = self.probabilities.clone().square();
        let sharp = sharp.clone() / sharp.sum_dim(0).clamp_min(SMALLEST);
        let sharp = sharp.clone() / sharp.sum_dim(1).clamp_min(SMALLEST);
        let found = sharp.select(0, nearest.reshape([rows * count]));
        found.reshape([rows, count, outputs]).mean_dim(1).squeeze_dim::<2>(1)
    }
}

/// Each row divided by its length.
fn unit_rows(rows: Tensor<2>) -> Tensor<2> {
    let lengths = rows.clone().square().sum_dim(1).sqrt().clamp_min(SMALLEST);
    rows / lengths
}

/// The paths of the memory in a checkpoint.
const PATHS: [&str; 2] = ["features", "probabilities"];

impl Method for Neighbourhood {
    fn state(&self) -> Vec<NamedTensor> {
        let Some(memory) = &self.memory else { return Vec::new() };
        let tensors = [&memory.features, &memory.probabilities];
        PATHS.iter().zip(tensors).map(|(path, tensor)| NamedTensor::of(path, tensor)).collect()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        let Some(memory) = &mut self.memory else {
            return Err(MethodError::Checkpoint("`atdoc` has not begun".to_owned()));
        };
        for (path, own) in PATHS.iter().zip([&mut memory.features, &mut memory.probabilities]) {
            let shape = own.dims();
            let found = state.iter().find(|tensor| tensor.path == *path);
            match found {
                Some(tensor) if tensor.data.shape().to_vec() == shape.to_vec() => {
                    *own = Tensor::from_data(tensor.data.clone(), &own.device());
                }
                _ => {
                    return Err(MethodError::Checkpoint(format!(
                        "it holds no `{path}` of shape {shape:?} for `atdoc`"
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Term for Neighbourhood {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let outputs = stage.target_outputs()?;
        self.memory = Some(Memory::new(outputs.features, outputs.logits));
        Ok(())
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let Some(memory) = &mut self.memory else {
            return Err(MethodError::Unsuitable("`atdoc` has not begun: no memory".to_owned()));
        };
        let rows = memory.features.dims()[0];
        if rows < 2 {
            return Err(MethodError::Unsuitable(format!(
                "`atdoc` looks at neighbours among the target's training samples, there are {rows}"
            )));
        }
        let logits = joint.target_logits();
        let new = Memory::new(joint.target_features(), logits.clone());
        let places = &joint.target_indices;
        let found = memory.of_neighbours(new.features.clone(), places, self.neighbours);
        memory.replace(places, &new);
        let (weights, labels) = found.max_dim_with_indices(1);
        let weights = weights.squeeze_dim::<1>(1);
        if step.measure {
            step.note("agreement", weights.clone().mean().into_scalar::<f64>());
        }
        let mass = weights.clone().sum().clamp_min(SMALLEST);
        let weights = Tensor::from_inner(weights / mass);
        let losses = cross_entropy_per_sample(logits, labels.squeeze_dim::<1>(1));
        let done = step.number as f64 / step.stage.total_steps.max(1) as f64;
        Ok((losses * weights).sum().mul_scalar(done))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{
        FAR, ModelSpec, TwoDomains, Workbench, assert_term_gains, config_error, plugin, term,
    };

    use super::*;

    fn rows<const N: usize, const D: usize>(values: [[f32; D]; N]) -> Tensor<2> {
        Tensor::from_data(values, &Device::flex())
    }

    fn values(tensor: &Tensor<2>) -> Vec<f64> {
        tensor.to_data().iter::<f64>().collect()
    }

    #[test]
    fn neighbours_by_direction_vote_and_a_row_itself_does_not() {
        let features = rows([[1.0, 0.0], [0.9, 0.1], [0.8, 0.1], [0.0, 2.0], [0.1, 1.0]]);
        let certain = [[9.0, -9.0], [-9.0, 9.0], [-9.0, 9.0], [9.0, -9.0], [9.0, -9.0]];
        let memory = Memory::new(features.clone(), rows(certain));
        // The first row's neighbours are of the other class.
        let first = unit_rows(features.narrow(0, 0, 1).mul_scalar(5.0));
        let found = values(&memory.of_neighbours(first.clone(), &[0], 2));
        assert!(found[0] < 1e-3 && found[1] > 0.999, "{found:?}");
        // More neighbours than there are others.
        let found = values(&memory.of_neighbours(first, &[0], 50));
        assert!((found[0] - 0.5).abs() < 1e-3, "{found:?}");
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
    fn raises_the_accuracy_on_a_shifted_target() {
        // Where the domains are nearer, 2.0, the memory's first labels pull one class into the other:
        // 0.92 without, 0.54 with.
        assert_term_gains("atdoc", "", FAR, 100);
    }

    #[test]
    fn the_memory_is_part_of_a_checkpoint() {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(20, 12);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 10, 0.1);
        let mut method = term("atdoc", "", &bench.context());
        method.begin(&mut bench.stage()).unwrap();
        let state = method.state();
        method.load_state(state.clone()).unwrap();
        for (own, other) in method.state().iter().zip(&state) {
            assert_eq!(own.data, other.data);
        }
        let error = method.load_state(state[..1].to_vec()).unwrap_err().to_string();
        assert!(error.contains("no `probabilities` of shape [24, 2]"), "{error}");
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "atdoc");
        assert_eq!((plugin.weight, (plugin.defaults)()["neighbours"].clone()), (0.2, 5.into()));
        assert!(config_error("atdoc", "neighbours = 0").contains("neighbours"));
    }
}
