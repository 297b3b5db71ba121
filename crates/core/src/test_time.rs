//! Methods that adapt a trained model while it predicts a stream of target samples.

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::TargetBatch;
use crate::context::{Context, DomainRole, Grouping, NormPolicy, Statistics, StatisticsUpdate};
use crate::error::MethodError;
use crate::method::{Measurement, nothing_kept};
use crate::model::Model;
use crate::network::{NamedTensor, Selected};
use crate::random::Key;
use crate::updater::{Part, Updater};

/// When the model goes back to the trained one that the stream began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// What one batch taught serves the next: online adaptation.
    #[default]
    Never,
    /// Before each batch, so that none knows of another: episodic adaptation.
    Batch,
}

/// A stream as its method sees it: the model and its updates. There are no source samples and no
/// labels to reach; target samples come batch by batch, each once.
pub struct Stream<'a> {
    /// The model, trained by an earlier stage.
    pub model: &'a mut Model,
    /// Applies gradients.
    pub updater: &'a mut Updater,
    /// The device to train on, with autodiff.
    pub device: Device,
    /// Names this stream's randomness.
    pub key: Key,
    /// Batches of the stream.
    pub total_steps: usize,
    /// Which statistics norm layers were trained with.
    pub grouping: Grouping,
}

impl Stream<'_> {
    /// The context of a pass over `rows` rows: without dropout, normalised by `statistics`;
    /// running statistics stay as they are.
    pub fn context(&self, rows: usize, statistics: Statistics) -> Context {
        let norm =
            NormPolicy { statistics, update: StatisticsUpdate::Keep, grouping: self.grouping };
        Context::evaluate(DomainRole::Target, rows).with_norm(norm)
    }

    /// Back-propagates `loss` and updates the selected parameters of the model, and all of `own`
    /// networks.
    pub fn update(
        &mut self,
        step: usize,
        loss: &Tensor<1>,
        selected: Selected,
        own: Vec<Part<'_>>,
    ) {
        let mut gradients = loss.backward();
        let parts = self.model.parts();
        self.updater.update_selected(step, self.total_steps, &mut gradients, parts, selected);
        self.updater.update(step, self.total_steps, &mut gradients, own);
    }
}

/// What a method says of one batch of a stream.
pub struct Predicted {
    /// Features `[batch, features]`.
    pub features: Tensor<2>,
    /// Logits `[batch, classes]`.
    pub logits: Tensor<2>,
    /// Named losses and measurements; empty where none were asked for.
    pub measurements: Vec<Measurement>,
}

/// A method that adapts a trained model while it predicts a stream of target samples (Tent,
/// SUTA). What it says of each batch is what it is judged by; the stream is gone through once.
///
/// Everything that a method keeps between batches is in the model, its networks and its state, so
/// that a checkpoint of them continues exactly where it was.
pub trait TestTimeMethod: Send {
    /// When the model goes back to the one that the stream began with.
    fn reset(&self) -> Reset;

    /// Called before the first batch, after each reset, and when a checkpoint is resumed, before
    /// its networks and state are taken back.
    ///
    /// # Errors
    /// If the method cannot start.
    fn begin(&mut self, stream: &mut Stream<'_>) -> Result<(), MethodError> {
        let _ = stream;
        Ok(())
    }

    /// Predicts the rows of one batch, and adapts to them before, after, or both. `measure` asks
    /// for measurements that cost time.
    ///
    /// # Errors
    /// If the method cannot go on.
    fn predict(
        &mut self,
        stream: &mut Stream<'_>,
        batch: TargetBatch,
        step: usize,
        measure: bool,
    ) -> Result<Predicted, MethodError>;

    /// Networks that the method owns, besides the model.
    fn networks(&mut self) -> Vec<Part<'_>> {
        Vec::new()
    }

    /// What else the method keeps between batches, for a checkpoint.
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
