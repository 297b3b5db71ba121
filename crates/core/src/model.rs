//! The model that is trained: extractor, bottleneck, classifier.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};

use crate::context::{Context, Grouping};
use crate::error::NetworkError;
use crate::export::{ExportedModel, NotExported, below};
use crate::input::Input;
use crate::network::NamedTensor;
use crate::parts::{Classifier, Extractor};
use crate::updater::{Part, Role, load_parts, part_tensors};

/// Extractor, optional bottleneck and classifier.
pub struct Model {
    /// Turns inputs into features; the identity when features were extracted beforehand.
    pub extractor: Box<dyn Extractor>,
    /// Brings features to the size that is aligned.
    pub bottleneck: Option<Box<dyn Extractor>>,
    /// Turns features into class scores.
    pub classifier: Box<dyn Classifier>,
}

/// What a model makes of a batch.
#[derive(Clone, Debug)]
pub struct ModelOutput {
    /// Features after the bottleneck `[batch, features]`: what methods align.
    pub features: Tensor<2>,
    /// Outputs of the classifier `[batch, outputs]`.
    pub logits: Tensor<2>,
}

impl ModelOutput {
    /// `rows` rows from `first` on.
    pub fn rows(&self, first: usize, rows: usize) -> Self {
        Self {
            features: self.features.clone().narrow(0, first, rows),
            logits: self.logits.clone().narrow(0, first, rows),
        }
    }

    /// All rows of several outputs, in order.
    pub fn concatenate(outputs: Vec<Self>) -> Self {
        let (features, logits) =
            outputs.into_iter().map(|output| (output.features, output.logits)).unzip();
        Self { features: Tensor::cat(features, 0), logits: Tensor::cat(logits, 0) }
    }
}

impl Model {
    /// Features `[batch, features]` after the bottleneck: what methods align.
    pub fn features(&mut self, input: Input, context: &Context) -> Tensor<2> {
        let features = self.extractor.forward(input, context);
        context.leave_part("extractor");
        let Some(bottleneck) = &mut self.bottleneck else { return features };
        let features = bottleneck.forward(Input::Features(features), context);
        context.leave_part("bottleneck");
        features
    }

    /// Features and logits.
    pub fn forward(&mut self, input: Input, context: &Context) -> ModelOutput {
        let features = self.features(input, context);
        let logits = self.classifier.forward(features.clone(), context);
        context.leave_part("classifier");
        ModelOutput { features, logits }
    }

    /// Number of features after the bottleneck.
    pub fn feature_size(&self) -> usize {
        self.bottleneck.as_ref().unwrap_or(&self.extractor).output_size()
    }

    /// A copy off the autodiff tape, for prediction.
    pub fn evaluation_copy(&self) -> Self {
        Self {
            extractor: self.extractor.evaluation_copy(),
            bottleneck: self.bottleneck.as_ref().map(|part| part.evaluation_copy()),
            classifier: self.classifier.evaluation_copy(),
        }
    }

    /// A trainable copy that shares nothing with this one.
    pub fn training_copy(&self) -> Self {
        Self {
            extractor: self.extractor.training_copy(),
            bottleneck: self.bottleneck.as_ref().map(|part| part.training_copy()),
            classifier: self.classifier.training_copy(),
        }
    }

    /// The parts with their names and roles, for the optimizer and for checkpoints.
    pub fn parts(&mut self) -> Vec<Part<'_>> {
        let mut parts = vec![Part::new("extractor", Role::Extractor, &mut *self.extractor)];
        if let Some(bottleneck) = &mut self.bottleneck {
            parts.push(Part::new("bottleneck", Role::Bottleneck, &mut **bottleneck));
        }
        parts.push(Part::new("classifier", Role::Classifier, &mut *self.classifier));
        parts
    }

    /// The model as PyTorch has it, for samples of the target.
    ///
    /// # Errors
    /// If a part does not say how PyTorch names its tensors.
    pub fn pytorch(&self, grouping: Grouping) -> Result<ExportedModel, NotExported> {
        let bottleneck = self.bottleneck.as_ref().map(|part| part.pytorch(grouping));
        let parts = [
            ("extractor", Some(self.extractor.pytorch(grouping))),
            ("bottleneck", bottleneck),
            ("classifier", Some(self.classifier.pytorch(grouping))),
        ];
        let mut tensors = Vec::new();
        for (name, part) in parts {
            let Some(part) = part else { continue };
            let part = part.ok_or_else(|| NotExported::part(name))?;
            tensors.extend(below(part, name));
        }
        Ok(ExportedModel { tensors, classifiers: vec!["classifier".to_owned()] })
    }

    /// All tensors, by part and path.
    pub fn tensors(&mut self) -> Vec<NamedTensor> {
        part_tensors(self.parts())
    }

    /// Replaces all tensors by those of the same names.
    ///
    /// # Errors
    /// If one is missing or has another shape.
    pub fn load_tensors(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
    ) -> Result<(), NetworkError> {
        load_parts(self.parts(), tensors)
    }
}
