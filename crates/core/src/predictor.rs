//! What is evaluated, recorded, scored and exported of a method.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::context::{Context, DomainRole, Grouping, NormPolicy, Statistics, StatisticsUpdate};
use crate::error::NetworkError;
use crate::export::{ExportedModel, NotExported};
use crate::file_tensors::FileTensors;
use crate::input::Input;
use crate::model::{Model, ModelOutput};
use crate::named_tensor::NamedTensor;

/// Predicts samples, off the tape. Most methods predict by their model; a mean teacher by the
/// teacher, MCD by both heads, a closed-form method by what it has fitted.
pub trait Predictor: Send {
    /// Features and logits of inputs that come from `domain`.
    fn predict(&mut self, input: Input, domain: DomainRole) -> ModelOutput;

    /// Everything that decides the predictions, for the record, but what a [file](Self::file) of
    /// pretrained weights gave and is as it was.
    fn tensors(&mut self) -> Vec<NamedTensor>;

    /// What a file of pretrained weights gave, where [`tensors`](Self::tensors) leaves it out.
    fn file(&self) -> Option<&FileTensors> {
        None
    }

    /// Takes a record's tensors back.
    ///
    /// # Errors
    /// If one is missing or has another shape.
    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError>;

    /// Whether a sample's prediction depends on those that it is predicted with.
    fn depends_on_batch(&self) -> bool {
        false
    }

    /// What predicts samples of the target, as PyTorch has it.
    ///
    /// # Errors
    /// If it is no network that PyTorch has.
    fn pytorch(&self) -> Result<ExportedModel, NotExported> {
        Err(NotExported("what predicts is no network that PyTorch has".to_owned()))
    }
}

/// A model that predicts as it was trained.
pub struct ModelPredictor {
    model: Model,
    norm: NormPolicy,
}

impl ModelPredictor {
    /// A copy of `model` off the tape, normalised by its running statistics. Networks trained with
    /// statistics by domain also predict with them.
    pub fn new(model: &Model, grouping: Grouping) -> Self {
        Self { model: model.evaluation_copy(), norm: NormPolicy::EVALUATE.grouped(grouping) }
    }

    /// The same, normalised by the statistics of each batch that it predicts (Tent).
    pub fn by_batch(model: &Model, grouping: Grouping) -> Self {
        let norm =
            NormPolicy { statistics: Statistics::Batch, update: StatisticsUpdate::Keep, grouping };
        Self { model: model.evaluation_copy(), norm }
    }
}

impl Predictor for ModelPredictor {
    fn predict(&mut self, input: Input, domain: DomainRole) -> ModelOutput {
        let context = Context::evaluate(domain, input.rows()).with_norm(self.norm);
        self.model.forward(input, &context)
    }

    fn tensors(&mut self) -> Vec<NamedTensor> {
        self.model.recorded_tensors()
    }

    fn file(&self) -> Option<&FileTensors> {
        self.model.file()
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        self.model.load_tensors(tensors)
    }

    fn depends_on_batch(&self) -> bool {
        self.norm.statistics == Statistics::Batch
    }

    fn pytorch(&self) -> Result<ExportedModel, NotExported> {
        if self.depends_on_batch() {
            return Err(NotExported(
                "it normalises by the statistics of each batch that it predicts".to_owned(),
            ));
        }
        self.model.pytorch(self.norm.grouping)
    }
}
