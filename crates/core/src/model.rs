//! The model that is trained: extractor, bottleneck, classifier.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::context::{Context, Grouping};
use crate::error::{MethodError, NetworkError};
use crate::export::{ExportedModel, NotExported, below};
use crate::file_tensors::FileTensors;
use crate::input::Input;
use crate::named_tensor::NamedTensor;
use crate::parts::{Classifier, Encoded, Extractor};
use crate::snapshot::Snapshot;
use crate::states::States;
use crate::updater::{Part, Role, load_parts, part_tensors};

/// Extractor, optional bottleneck and classifier.
pub struct Model {
    /// Turns inputs into features; the identity when features were extracted beforehand.
    pub extractor: Box<dyn Extractor>,
    /// Brings features to the size that is aligned.
    pub bottleneck: Option<Box<dyn Extractor>>,
    /// Turns features into class scores.
    pub classifier: Box<dyn Classifier>,
    /// Whether bottleneck and classifier are applied to every state in time.
    reads_states: bool,
    /// What a file of pretrained weights gave.
    file: Option<Arc<FileTensors>>,
}

/// The tensors of a model at one moment, part by part.
pub struct ModelSnapshot(Vec<(String, Snapshot)>);

impl ModelSnapshot {
    /// The tensors, as [`Model::tensors`] names them.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let of_part = |(name, snapshot): &(String, Snapshot)| {
            let tensors = snapshot.tensors().into_iter();
            tensors.map(|tensor| tensor.below(name)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_part).collect()
    }
}

/// What a model makes of a batch.
#[derive(Clone, Debug)]
pub struct ModelOutput {
    /// Features after the bottleneck `[batch, features]`: what methods align. Of a model that reads
    /// states, the mean of the features of all states.
    pub features: Tensor<2>,
    /// Outputs of the classifier `[batch, outputs]`. Of a model that reads states, the mean of the
    /// outputs of all states.
    pub logits: Tensor<2>,
    /// Outputs in time `[batch, time, outputs]`, of a model that reads states.
    pub states: Option<States>,
    /// The extractor's hidden layers `[batch, size]`, where it gives them.
    pub layers: Vec<Tensor<2>>,
}

impl ModelOutput {
    /// Features `[batch, features]` and outputs `[batch, outputs]` of rows, and nothing else.
    pub fn new(features: Tensor<2>, logits: Tensor<2>) -> Self {
        Self { features, logits, states: None, layers: Vec::new() }
    }

    /// The outputs in time, for an objective that reads them.
    ///
    /// # Errors
    /// If whoever made the outputs gives one row a sample.
    pub fn states(&self) -> Result<&States, MethodError> {
        self.states.as_ref().ok_or_else(no_states)
    }

    /// The same off the tape, without the hidden layers.
    pub fn inner(self) -> Self {
        Self {
            features: self.features.inner(),
            logits: self.logits.inner(),
            states: self.states.map(States::inner),
            layers: Vec::new(),
        }
    }

    /// `rows` rows from `first` on.
    pub fn rows(&self, first: usize, rows: usize) -> Self {
        let narrow = |tensor: &Tensor<2>| tensor.clone().narrow(0, first, rows);
        Self {
            features: narrow(&self.features),
            logits: narrow(&self.logits),
            states: self.states.as_ref().map(|states| states.narrow(first, rows)),
            layers: self.layers.iter().map(narrow).collect(),
        }
    }

    /// All rows of several outputs, in order, without the hidden layers.
    pub fn concatenate(outputs: Vec<Self>) -> Self {
        let (mut features, mut logits, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for output in outputs {
            features.push(output.features);
            logits.push(output.logits);
            states.extend(output.states);
        }
        Self {
            features: Tensor::cat(features, 0),
            logits: Tensor::cat(logits, 0),
            states: (!states.is_empty()).then(|| States::concatenate(states)),
            layers: Vec::new(),
        }
    }
}

/// What an objective says that reads states where there are none.
pub(crate) fn no_states() -> MethodError {
    MethodError::Unsuitable(
        "the objective reads outputs in time, and a method of this stage gives one row a sample: \
         choose a method that predicts by the model"
            .to_owned(),
    )
}

impl Model {
    /// A model of one row a sample.
    pub fn new(
        extractor: Box<dyn Extractor>,
        bottleneck: Option<Box<dyn Extractor>>,
        classifier: Box<dyn Classifier>,
    ) -> Self {
        Self { extractor, bottleneck, classifier, reads_states: false, file: None }
    }

    /// The same model, whose extractor is just as the file of pretrained weights with this hash gives
    /// it.
    pub fn from_file(self, weights: String) -> Self {
        let own = self.extractor.tensors().into_iter();
        let tensors = own.map(|tensor| tensor.below("extractor")).collect();
        Self { file: Some(Arc::new(FileTensors::new(weights, tensors))), ..self }
    }

    /// What a file of pretrained weights gave to this model.
    pub fn file(&self) -> Option<&FileTensors> {
        self.file.as_deref()
    }

    /// The same model, whose bottleneck and classifier are applied to every state in time;
    /// `extractor` is the extractor's name.
    ///
    /// # Errors
    /// If the extractor gives no states.
    pub fn reading_states(self, extractor: &str) -> Result<Self, NetworkError> {
        if self.extractor.gives_states() {
            return Ok(Self { reads_states: true, ..self });
        }
        Err(NetworkError::NoStates { extractor: extractor.to_owned() })
    }

    /// Features `[batch, features]` after the bottleneck: what methods align.
    pub fn features(&mut self, input: Input, context: &Context) -> Tensor<2> {
        if self.reads_states {
            return self.states(input, context).0.mean();
        }
        let features = self.extractor.forward(input, context);
        context.leave_part("extractor");
        self.reduced(features, context)
    }

    /// The features that a method can go by before the model's own training: those of
    /// [`features`](Self::features) where an earlier stage has `trained` the model, else what the
    /// extractor makes of the inputs, without the bottleneck, which nothing has trained.
    pub fn known_features(&mut self, trained: bool, input: Input, context: &Context) -> Tensor<2> {
        match trained {
            true => self.features(input, context),
            false => self.extractor.forward(input, context),
        }
    }

    /// Features, outputs, and the extractor's hidden layers.
    pub fn forward(&mut self, input: Input, context: &Context) -> ModelOutput {
        if self.reads_states {
            return self.forward_states(input, context);
        }
        let encoded = self.extractor.encode(input, context);
        context.leave_part("extractor");
        let features = self.reduced(encoded.pooled, context);
        let logits = self.classifier.forward(features.clone(), context);
        context.leave_part("classifier");
        ModelOutput { features, logits, states: None, layers: encoded.layers }
    }

    /// What the bottleneck makes of features.
    fn reduced(&mut self, features: Tensor<2>, context: &Context) -> Tensor<2> {
        let Some(bottleneck) = &mut self.bottleneck else { return features };
        let features = bottleneck.forward(Input::Features(features), context);
        context.leave_part("bottleneck");
        features
    }

    /// The features of every state after the bottleneck, the hidden layers, and what the classifier
    /// is told.
    fn states(&mut self, input: Input, context: &Context) -> (States, Vec<Tensor<2>>, Context) {
        let Encoded { states, layers, .. } = self.extractor.encode(input, context);
        context.leave_part("extractor");
        let states = states.expect("an extractor that gives states was asked for");
        // Padding goes through no layer: norm layers would take it for samples.
        let context = context.over_states(&states.lengths);
        let features = self.reduced(states.valid(), &context);
        (states.with_valid(features), layers, context)
    }

    fn forward_states(&mut self, input: Input, context: &Context) -> ModelOutput {
        let (features, layers, context) = self.states(input, context);
        let logits = self.classifier.forward(features.valid(), &context);
        context.leave_part("classifier");
        let logits = features.with_valid(logits);
        ModelOutput {
            features: features.mean(),
            logits: logits.mean(),
            states: Some(logits),
            layers,
        }
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
            reads_states: self.reads_states,
            file: self.file.clone(),
        }
    }

    /// A trainable copy that shares nothing with this one.
    pub fn training_copy(&self) -> Self {
        Self {
            extractor: self.extractor.training_copy(),
            bottleneck: self.bottleneck.as_ref().map(|part| part.training_copy()),
            classifier: self.classifier.training_copy(),
            reads_states: self.reads_states,
            file: self.file.clone(),
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

    /// The tensors as they are now, to go back to; nothing is copied.
    pub fn snapshot(&mut self) -> ModelSnapshot {
        let parts = self.parts().into_iter();
        ModelSnapshot(parts.map(|part| (part.name, part.network.snapshot())).collect())
    }

    /// Goes back to a snapshot of this model; nothing is copied.
    ///
    /// # Errors
    /// If the snapshot is of another model.
    pub fn restore(&mut self, snapshot: &ModelSnapshot) -> Result<(), NetworkError> {
        for (part, (_, snapshot)) in self.parts().into_iter().zip(&snapshot.0) {
            part.network.restore(snapshot)?;
        }
        Ok(())
    }

    /// All tensors, by part and path.
    pub fn tensors(&mut self) -> Vec<NamedTensor> {
        part_tensors(self.parts())
    }

    /// The tensors for records and checkpoints: all but those that a file of pretrained weights gave
    /// and that are as it gave them.
    pub fn recorded_tensors(&mut self) -> Vec<NamedTensor> {
        let tensors = self.tensors();
        match &self.file {
            Some(file) => file.without(tensors),
            None => tensors,
        }
    }

    /// Replaces all tensors by those of the same names. Those of the file of pretrained weights need
    /// not be there.
    ///
    /// # Errors
    /// If another one is missing, or one has another shape.
    pub fn load_tensors(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
    ) -> Result<(), NetworkError> {
        match self.file.clone() {
            Some(file) => load_parts(self.parts(), &file.completed(tensors)),
            None => load_parts(self.parts(), tensors),
        }
    }
}
