//! The forward of a training step, in which source and target rows go together.

use burn::tensor::{Int, Tensor};

use crate::context::{DomainRole, Segment};
use crate::error::MethodError;
use crate::input::Input;
use crate::layer::Layer;
use crate::model::ModelOutput;
use crate::states::States;
use crate::targets::{Targets, class_tensor};

/// One forward of source and target rows together, so that batch norm sees both. Source rows come
/// first; all tensors are on the tape.
pub struct Joint {
    /// The inputs of all rows.
    pub input: Input,
    /// Features `[source + target, features]`.
    pub features: Tensor<2>,
    /// Logits `[source + target, outputs]`.
    pub logits: Tensor<2>,
    /// Outputs in time of all rows, where the objective reads them.
    pub states: Option<States>,
    /// The extractor's hidden layers `[source + target, size]`, where it gives them.
    pub layers: Vec<Tensor<2>>,
    /// Targets of the source rows.
    pub targets: Targets,
    /// The domains of the rows, in order.
    pub segments: Vec<Segment>,
    /// Number of source rows.
    pub source_rows: usize,
    /// Number of target rows.
    pub target_rows: usize,
    /// Position of each source row among the training rows of all sources.
    pub source_indices: Vec<usize>,
    /// Position of each target row among the target's training rows.
    pub target_indices: Vec<usize>,
}

impl Joint {
    /// Features and logits of the source rows, and their outputs in time where there are some.
    pub fn source(&self) -> ModelOutput {
        self.output().rows(0, self.source_rows)
    }

    /// Features and logits of the target rows, likewise.
    pub fn target(&self) -> ModelOutput {
        self.output().rows(self.source_rows, self.target_rows)
    }

    /// Features of the source rows `[source, features]`.
    pub fn source_features(&self) -> Tensor<2> {
        self.features.clone().narrow(0, 0, self.source_rows)
    }

    /// Features of the target rows `[target, features]`.
    pub fn target_features(&self) -> Tensor<2> {
        self.features.clone().narrow(0, self.source_rows, self.target_rows)
    }

    /// Logits of the source rows `[source, outputs]`.
    pub fn source_logits(&self) -> Tensor<2> {
        self.logits.clone().narrow(0, 0, self.source_rows)
    }

    /// Logits of the target rows `[target, outputs]`.
    pub fn target_logits(&self) -> Tensor<2> {
        self.logits.clone().narrow(0, self.source_rows, self.target_rows)
    }

    /// What a layer gives for the source rows and for the target rows, `[rows, size]` each.
    ///
    /// # Errors
    /// If the model has no such layer.
    pub fn layer(&self, layer: Layer) -> Result<(Tensor<2>, Tensor<2>), MethodError> {
        let all = match layer {
            Layer::Features => &self.features,
            Layer::Logits => &self.logits,
            Layer::Extractor(index) => self
                .layers
                .get(index)
                .ok_or_else(|| MethodError::unknown_layer(layer, self.layers.len()))?,
        };
        let source = all.clone().narrow(0, 0, self.source_rows);
        Ok((source, all.clone().narrow(0, self.source_rows, self.target_rows)))
    }

    /// Inputs of the source rows.
    pub fn source_input(&self) -> Input {
        self.input.clone().narrow(0, self.source_rows)
    }

    /// Inputs of the target rows.
    pub fn target_input(&self) -> Input {
        self.input.clone().narrow(self.source_rows, self.target_rows)
    }

    /// Classes of the source rows `[source]`, for a method that needs them.
    ///
    /// # Errors
    /// If the source has other targets than one class a row.
    pub fn source_classes(&self) -> Result<Tensor<1, Int>, MethodError> {
        match self.targets.classes() {
            Some(classes) => Ok(class_tensor(classes, &self.features.device())),
            None => Err(MethodError::Unsuitable(format!(
                "the method needs one class for each source sample, this data set has {}",
                self.targets.kind()
            ))),
        }
    }

    /// The domain segments of the source rows.
    pub fn source_segments(&self) -> Vec<Segment> {
        self.segments.iter().filter(|it| it.domain != DomainRole::Target).copied().collect()
    }

    fn output(&self) -> ModelOutput {
        ModelOutput {
            states: self.states.clone(),
            ..ModelOutput::new(self.features.clone(), self.logits.clone())
        }
    }
}
