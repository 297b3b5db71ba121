//! Adaptation methods: loss terms that add up, and methods that drive their own updates.

use burn::tensor::{Device, Int, Tensor};

use crate::context::Segment;
use crate::error::MethodError;
use crate::input::InputShape;
use crate::network::NamedTensor;
use crate::random::Key;
use crate::stage::Stage;
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
    /// Number of classes.
    pub classes: usize,
    /// Number of source domains.
    pub sources: usize,
    /// Steps of the stage.
    pub total_steps: usize,
}

/// One training step as a loss term sees it: one joint forward of source and target rows.
///
/// Rows of the source come first. All tensors are on the tape.
pub struct View<'a> {
    /// Features of source and target `[source + target, features]`.
    pub features: &'a Tensor<2>,
    /// Logits of source and target `[source + target, classes]`.
    pub logits: &'a Tensor<2>,
    /// Classes of the source rows `[source]`.
    pub source_labels: &'a Tensor<1, Int>,
    /// The domains of the rows, in order.
    pub segments: &'a [Segment],
    /// Number of source rows.
    pub source_rows: usize,
    /// Number of target rows.
    pub target_rows: usize,
    /// The step, from 0.
    pub step: usize,
    /// Steps of the stage.
    pub total_steps: usize,
    /// Names this term's randomness at this step.
    pub key: Key,
    /// Whether measurements that cost time are wanted at this step.
    pub measure: bool,
}

impl View<'_> {
    /// Features of the source rows.
    pub fn source_features(&self) -> Tensor<2> {
        self.features.clone().narrow(0, 0, self.source_rows)
    }

    /// Features of the target rows.
    pub fn target_features(&self) -> Tensor<2> {
        self.features.clone().narrow(0, self.source_rows, self.target_rows)
    }

    /// Logits of the source rows.
    pub fn source_logits(&self) -> Tensor<2> {
        self.logits.clone().narrow(0, 0, self.source_rows)
    }

    /// Logits of the target rows.
    pub fn target_logits(&self) -> Tensor<2> {
        self.logits.clone().narrow(0, self.source_rows, self.target_rows)
    }
}

/// A measurement of one step, by name.
pub type Measurement = (String, f64);

/// What a term adds to the loss of a step.
pub struct TermLoss {
    /// The term, already multiplied by its trade-off, shape `[1]`.
    pub loss: Tensor<1>,
    /// Further measurements, where the view asked for them.
    pub measurements: Vec<Measurement>,
}

impl From<Tensor<1>> for TermLoss {
    fn from(loss: Tensor<1>) -> Self {
        Self { loss, measurements: Vec::new() }
    }
}

/// A method that only adds a term to the source loss. Terms add up.
pub trait Term: Send {
    /// The term at one step.
    ///
    /// # Errors
    /// If the method cannot go on.
    fn loss(&mut self, view: &View<'_>) -> Result<TermLoss, MethodError>;

    /// Networks that the term owns; they are updated and recorded with the model. Names need to
    /// be unique within the term only.
    fn networks(&mut self) -> Vec<Part<'_>> {
        Vec::new()
    }

    /// What else the term keeps between steps (class weights, running means), for a checkpoint.
    fn state(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    /// Takes a checkpoint's state back.
    ///
    /// # Errors
    /// If the state is not this term's.
    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        nothing_kept(&state)
    }
}

pub(crate) fn nothing_kept(state: &[NamedTensor]) -> Result<(), MethodError> {
    match state.first() {
        None => Ok(()),
        Some(tensor) => Err(MethodError::Unsuitable(format!(
            "the checkpoint holds `{}` for a method that keeps nothing between steps",
            tensor.path
        ))),
    }
}

/// What a step of a training method reports.
#[derive(Clone, Debug, Default)]
pub struct StepReport {
    /// Named losses and measurements of the step; empty where none were asked for.
    pub measurements: Vec<Measurement>,
}

/// A method that drives its own updates: several phases a step, inner steps, rounds.
///
/// Everything that a method keeps between steps is in its networks and its state, so that a
/// checkpoint of both continues exactly where it was.
pub trait TrainingMethod: Send {
    /// Called before the first step, and again when a checkpoint is resumed, before its networks
    /// and state are taken back: what it decides must be in them.
    ///
    /// # Errors
    /// If the method cannot start.
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let _ = stage;
        Ok(())
    }

    /// One step, from 0. `measure` asks for measurements that cost time.
    ///
    /// # Errors
    /// If the method cannot go on.
    fn step(
        &mut self,
        stage: &mut Stage<'_>,
        step: usize,
        measure: bool,
    ) -> Result<StepReport, MethodError>;

    /// Networks that the method owns, besides the model.
    fn networks(&mut self) -> Vec<Part<'_>> {
        Vec::new()
    }

    /// What else the method keeps between steps (pseudo-labels, centroids), for a checkpoint.
    fn state(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    /// Takes a checkpoint's state back.
    ///
    /// # Errors
    /// If the state is not this method's.
    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        nothing_kept(&state)
    }
}
