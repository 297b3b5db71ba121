//! Partial adversarial domain adaptation.

use burn::tensor::{TensorData, activation::softmax};
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::step::Joint;
use isthmus_core::updater::Part;
use isthmus_losses::adversarial::dann_domain_bce_weighted;

use crate::adversary::{Adversary, note};
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Pada>(About {
        name: "pada",
        summary: "Aligns features adversarially and weighs down source classes absent from the target",
        paper: "Cao, Ma, Long, Wang: Partial adversarial domain adaptation, ECCV 2018",
    }).of_classes()
}

/// The weight of a class is the mean probability that the model gives it on all target samples,
/// divided by that of the largest; it weighs the source rows of the class, in the classifier's loss
/// as in the discriminator's. Classes that the target has not, in partial adaptation, come to
/// weigh little. Otherwise as `dann`, with one source.
///
/// The defaults are those of the Transfer Learning Library (tllib).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pada {
    /// Temperature by which logits are divided before the mean is taken; below 1 the predicted
    /// class counts nearly alone.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// Steps between updates of the weights. Before the first one all classes weigh 1.
    #[schemars(range(min = 1))]
    pub update_every: usize,
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that tells the domains apart.
    pub discriminator: Choice<DiscriminatorKind>,
}

impl Default for Pada {
    fn default() -> Self {
        Self {
            temperature: 0.1,
            update_every: 500,
            reversal: Reversal::default(),
            discriminator: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Pada {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Pada {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        if context.sources != 1 {
            return Err(MethodError::Unsuitable(format!(
                "`pada` weighs the classes of one source, this task has {}",
                context.sources
            )));
        }
        let size = context.feature_size;
        let adversary =
            Adversary::new("pada", &self.discriminator, self.reversal, size, 2, context)?;
        Ok(Box::new(PartialAlignment {
            temperature: self.temperature,
            update_every: self.update_every,
            weights: vec![1.0; context.outputs],
            adversary,
        }))
    }
}

/// The path of the class weights in a checkpoint.
const WEIGHTS: &str = "class_weights";

struct PartialAlignment {
    temperature: f64,
    update_every: usize,
    /// One for each output, the largest 1.
    weights: Vec<f32>,
    adversary: Adversary,
}

impl PartialAlignment {
    /// Weights of the classes by what the model predicts of the target.
    fn refresh(&mut self, step: &Step<'_>) -> Result<(), MethodError> {
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
        self.weights = mean.into_iter().map(|weight| weight / largest).collect();
        Ok(())
    }

    /// The weight of each source row's class.
    fn of_rows(&self, joint: &Joint) -> Result<Vec<f32>, MethodError> {
        let Some(classes) = joint.targets.classes() else {
            return Err(MethodError::Unsuitable(format!(
                "`pada` weighs classes, this data set has {}",
                joint.targets.kind()
            )));
        };
        Ok(classes.iter().map(|&class| self.weights[class as usize]).collect())
    }
}

impl Method for PartialAlignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.adversary.networks()
    }

    fn state(&self) -> Vec<NamedTensor> {
        let data = TensorData::new(self.weights.clone(), [self.weights.len()]);
        vec![NamedTensor { path: WEIGHTS.to_owned(), data }]
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        let found = state.iter().find(|tensor| tensor.path == WEIGHTS);
        match found.and_then(|tensor| tensor.data.as_slice::<f32>().ok()) {
            Some(weights) if weights.len() == self.weights.len() => {
                self.weights.copy_from_slice(weights);
                Ok(())
            }
            _ => Err(MethodError::Checkpoint(format!(
                "it holds no `{WEIGHTS}` of {} values",
                self.weights.len()
            ))),
        }
    }
}

impl Term for PartialAlignment {
    fn source_weights(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Option<Tensor<1>>, MethodError> {
        if step.number > 0 && step.number.is_multiple_of(self.update_every) && step.is_first_batch()
        {
            self.refresh(step)?;
        }
        let weights = self.of_rows(joint)?;
        // Of mean 1, as a cross-entropy with class weights has it.
        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
        let weights: Vec<f32> = weights.into_iter().map(|weight| weight / mean).collect();
        let rows = weights.len();
        let data = TensorData::new(weights, [rows]);
        Ok(Some(Tensor::from_data(data, &joint.features.device())))
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let logits = self.adversary.logits(step, &joint)?;
        let device = logits.device();
        let weights = TensorData::new(self.of_rows(&joint)?, [joint.source_rows]);
        let source = logits.clone().narrow(0, 0, joint.source_rows);
        let target = logits.clone().narrow(0, joint.source_rows, joint.target_rows);
        let loss = dann_domain_bce_weighted(
            source,
            target,
            Tensor::from_data(weights, &device),
            Tensor::ones([joint.target_rows], &device),
        );
        note(step, &loss, &logits, &joint.segments);
        if step.measure {
            let least = self.weights.iter().copied().fold(f32::INFINITY, f32::min);
            step.note("smallest_class_weight", f64::from(least));
        }
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{
        Joint as FreeJoint, ModelSpec, TwoDomains, Workbench, context, plugin, term,
    };

    use super::*;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n";

    #[test]
    fn the_defaults_are_tllibs() {
        let defaults = (plugin(Kind::Method, "pada").defaults)();
        assert_eq!(
            (&defaults["temperature"], &defaults["update_every"]),
            (&0.1.into(), &500.into())
        );
        let several = context(4, 3, 2);
        let error = Pada::default().build(&several).err().unwrap().to_string();
        assert!(error.contains("one source, this task has 2"), "{error}");
    }

    #[test]
    fn with_equal_weights_it_is_dann() {
        let joint = FreeJoint::new(&[5], 3, 4, 3);
        let mut pada = term("pada", SMALL, &context(4, 3, 1));
        let mut dann = term("dann", SMALL, &context(4, 3, 1));
        let of = |term: &mut dyn Term| joint.loss(term, 500, 1000).into_scalar::<f64>();
        assert!((of(&mut *pada) - of(&mut *dann)).abs() < 1e-6);
        let gradients = |term: &mut dyn Term| joint.gradients(term, 500, 1000).0.unwrap();
        for (own, other) in gradients(&mut *pada).iter().zip(gradients(&mut *dann)) {
            assert!((own - other).abs() < 1e-6);
        }
    }

    /// All target rows are of one class: the other comes to weigh little, and its source rows too.
    #[test]
    fn classes_that_the_target_lacks_weigh_less() {
        let mut data = TwoDomains::shifted(32, 32, 0.2);
        let rows = (0..32).filter(|row| data.target_labels[*row] == 1);
        data.target = rows.flat_map(|row| data.target[row * 3..row * 3 + 3].to_vec()).collect();
        data.target_labels = vec![1; 16];
        data.target_batch = 16;
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, 100, 0.1);
        let config = format!("{SMALL}update_every = 20");
        let pada = term("pada", &config, &bench.context());
        let steps = bench.train(pada, 100);
        assert_eq!(steps[19]["term/smallest_class_weight"], 1.0);
        assert!(steps[99]["term/smallest_class_weight"] < 0.1, "{:?}", steps[99]);
        assert!(bench.target_accuracy() > 0.9);
    }

    #[test]
    fn weights_are_part_of_a_checkpoint() {
        let mut first = term("pada", SMALL, &context(4, 3, 1));
        let state = vec![NamedTensor {
            path: WEIGHTS.to_owned(),
            data: TensorData::new(vec![1.0f32, 0.25, 0.5], [3]),
        }];
        first.load_state(state.clone()).unwrap();
        assert_eq!(first.state()[0].data, state[0].data);
        let error = first.load_state(Vec::new()).unwrap_err().to_string();
        assert!(error.contains("no `class_weights` of 3 values"), "{error}");
    }
}
