//! Predicts by what was fitted.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::error::NetworkError;
use isthmus_core::export::{ExportedModel, NotExported};
use isthmus_core::file_tensors::FileTensors;
use isthmus_core::input::Input;
use isthmus_core::model::{Model, ModelOutput};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::predictor::Predictor;
use isthmus_core::updater::{Part, Role, load_parts, part_tensors};
use isthmus_core::validation::Matrix;

use crate::fitted::{Classifier, Fitted, host};
use crate::mapping::Mapping;
use crate::tensors::below;

/// Where the mapping is in a record.
const MAPPING: &str = "mapping";
/// Where the shallow classifier is.
const CLASSIFIER: &str = "shallow_classifier";

/// The model's features, mapped, and the scores of the shallow classifier.
pub(crate) struct FittedPredictor {
    model: Model,
    norm: NormPolicy,
    trained: bool,
    classifier: Classifier,
    /// Absent before it is fitted or loaded: then features are as they are and logits are 0.
    fitted: Option<Arc<Fitted>>,
}

impl FittedPredictor {
    pub(crate) fn new(
        model: &Model,
        grouping: Grouping,
        trained: bool,
        classifier: Classifier,
        fitted: Option<Arc<Fitted>>,
    ) -> Self {
        let norm = NormPolicy::EVALUATE.grouped(grouping);
        Self { model: model.evaluation_copy(), norm, trained, classifier, fitted }
    }

    /// The parts of the model that decide the features.
    fn parts(&mut self) -> Vec<Part<'_>> {
        let trained = self.trained;
        let mut parts = self.model.parts();
        parts.retain(|part| match part.role {
            Role::Classifier => false,
            Role::Bottleneck => trained,
            _ => true,
        });
        parts
    }
}

impl Predictor for FittedPredictor {
    fn predict(&mut self, input: Input, domain: DomainRole) -> ModelOutput {
        let context = Context::evaluate(domain, input.rows()).with_norm(self.norm);
        let features = self.model.known_features(self.trained, input, &context);
        let device = features.device();
        let Some(fitted) = &self.fitted else {
            let [rows, _] = features.dims();
            let logits = Tensor::zeros([rows, self.classifier.classes], &device);
            return ModelOutput::new(features, logits);
        };
        let features = host(features);
        let mapped = match domain {
            DomainRole::Source(_) => fitted.mapping.source(&features),
            DomainRole::Target => fitted.mapping.target(&features),
        };
        let mapped = Matrix::from(&mapped);
        let logits = fitted.classifier.logits(&mapped);
        ModelOutput::new(tensor(&mapped, &device), tensor(&logits, &device))
    }

    fn tensors(&mut self) -> Vec<NamedTensor> {
        let fitted = self.fitted.clone();
        let mut tensors = part_tensors(self.parts());
        if let Some(file) = self.model.file() {
            tensors = file.without(tensors);
        }
        if let Some(fitted) = fitted {
            let mapping = fitted.mapping.tensors().into_iter();
            tensors.extend(mapping.map(|tensor| tensor.below(MAPPING)));
            let classifier = fitted.classifier.tensors().into_iter();
            tensors.extend(classifier.map(|tensor| tensor.below(CLASSIFIER)));
        }
        tensors
    }

    fn file(&self) -> Option<&FileTensors> {
        self.model.file()
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        let mapping = Mapping::load(&below(tensors, MAPPING))?;
        let built = self.classifier.build();
        let mut classifier = built.map_err(|error| NetworkError::Weights(error.to_string()))?;
        classifier.load(&below(tensors, CLASSIFIER))?;
        match self.model.file().map(|file| file.completed(tensors)) {
            Some(completed) => load_parts(self.parts(), &completed)?,
            None => load_parts(self.parts(), tensors)?,
        }
        self.fitted = Some(Arc::new(Fitted { mapping, classifier }));
        Ok(())
    }

    fn pytorch(&self) -> Result<ExportedModel, NotExported> {
        Err(NotExported(
            "it predicts by a mapping and a shallow classifier that were fitted in closed form, \
             not by a network"
                .to_owned(),
        ))
    }
}

fn tensor(matrix: &Matrix, device: &Device) -> Tensor<2> {
    let data = TensorData::new(matrix.values().to_vec(), [matrix.rows(), matrix.columns()]);
    Tensor::from_data(data, device)
}
