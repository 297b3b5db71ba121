//! The predictor of two classifiers on one set of features.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::error::NetworkError;
use isthmus_core::export::{ExportedModel, NotExported, below};
use isthmus_core::file_tensors::FileTensors;
use isthmus_core::input::Input;
use isthmus_core::model::{Model, ModelOutput};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::Classifier;
use isthmus_core::predictor::Predictor;
use isthmus_core::updater::{Part, Role, load_parts, part_tensors};

/// Predicts by the mean of both classifiers' logits.
pub(crate) struct BothClassifiers {
    model: Model,
    second: Box<dyn Classifier>,
    norm: NormPolicy,
}

impl BothClassifiers {
    /// Predicts by copies of a model and of a second classifier as they are now.
    pub(crate) fn of(model: &Model, second: &dyn Classifier, grouping: Grouping) -> Self {
        Self {
            model: model.evaluation_copy(),
            second: second.evaluation_copy(),
            norm: NormPolicy::EVALUATE.grouped(grouping),
        }
    }

    /// What predicts besides the model.
    fn own(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("second", Role::Classifier, &mut *self.second)]
    }
}

impl Predictor for BothClassifiers {
    fn predict(&mut self, input: Input, domain: DomainRole) -> ModelOutput {
        let context = Context::evaluate(domain, input.rows()).with_norm(self.norm);
        let ModelOutput { features, logits, .. } = self.model.forward(input, &context);
        let second = self.second.forward(features.clone(), &context);
        ModelOutput::new(features, (logits + second).mul_scalar(0.5))
    }

    fn tensors(&mut self) -> Vec<NamedTensor> {
        let mut tensors = self.model.recorded_tensors();
        tensors.extend(part_tensors(self.own()));
        tensors
    }

    fn file(&self) -> Option<&FileTensors> {
        self.model.file()
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        self.model.load_tensors(tensors)?;
        load_parts(self.own(), tensors)
    }

    fn pytorch(&self) -> Result<ExportedModel, NotExported> {
        let grouping = self.norm.grouping;
        let mut exported = self.model.pytorch(grouping)?;
        let second =
            self.second.pytorch(grouping).ok_or_else(|| NotExported::part("classifier"))?;
        exported.tensors.extend(below(second, "second"));
        exported.classifiers.push("second".to_owned());
        Ok(exported)
    }
}
