//! Auxiliary target domain-oriented classifier: labels from neighbours in a memory.

use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;

use crate::label_loss::LabelLoss;
use crate::memory::{Memory, begun};

const NAME: &str = "atdoc";

inventory::submit! {
    Plugin::term::<Atdoc>(About {
        name: NAME,
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
/// `sum_i w_i L_i / sum_i w_i`, times the share of the stage's steps that is done.
///
/// Neighbours are those of largest cosine similarity. Remembered probabilities are sharpened when
/// they are read: squared, divided by their sum over all samples of the class, which keeps frequent
/// classes from taking over, and scaled to sum to 1. The rows of a batch are remembered as the joint
/// pass gives them.
///
/// The memory has `features + outputs` values for each target sample, and is part of checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Atdoc {
    /// Number of neighbours.
    #[schemars(range(min = 1))]
    pub neighbours: usize,
    /// The loss `L_i` against the neighbours' class.
    pub loss: LabelLoss,
}

impl Default for Atdoc {
    fn default() -> Self {
        Self { neighbours: 5, loss: LabelLoss::default() }
    }
}

impl PluginConfig for Atdoc {}

impl TermPlugin for Atdoc {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(Neighbourhood { config: self.clone(), memory: None }))
    }
}

/// The term.
struct Neighbourhood {
    config: Atdoc,
    /// There once the stage has begun.
    memory: Option<Memory>,
}

/// Keeps a class of no mass, or a row that no class has, from dividing zero by zero.
const SMALLEST: f64 = 1e-12;

/// The mean sharpened probabilities that the `count` nearest neighbours of each row of `new` have in
/// `memory`, `[rows, outputs]`; `places` are where the rows themselves are remembered.
fn votes(memory: &Memory, new: &Memory, places: &[usize], count: usize) -> Tensor<2> {
    let nearest = memory.nearest(new.features(), memory.places(places), count);
    let [rows, count] = nearest.dims();
    let sharp = memory.probabilities().square();
    let sharp = sharp.clone() / sharp.sum_dim(0).clamp_min(SMALLEST);
    let sharp = sharp.clone() / sharp.sum_dim(1).clamp_min(SMALLEST);
    let outputs = sharp.dims()[1];
    let found = sharp.select(0, nearest.reshape([rows * count]));
    found.reshape([rows, count, outputs]).mean_dim(1).squeeze_dim::<2>(1)
}

impl Method for Neighbourhood {
    fn state(&self) -> Vec<NamedTensor> {
        self.memory.iter().flat_map(Memory::state).collect()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        begun(&mut self.memory, NAME)?.load_state(&state, NAME)
    }
}

impl Term for Neighbourhood {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        self.memory = Some(Memory::of_target(stage, NAME)?);
        Ok(())
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let logits = joint.target_logits();
        let new = Memory::new(joint.target_features(), logits.clone());
        let places = &joint.target_indices;
        let memory = begun(&mut self.memory, NAME)?;
        let found = votes(memory, &new, places, self.config.neighbours);
        memory.replace(places, &new);
        let (weights, labels) = found.max_dim_with_indices(1);
        let weights = weights.squeeze_dim::<1>(1);
        if step.measure {
            step.note("agreement", weights.clone().mean().into_scalar::<f64>());
        }
        let mass = weights.clone().sum().clamp_min(SMALLEST);
        let weights = Tensor::from_inner(weights / mass);
        let losses = self.config.loss.per_sample(logits, labels.squeeze_dim::<1>(1));
        let done = step.number as f64 / step.stage.total_steps.max(1) as f64;
        Ok((losses * weights).sum().mul_scalar(done))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, assert_term_gains, config_error, plugin};

    use super::*;

    #[test]
    fn neighbours_vote_and_a_row_itself_does_not() {
        let rows = |values: [[f32; 2]; 5]| Tensor::<2>::from_data(values, &Device::flex());
        let features = rows([[1.0, 0.0], [0.9, 0.1], [0.8, 0.1], [0.0, 2.0], [0.1, 1.0]]);
        let certain = rows([[9.0, -9.0], [-9.0, 9.0], [-9.0, 9.0], [9.0, -9.0], [9.0, -9.0]]);
        let memory = Memory::new(features.clone(), certain.clone());
        let first = |rows: Tensor<2>| rows.narrow(0, 0, 1);
        let new = Memory::new(first(features).mul_scalar(5.0), first(certain));
        let voted = |count| -> Vec<f64> {
            votes(&memory, &new, &[0], count).to_data().iter::<f64>().collect()
        };
        // The first row's neighbours are of the other class.
        let found = voted(2);
        assert!(found[0] < 1e-3 && found[1] > 0.999, "{found:?}");
        let found = voted(4);
        assert!((found[0] - 0.5).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        // Where the domains are nearer, 2.0, the memory's first labels pull one class into the other:
        // 0.92 without, 0.54 with.
        assert_term_gains("atdoc", "", FAR, 100);
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "atdoc");
        assert_eq!((plugin.weight, (plugin.defaults)()["neighbours"].clone()), (0.2, 5.into()));
        assert!(config_error("atdoc", "neighbours = 0").contains("neighbours"));
    }
}
