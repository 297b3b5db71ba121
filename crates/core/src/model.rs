//! The model that is trained: extractor, bottleneck, classifier.

use burn::tensor::Tensor;

use crate::context::Context;
use crate::input::Input;
use crate::parts::{Classifier, Extractor};
use crate::updater::{Part, Role};

/// Extractor, optional bottleneck and classifier.
pub struct Model {
    /// Turns inputs into features; the identity when features were extracted beforehand.
    pub extractor: Box<dyn Extractor>,
    /// Brings features to the size that is aligned.
    pub bottleneck: Option<Box<dyn Extractor>>,
    /// Turns features into class scores.
    pub classifier: Box<dyn Classifier>,
}

impl Model {
    /// Features `[batch, features]` after the bottleneck: what methods align.
    pub fn features(&mut self, input: Input, context: &Context) -> Tensor<2> {
        let features = self.extractor.forward(input, context);
        match &mut self.bottleneck {
            Some(bottleneck) => bottleneck.forward(Input::Features(features), context),
            None => features,
        }
    }

    /// Features and logits.
    pub fn forward(&mut self, input: Input, context: &Context) -> (Tensor<2>, Tensor<2>) {
        let features = self.features(input, context);
        let logits = self.classifier.forward(features.clone(), context);
        (features, logits)
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
        let mut parts = vec![Part {
            name: "extractor".to_owned(),
            role: Role::Extractor,
            network: &mut *self.extractor,
        }];
        if let Some(bottleneck) = &mut self.bottleneck {
            parts.push(Part {
                name: "bottleneck".to_owned(),
                role: Role::Bottleneck,
                network: &mut **bottleneck,
            });
        }
        parts.push(Part {
            name: "classifier".to_owned(),
            role: Role::Classifier,
            network: &mut *self.classifier,
        });
        parts
    }
}
