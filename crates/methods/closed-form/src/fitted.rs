//! What a method of this family leaves: a mapping and a shallow classifier behind it.

use burn::tensor::Tensor;
use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::error::MethodError;
use isthmus_core::registry::build_shallow_classifier;
use isthmus_core::shallow::ShallowClassifier;
use isthmus_linear::Rows;

use crate::mapping::Mapping;

/// The shallow classifier of a method: which one, and for how many classes.
#[derive(Clone, Debug)]
pub(crate) struct Classifier {
    pub(crate) choice: Choice<ShallowClassifierKind>,
    pub(crate) classes: usize,
}

impl Classifier {
    /// A new one that is not fitted.
    pub(crate) fn build(&self) -> Result<Box<dyn ShallowClassifier>, MethodError> {
        build_shallow_classifier(&self.choice, self.classes)
    }
}

/// A mapping and the classifier behind it.
pub(crate) struct Fitted {
    pub(crate) mapping: Mapping,
    pub(crate) classifier: Box<dyn ShallowClassifier>,
}

/// The rows of a tensor, on the host.
pub(crate) fn host(tensor: Tensor<2>) -> Rows {
    let [_, columns] = tensor.dims();
    Rows::new(columns, tensor.into_data().iter::<f64>().collect())
}
