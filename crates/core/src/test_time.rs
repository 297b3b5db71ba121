//! Methods that adapt a trained model while it predicts a stream of target samples.

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::TargetBatch;
use crate::context::{Context, DomainRole, Grouping, NormPolicy, Statistics, StatisticsUpdate};
use crate::error::MethodError;
use crate::method::Method;
use crate::metric::Measurement;
use crate::model::{Model, ModelOutput};
use crate::parameter::ParameterSet;
use crate::random::Key;
use crate::sample_check::SampleCheck;
use crate::updater::{Part, UpdatePlace, Updater};

/// When the model goes back to the trained one that the stream began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// What one batch taught serves the next: online adaptation.
    #[default]
    Never,
    /// Before each batch, so that none knows of another: episodic adaptation.
    Batch,
    /// Before each domain of a stream of several. Of a target that is one domain, never.
    Shift,
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
    /// Whether the norm layers of the stream's passes had samples enough; a stream whose layers had
    /// not is ended.
    pub samples: SampleCheck,
}

impl Stream<'_> {
    /// The context of a pass over `rows` rows: without dropout, normalised by `statistics`;
    /// running statistics stay as they are.
    pub fn context(&self, rows: usize, statistics: Statistics) -> Context {
        let norm =
            NormPolicy { statistics, update: StatisticsUpdate::Keep, grouping: self.grouping };
        Context::evaluate(DomainRole::Target, rows).with_norm(norm).with_check(&self.samples)
    }

    /// Back-propagates `loss` and updates the parameters of the model that are in `set`, and all of
    /// `own` networks. `phase` counts the updates of this batch, from 0.
    pub fn update(
        &mut self,
        (step, phase): (usize, usize),
        loss: &Tensor<1>,
        set: ParameterSet,
        own: Vec<Part<'_>>,
    ) {
        let mut gradients = loss.backward();
        let batch = self.updater.accumulate() - 1;
        let place = UpdatePlace { step, total_steps: self.total_steps, batch, phase };
        self.updater.update(place, &mut gradients, self.model.parts(), set);
        self.updater.update(place, &mut gradients, own, ParameterSet::All);
    }
}

/// What a method says of one batch of a stream.
pub struct Predicted {
    /// Features, logits, and outputs in time of a model that reads states.
    pub output: ModelOutput,
    /// Named losses and measurements; empty where none were asked for.
    pub measurements: Vec<Measurement>,
}

/// A method that adapts a trained model while it predicts a stream of target samples (Tent,
/// SUTA). What it says of each batch is what it is judged by; the stream is gone through once.
///
/// Its [`predictor`](Method::predictor) says how it predicts samples outside the stream: held-out
/// ones that validators score, and those of the source.
pub trait TestTimeMethod: Method {
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
}
