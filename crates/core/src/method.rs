//! Adaptation methods: loss terms that add up, drivers of their own updates, and methods that fit
//! once. Methods that adapt while they predict are in [`crate::test_time`].

use burn::tensor::{Device, Tensor};

use crate::context::Grouping;
use crate::error::MethodError;
use crate::input::InputShape;
use crate::layer::Layer;
use crate::metric::Measurement;
use crate::model::Model;
use crate::named_tensor::NamedTensor;
use crate::parts::{BuildContext, Classifier};
use crate::predictor::Predictor;
use crate::random::Key;
use crate::registry::build_classifier;
use crate::spec::PluginSpec;
use crate::stage::Stage;
use crate::step::{Joint, Step};
use crate::updater::Part;

/// What a method is told when it is built.
#[derive(Clone, Debug)]
pub struct MethodContext {
    /// The device to train on, with autodiff.
    pub device: Device,
    /// Names the random initial weights of the method's own networks.
    pub key: Key,
    /// Shape of one input sample.
    pub input_shape: InputShape,
    /// Number of features that methods align.
    pub feature_size: usize,
    /// Number of hidden layers that the extractor gives.
    pub hidden_layers: usize,
    /// Number of classes.
    pub classes: usize,
    /// Number of outputs of the classifier, as the objective asks for.
    pub outputs: usize,
    /// Number of source domains.
    pub sources: usize,
    /// Steps of the stage.
    pub total_steps: usize,
    /// Whether an earlier stage has trained the model.
    pub trained: bool,
    /// The experiment's classifier, for methods that need another one like it.
    pub classifier: PluginSpec,
}

impl MethodContext {
    /// What a network of the method is told when it is built; `name` names its initial weights.
    pub fn network(&self, name: &str) -> BuildContext {
        BuildContext {
            device: self.device.clone(),
            key: self.key.named(name),
            sources: self.sources,
        }
    }

    /// The layers of these names.
    ///
    /// # Errors
    /// If the model has no such layer; it is said which there are.
    pub fn layers(&self, names: &[String]) -> Result<Vec<Layer>, MethodError> {
        let layer = |name: &String| {
            let layer = name.parse::<Layer>().map_err(MethodError::Unsuitable)?;
            match Layer::all(self.hidden_layers).contains(&layer) {
                true => Ok(layer),
                false => Err(MethodError::unknown_layer(layer, self.hidden_layers)),
            }
        };
        names.iter().map(layer).collect()
    }

    /// A further classifier, built as the experiment's own with other initial weights: the second
    /// head of MCD or MDD.
    ///
    /// # Errors
    /// If the classifier cannot be built for these sizes.
    pub fn fresh_classifier(&self, name: &str) -> Result<Box<dyn Classifier>, MethodError> {
        build_classifier(&self.classifier, self.feature_size, self.outputs, &self.network(name))
    }
}

/// What every method has, whatever its kind: what it keeps between steps, and what predicts.
///
/// Everything that a method keeps is in the model, its networks and its state, so that a
/// checkpoint of them continues exactly where it was. All of it is optional.
pub trait Method: Send {
    /// Networks that the method owns, besides the model; they are updated and recorded with it.
    /// Names need to be unique within the method only.
    fn networks(&mut self) -> Vec<Part<'_>> {
        Vec::new()
    }

    /// What else is kept between steps (class weights, pseudo-labels, centroids), for a checkpoint.
    fn state(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    /// Takes a checkpoint's state back.
    ///
    /// # Errors
    /// If the state is not this method's.
    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        match state.first() {
            None => Ok(()),
            Some(tensor) => Err(MethodError::Checkpoint(format!(
                "it holds `{}` for a method that keeps nothing between steps",
                tensor.path
            ))),
        }
    }

    /// What is evaluated, recorded and exported, where it is not the model itself. At most one
    /// method of a stage has a predictor of its own.
    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        let _ = (model, grouping);
        None
    }
}

/// A method that only adds a term to the loss on the source. Terms add up, also beside a driver.
pub trait Term: Method {
    /// Called before the first step, and again when a checkpoint is resumed, before networks and
    /// state are taken back.
    ///
    /// # Errors
    /// If the term cannot start.
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let _ = stage;
        Ok(())
    }

    /// Factors `[source rows]` of the source rows' loss, for methods that weigh samples (PADA,
    /// IWAN). Factors of several terms multiply.
    ///
    /// # Errors
    /// If the method cannot go on.
    fn source_weights(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Option<Tensor<1>>, MethodError> {
        let _ = (step, joint);
        Ok(None)
    }

    /// The term at one step, shape `[1]`, before the weight that the experiment gives it. The
    /// joint forward of the step is [`Step::joint`]; further passes are [`Step::forward`].
    ///
    /// # Errors
    /// If the method cannot go on.
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError>;
}

/// A method that drives its own updates: several phases a step, inner steps, rounds. A stage has
/// at most one; the terms beside it are part of [`Step::loss`].
pub trait Driver: Method {
    /// Called before the first step, and again when a checkpoint is resumed, before its networks
    /// and state are taken back: what it decides must be in them.
    ///
    /// # Errors
    /// If the method cannot start.
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let _ = stage;
        Ok(())
    }

    /// One step.
    ///
    /// # Errors
    /// If the method cannot go on.
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError>;

    /// Images that show what the method does, at the end of its stage, for the record and the
    /// report: `[images, channels, height, width]` as the model is given them, each with a caption
    /// in the place of its path. Images in the same place of all of them belong together.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn pictures(&mut self, stage: &mut Stage<'_>) -> Result<Vec<NamedTensor>, MethodError> {
        let _ = stage;
        Ok(Vec::new())
    }
}

/// A method that acts once, without steps: in closed form (TCA, CORAL on features), or on the
/// model's statistics (AdaBN). Where the result is not the model, it is the
/// [`predictor`](Method::predictor), and the stage is the last.
pub trait Fit: Method {
    /// Fits to the data of the stage; changes the model or what the predictor is made of.
    ///
    /// # Errors
    /// If the method cannot be fitted to these data.
    fn fit(&mut self, stage: &mut Stage<'_>) -> Result<Vec<Measurement>, MethodError>;
}
