//! What a method sees of the stage it runs in: the model, the data, the updates.

use burn::tensor::{Device, Tensor};

use crate::batch::{SourceBatch, TargetBatch};
use crate::context::{Context, DomainRole, NormPolicy, Segment};
use crate::error::{DataError, MethodError};
use crate::model::Model;
use crate::random::Key;
use crate::updater::{Part, Updater};

/// Which view of a sample is wanted.
#[derive(Clone, Copy, Debug)]
pub enum SampleView {
    /// As for training: randomly transformed where the experiment asks for it, by this key.
    Training(Key),
    /// As for evaluation: the deterministic transform.
    Plain,
}

/// The data of a stage. Target labels are not in it.
pub trait StageData {
    /// Number of classes.
    fn classes(&self) -> usize;

    /// Number of training rows of all sources together.
    fn source_rows(&self) -> usize;

    /// Number of training rows of the target.
    fn target_rows(&self) -> usize;

    /// The source batch of `step`: with several sources, as many rows of each.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn source_batch(&self, step: usize, device: &Device) -> Result<SourceBatch, DataError>;

    /// The target batch of `step`.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn target_batch(&self, step: usize, device: &Device) -> Result<TargetBatch, DataError>;

    /// Source training rows by position, for passes of a method's own. Positions run over the
    /// sources one after the other; rows of one source are kept together.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn source_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<SourceBatch, DataError>;

    /// Target training rows by position.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn target_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<TargetBatch, DataError>;
}

/// A stage as its method sees it.
pub struct Stage<'a> {
    /// The model.
    pub model: &'a mut Model,
    /// Applies gradients.
    pub updater: &'a mut Updater,
    /// Source and target.
    pub data: &'a dyn StageData,
    /// The device to train on, with autodiff.
    pub device: Device,
    /// Names this stage's randomness.
    pub key: Key,
    /// Steps of this stage.
    pub total_steps: usize,
    /// Rows of one domain in a batch.
    pub batch_size: usize,
    /// How the norm layers behave in training passes.
    pub norm: NormPolicy,
}

impl Stage<'_> {
    /// The context of a training pass at `step`.
    pub fn training_context(&self, segments: Vec<Segment>, step: usize) -> Context {
        Context::train(segments, self.key.named("forward").at(step as u64)).with_norm(self.norm)
    }

    /// The context of an evaluation pass. Networks trained with statistics by domain are also
    /// evaluated with them.
    pub fn evaluation_context(&self, domain: DomainRole, rows: usize) -> Context {
        Context::evaluate(domain, rows).with_norm(NormPolicy::EVALUATE.grouped(self.norm.grouping))
    }

    /// Back-propagates `loss` and updates the model's parts and `own` networks.
    pub fn update(&mut self, step: usize, loss: &Tensor<1>, own: Vec<Part<'_>>) {
        let mut gradients = loss.backward();
        let mut parts = self.model.parts();
        parts.extend(own);
        self.updater.update(step, self.total_steps, &mut gradients, parts);
    }

    /// Logits of all target training rows `[rows, classes]` by the current model, off the tape.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn predict_target(&self) -> Result<Tensor<2>, MethodError> {
        let mut model = self.model.evaluation_copy();
        let device = self.device.clone().inner();
        let rows: Vec<usize> = (0..self.data.target_rows()).collect();
        let mut logits = Vec::new();
        for chunk in rows.chunks(self.batch_size.max(256)) {
            let batch = self.data.target_at(chunk, SampleView::Plain, &device)?;
            let context = self.evaluation_context(DomainRole::Target, chunk.len());
            logits.push(model.forward(batch.input, &context).1);
        }
        Ok(Tensor::cat(logits, 0))
    }
}
