//! Neighbourhood reciprocity clustering.

use burn::tensor::Int;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_losses::target::{entropy_of_mean, neighbour_agreement};

use crate::memory::{Memory, begun};

const NAME: &str = "nrc";

inventory::submit! {
    Plugin::driver::<Nrc>(
        About {
            name: NAME,
            summary: "Fits a trained model to the target so that neighbours predict alike, without \
                      the source",
            paper: "Yang, Wang, van de Weijer, Herranz, Jui: Exploiting the intrinsic neighborhood \
                    structure for source-free domain adaptation, NeurIPS 2021",
        },
        Needs::TRAINED.alone().of_classes().without_source(),
    )
}

/// Source-free adaptation: a second stage, after one that trained the model on the source. The whole
/// model is trained on target batches alone; no source sample is read.
///
/// A memory holds features and predicted probabilities `S` of every target training sample; the rows
/// of a batch are remembered as the step's pass gives them. Neighbours are those of largest cosine
/// similarity. With `p_i` what the model predicts of row `i`, the loss is `-mean_i sum_k a_k S_k · p_i
/// - diversity * H(mean_i p_i)`.
///
/// Row `i`'s neighbours `k` have the affinity `a_k = 1` where row `i` is among the
/// `expanded_neighbours` of `k` (they are reciprocal), else `affinity`.
///
/// The `expanded_neighbours` of each of them have `affinity`; one that comes twice counts twice.
///
/// Row `i` itself has `self_affinity`, its remembered prediction held constant.
///
/// The memory has `features + outputs` values for each target sample, and is part of checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nrc {
    /// Number of neighbours. The authors use 4 for Office-Home, 2 or 3 for Office-31, 5 for VisDA.
    #[schemars(range(min = 1))]
    pub neighbours: usize,
    /// Number of each neighbour's own neighbours. The authors use 3 for Office-Home, 2 or 3 for
    /// Office-31, 5 for VisDA.
    #[schemars(range(min = 1))]
    pub expanded_neighbours: usize,
    /// Affinity of neighbours that are not reciprocal, and of neighbours' neighbours.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub affinity: f64,
    /// Affinity of a row with itself. The authors' code leaves this part of the paper out: 0.
    #[schemars(range(min = 0.0))]
    pub self_affinity: f64,
    /// Factor of the entropy of the mean prediction; presumes classes of about equal frequency.
    #[schemars(range(min = 0.0))]
    pub diversity: f64,
}

impl Default for Nrc {
    fn default() -> Self {
        Self {
            neighbours: 4,
            expanded_neighbours: 3,
            affinity: 0.1,
            self_affinity: 1.0,
            diversity: 1.0,
        }
    }
}

impl PluginConfig for Nrc {}

impl DriverPlugin for Nrc {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        Ok(Box::new(Reciprocity { config: self.clone(), memory: None }))
    }
}

/// The driver.
struct Reciprocity {
    config: Nrc,
    /// There once the stage has begun.
    memory: Option<Memory>,
}

/// What the neighbours of rows predict.
struct Neighbourhood {
    /// Their probabilities times their affinities, `[rows, outputs]`.
    targets: Tensor<2>,
    /// The share of neighbours that are reciprocal.
    reciprocal: f64,
}

impl Nrc {
    /// The neighbourhood of the rows at these places of the memory.
    fn neighbourhood(&self, memory: &Memory, places: &[usize]) -> Neighbourhood {
        let rows = places.len();
        let (features, probabilities) = (memory.features(), memory.probabilities());
        let outputs = probabilities.dims()[1];
        let itself = memory.places(places);
        let own = features.clone().select(0, itself.clone());
        let nearest = memory.nearest(own, itself.clone(), self.neighbours);
        let count = nearest.dims()[1];
        let nearest: Tensor<1, Int> = nearest.reshape([rows * count]);
        let theirs = features.select(0, nearest.clone());
        let expanded = memory.nearest(theirs, nearest.clone(), self.expanded_neighbours);
        let further = expanded.dims()[1];
        // [rows * count, further]: where a neighbour's neighbour is the row itself.
        let itself_again = itself.clone().reshape([rows, 1]).repeat_dim(1, count);
        let matches = expanded.clone().equal(itself_again.reshape([rows * count, 1])).float();
        let reciprocal = matches.sum_dim(1).clamp_max(1.0);
        let share = reciprocal.clone().mean().into_scalar::<f64>();
        let affinities = reciprocal.mul_scalar(1.0 - self.affinity).add_scalar(self.affinity);
        let of = |places: Tensor<1, Int>| probabilities.clone().select(0, places);
        let sum = |predicted: Tensor<2>, each: usize| {
            predicted.reshape([rows, each, outputs]).sum_dim(1).squeeze_dim::<2>(1)
        };
        let of_neighbours = sum(of(nearest) * affinities, count);
        let of_expanded = sum(of(expanded.reshape([rows * count * further])), count * further);
        let of_itself = of(itself).mul_scalar(self.self_affinity);
        let targets = of_neighbours + of_expanded.mul_scalar(self.affinity) + of_itself;
        Neighbourhood { targets, reciprocal: share }
    }
}

impl Method for Reciprocity {
    fn state(&self) -> Vec<NamedTensor> {
        self.memory.iter().flat_map(Memory::state).collect()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        begun(&mut self.memory, NAME)?.load_state(&state, NAME)
    }
}

impl Driver for Reciprocity {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        self.memory = Some(Memory::of_target(stage, NAME)?);
        Ok(())
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let memory = begun(&mut self.memory, NAME)?;
        let (data, device) = (step.stage.data, step.stage.device.clone());
        let batch = data.target_batch(step.batch_number(), &device)?;
        let segments = vec![Segment { domain: DomainRole::Target, rows: batch.input.rows() }];
        let output = step.first_pass(batch.input, segments);
        let logits = output.logits;
        memory.replace(&batch.indices, &Memory::new(output.features, logits.clone()));
        let found = self.config.neighbourhood(memory, &batch.indices);
        let agreement = neighbour_agreement(logits.clone(), Tensor::from_inner(found.targets));
        let diversity = entropy_of_mean(logits);
        if step.measure {
            step.note("agreement", agreement.clone().into_scalar::<f64>());
            step.note("entropy_of_mean", diversity.clone().into_scalar::<f64>());
            step.note("reciprocal_share", found.reciprocal);
        }
        let loss = agreement - diversity.mul_scalar(self.config.diversity);
        step.update(&loss, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    use super::*;

    /// A model trained on the source, which cannot be read any longer.
    fn trained(rows: usize, steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, rows, 2.0).batches(20, 12);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1);
        bench.train_on_source(100);
        bench.data.source_hidden = true;
        bench
    }

    fn begun_driver(bench: &mut Workbench, config: &str) -> Box<dyn Driver> {
        let mut method = driver("nrc", config, &bench.context());
        method.begin(&mut bench.stage()).unwrap();
        method
    }

    /// Angles 0, 10, 30, 35 and 90 degrees; one neighbour each: 0 and 10 degrees are reciprocal, as are
    /// 30 and 35, and 90 degrees is nobody's neighbour.
    #[test]
    fn neighbours_count_by_whether_they_are_reciprocal() {
        let angles = [0.0_f32, 10.0, 30.0, 35.0, 90.0].map(f32::to_radians);
        let features = angles.map(|angle| [angle.cos(), angle.sin()]);
        let logits = [[2.0_f32, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 2.0]];
        let device = Device::flex();
        let memory =
            Memory::new(Tensor::from_data(features, &device), Tensor::from_data(logits, &device));
        let first = [2.0_f64, 1.0, 0.0, -1.0, -2.0].map(|z| 1.0 / (1.0 + (-z).exp()));
        let config = Nrc { neighbours: 1, expanded_neighbours: 1, ..Nrc::default() };
        let found = config.neighbourhood(&memory, &[0, 4]);
        let targets: Vec<f64> = found.targets.to_data().iter::<f64>().collect();
        // Row 0: neighbour 1, reciprocal; whose neighbour is row 0; and itself.
        let of_0 = first[1] + 0.1 * first[0] + first[0];
        // Row 4: neighbour 3, whose neighbour is 2; and itself.
        let of_4 = 0.1 * first[3] + 0.1 * first[2] + first[4];
        for (found, want) in targets.iter().zip([of_0, 2.1 - of_0, of_4, 1.2 - of_4]) {
            assert!((found - want).abs() < 1e-5, "{targets:?}");
        }
        assert_eq!(found.reciprocal, 0.5);
    }

    #[test]
    fn raises_the_accuracy_without_the_source() {
        let mut bench = trained(24, 100);
        let before = bench.target_accuracy();
        let mut method = begun_driver(&mut bench, "");
        let reports = bench.run(&mut *method, 0..100);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        assert!(after > before, "{before} to {after}");
        assert!(reports[99]["agreement"] < reports[0]["agreement"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut bench = trained(1, 10);
        let mut method = driver("nrc", "", &bench.context());
        let error = bench.step(&mut *method, 0, false).unwrap_err().to_string();
        assert!(error.contains("`nrc` has not begun"), "{error}");
        let error = method.begin(&mut bench.stage()).unwrap_err().to_string();
        assert!(error.contains("`nrc` looks at neighbours"), "{error}");
    }

    /// Two samples have one neighbour each; more are asked for.
    #[test]
    fn few_and_equal_samples_are_no_trouble() {
        let mut bench = trained(2, 10);
        bench.data.target = [1.0, 0.5, 0.0].repeat(2);
        let mut method = begun_driver(&mut bench, "");
        for report in bench.run(&mut *method, 0..5) {
            assert_eq!(report["reciprocal_share"], 1.0);
            assert!(report.values().all(|value| value.is_finite()), "{report:?}");
        }
    }

    #[test]
    fn the_defaults_and_needs_are_declared() {
        let plugin = plugin(Kind::Method, "nrc");
        assert_eq!(plugin.needs, Needs::TRAINED.alone().of_classes().without_source());
        assert_eq!((plugin.defaults)()["affinity"], 0.1);
        assert!(config_error("nrc", "neighbours = 0").contains("neighbours"));
    }
}
