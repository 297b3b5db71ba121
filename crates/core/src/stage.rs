//! What a method sees of the stage it runs in: the model, the data, the updates.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use crate::batch::{SourceBatch, TargetBatch};
use crate::context::{Context, DomainRole, NormPolicy, Segment};
use crate::error::{DataError, MethodError};
use crate::model::{Model, ModelOutput};
use crate::objective::Objective;
use crate::random::Key;
use crate::targets::Targets;
use crate::terms::Terms;
use crate::updater::Updater;

/// Rows of one pass over all samples.
const PASS_ROWS: usize = 256;

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

    /// Positions of the labelled training rows of each source: they run over the sources one after
    /// the other.
    fn source_ranges(&self) -> Vec<Range<usize>>;

    /// Number of labelled training rows of all sources together.
    fn source_rows(&self) -> usize {
        self.source_ranges().last().map_or(0, |range| range.end)
    }

    /// Targets of the labelled source rows, in the order of their positions; no input is read.
    fn source_targets(&self) -> Targets;

    /// Number of training rows of the target.
    fn target_rows(&self) -> usize;

    /// The source batch of a number: with several sources, as many rows of each.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn source_batch(&self, number: usize, device: &Device) -> Result<SourceBatch, DataError>;

    /// The target batch of a number.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn target_batch(&self, number: usize, device: &Device) -> Result<TargetBatch, DataError>;

    /// Source training rows by position, for passes of a method's own. Rows of one source are kept
    /// together, in the order given.
    ///
    /// # Errors
    /// If a sample cannot be read, or there is no such row.
    fn source_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<SourceBatch, DataError>;

    /// Target training rows by position.
    ///
    /// # Errors
    /// If a sample cannot be read, or there is no such row.
    fn target_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<TargetBatch, DataError>;
}

/// Who updates what in a stage. Methods update through [`Step`](crate::step::Step) alone.
pub struct Updates<'a> {
    /// Applies gradients.
    pub(crate) updater: &'a mut Updater,
    /// The terms of the stage.
    pub(crate) terms: &'a mut Terms,
    /// Label of the driver, under which its networks are updated.
    pub(crate) driver: &'a str,
}

impl<'a> Updates<'a> {
    /// The updates of a stage with these terms and the driver of this label.
    pub fn new(updater: &'a mut Updater, terms: &'a mut Terms, driver: &'a str) -> Self {
        Self { updater, terms, driver }
    }
}

/// A stage as its methods see it.
pub struct Stage<'a> {
    /// The model.
    pub model: &'a mut Model,
    /// Source and target.
    pub data: &'a dyn StageData,
    /// The loss on labelled rows.
    pub objective: &'a dyn Objective,
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
    /// Terms and updates.
    pub updates: Updates<'a>,
}

impl Stage<'_> {
    /// The same stage for a shorter time.
    pub fn reborrow(&mut self) -> Stage<'_> {
        Stage {
            model: self.model,
            data: self.data,
            objective: self.objective,
            device: self.device.clone(),
            key: self.key,
            total_steps: self.total_steps,
            batch_size: self.batch_size,
            norm: self.norm,
            updates: Updates {
                updater: self.updates.updater,
                terms: self.updates.terms,
                driver: self.updates.driver,
            },
        }
    }

    /// The context of an evaluation pass. Networks trained with statistics by domain are also
    /// evaluated with them.
    pub fn evaluation_context(&self, segments: Vec<Segment>) -> Context {
        let norm = NormPolicy::EVALUATE.grouped(self.norm.grouping);
        Context::evaluate_rows(segments).with_norm(norm)
    }

    /// Features and logits of all target training rows by the current model, off the tape.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn target_outputs(&self) -> Result<ModelOutput, MethodError> {
        let rows: Vec<usize> = (0..self.data.target_rows()).collect();
        let mut model = self.model.evaluation_copy();
        let device = self.device.clone().inner();
        let mut outputs = Vec::new();
        for chunk in rows.chunks(self.batch_size.max(PASS_ROWS)) {
            let batch = self.data.target_at(chunk, SampleView::Plain, &device)?;
            let segment = Segment { domain: DomainRole::Target, rows: chunk.len() };
            outputs.push(model.forward(batch.input, &self.evaluation_context(vec![segment])));
        }
        some(outputs, "target")
    }

    /// Features and logits of all source training rows by the current model, off the tape, in the
    /// order of their positions.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn source_outputs(&self) -> Result<ModelOutput, MethodError> {
        let rows: Vec<usize> = (0..self.data.source_rows()).collect();
        let mut model = self.model.evaluation_copy();
        let device = self.device.clone().inner();
        let mut outputs = Vec::new();
        for chunk in rows.chunks(self.batch_size.max(PASS_ROWS)) {
            let batch = self.data.source_at(chunk, SampleView::Plain, &device)?;
            outputs.push(model.forward(batch.input, &self.evaluation_context(batch.segments)));
        }
        some(outputs, "source")
    }

    /// Logits of all target training rows `[rows, outputs]` by the current model, off the tape.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn predict_target(&self) -> Result<Tensor<2>, MethodError> {
        Ok(self.target_outputs()?.logits)
    }
}

fn some(outputs: Vec<ModelOutput>, domain: &str) -> Result<ModelOutput, MethodError> {
    if outputs.is_empty() {
        return Err(MethodError::Unsuitable(format!("the {domain} has no training samples")));
    }
    Ok(ModelOutput::concatenate(outputs))
}
