//! Prediction of an image's rotation.

use burn::tensor::{Int, TensorData};
use isthmus_core::input::{Input, InputShape};
use isthmus_core::parts::Classifier;
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::classification::cross_entropy;
use rand::RngExt;

use crate::domains::{Chosen, Domains};
use crate::head::head;

inventory::submit! {
    Plugin::term::<Rotation>(About {
        name: "rotation",
        summary: "Learns to see by how many quarters an image was turned",
        paper: "Gidaris, Singh, Komodakis: Unsupervised representation learning by predicting \
                image rotations, ICLR 2018; for adaptation: Sun, Tzeng, Darrell, Efros: \
                Unsupervised domain adaptation through self-supervision, 2019",
    }).of_images()
}

/// Each image is turned by none, one, two or three quarters, drawn at random, and a head of its own
/// on the model's features is to say by how many; the loss is the cross-entropy. Features so have
/// to see what is up in images of either domain, which brings the domains together where the head
/// reads both alike. Images must be square, and what they show must have an upright position.
///
/// Turned images go through the model in a pass of their own, which leaves running statistics as
/// they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// Whose images are turned: those of the `target`, of the `source`, or of `both`.
    pub domains: Domains,
    /// Sizes of the head's hidden layers; none for a linear head.
    pub hidden: Vec<usize>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { domains: Domains::Both, hidden: Vec::new() }
    }
}

impl PluginConfig for Rotation {}

impl TermPlugin for Rotation {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        match context.input_shape {
            InputShape::Image { height, width, .. } if height == width => {}
            shape => return Err(not_square(shape)),
        }
        let head = head(context, "head", &self.hidden, QUARTERS)?;
        Ok(Box::new(RotationTask { domains: self.domains, head }))
    }
}

/// Rotations that are told apart.
const QUARTERS: usize = 4;

fn not_square(shape: InputShape) -> MethodError {
    MethodError::Unsuitable(format!(
        "`rotation` turns square images, this data set has {shape}: for images, bring them to one \
         size by `transform`; for other samples use `reconstruction` or `simclr`"
    ))
}

/// The term.
struct RotationTask {
    domains: Domains,
    head: Box<dyn Classifier>,
}

impl Method for RotationTask {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("head", Role::Auxiliary, &mut *self.head)]
    }
}

impl Term for RotationTask {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let Chosen { input, segments, .. } = self.domains.of(&joint, "rotation")?;
        let shape = input.shape();
        let Input::Images(images) = input else { return Err(not_square(shape)) };
        let turns = draw(images.dims()[0], step.key().named("turns"));
        let context = step.pass_context(segments);
        let turned = Input::Images(turn(images, &turns));
        let features = step.stage.model.features(turned, &context);
        let logits = self.head.forward(features, &context);
        let labels = index(turns, &logits);
        if step.measure {
            let said = logits.clone().argmax(1).squeeze_dim::<1>(1);
            let right = said.equal(labels.clone()).float().mean();
            step.note("rotation_accuracy", right.into_scalar::<f64>());
        }
        Ok(cross_entropy(logits, labels))
    }
}

/// A number of quarters for each row.
fn draw(rows: usize, key: Key) -> Vec<i64> {
    let mut rng = key.rng();
    (0..rows).map(|_| rng.random_range(0..QUARTERS as i64)).collect()
}

/// The images `[rows, channels, side, side]`, each turned to the left by as many quarters.
fn turn(images: Tensor<4>, turns: &[i64]) -> Tensor<4> {
    let rows = turns.len() as i64;
    let once = images.clone().swap_dims(2, 3).flip([2]);
    let twice = images.clone().flip([2, 3]);
    let thrice = images.clone().swap_dims(2, 3).flip([3]);
    let place = turns.iter().zip(0..).map(|(turn, row)| turn * rows + row).collect();
    let place = index(place, &images);
    Tensor::cat(vec![images, once, twice, thrice], 0).select(0, place)
}

fn index<const D: usize>(values: Vec<i64>, beside: &Tensor<D>) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &beside.device())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, context, term};

    use super::*;

    /// Without norm layers, which would take the domains' brightness for what differs in a batch.
    fn bench(steps: usize) -> Workbench {
        let spec = ModelSpec {
            extractor: ("mlp", "hidden = [24, 12]\nbatch_norm = false"),
            ..ModelSpec::NORMALISED
        };
        Workbench::new(spec, TwoDomains::images(40, 24, 0.7).batches(20, 12), steps, 0.1)
    }

    #[test]
    fn quarters_turn_to_the_left_and_four_are_none() {
        let image = Tensor::<4>::from_data([[[[1.0, 2.0], [3.0, 4.0]]]], &Device::flex());
        let values = |images: &Tensor<4>| images.to_data().iter::<f64>().collect::<Vec<_>>();
        assert_eq!(values(&turn(image.clone(), &[1])), [2.0, 4.0, 1.0, 3.0]);
        let mut turned = image.clone();
        for times in 1..4 {
            turned = turn(turned, &[1]);
            assert_eq!(values(&turned), values(&turn(image.clone(), &[times])));
        }
        assert_eq!(values(&turn(turned, &[1])), values(&image));
        // Rows keep their places.
        let two = Tensor::cat(vec![image.clone(), image.mul_scalar(10.0)], 0);
        assert_eq!(values(&turn(two, &[2, 0])), [4.0, 3.0, 2.0, 1.0, 10.0, 20.0, 30.0, 40.0]);
    }

    #[test]
    fn the_head_learns_to_see_the_rotation_of_either_domain() {
        for domains in ["target", "source", "both"] {
            let mut bench = bench(150);
            let config = format!("domains = \"{domains}\"");
            let rotation = term("rotation", &config, &bench.context());
            let steps = bench.train(rotation, 150);
            let mean = |steps: &[std::collections::BTreeMap<String, f64>]| {
                let right = steps.iter().map(|step| step["term/rotation_accuracy"]);
                right.sum::<f64>() / steps.len() as f64
            };
            let (first, last) = (mean(&steps[..5]), mean(&steps[130..]));
            assert!(last > 0.65 && last > first + 0.2, "{domains}: {first} to {last}");
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_faded_target() {
        let mut alone = bench(150);
        alone.train_on_source(150);
        let mut bench = bench(150);
        let rotation = term("rotation", "domains = \"target\"", &bench.context());
        bench.train(rotation, 150);
        let (before, after) = (alone.target_accuracy(), bench.target_accuracy());
        println!("target accuracy: {before:.3} without, {after:.3} with");
        assert!(after > before, "{before} to {after}");
        assert!(bench.source_accuracy() > 0.9);
    }

    #[test]
    fn what_is_no_square_image_is_refused_before_training() {
        let refusal = |input_shape| {
            let context = MethodContext { input_shape, ..context(4, 3, 1) };
            Rotation::default().build(&context).err().unwrap().to_string()
        };
        let error = refusal(InputShape::Features { size: 4 });
        assert!(error.contains("this data set has features [4]"), "{error}");
        let error = refusal(InputShape::Image { channels: 1, height: 4, width: 6 });
        assert!(error.contains("images [1, 4, 6]"), "{error}");
    }
}
