//! The parts of a model, each a [`Network`] with a forward pass.

use burn::tensor::{Device, Tensor};

use crate::context::{Context, Grouping};
use crate::input::Input;
use crate::named_tensor::NamedTensor;
use crate::network::Network;
use crate::random::Key;
use crate::states::States;

/// What a part is told when it is built.
#[derive(Clone, Debug)]
pub struct BuildContext {
    /// Where parameters live; an autodiff device for training.
    pub device: Device,
    /// Names this part's random initial weights.
    pub key: Key,
    /// Number of source domains: norm layers keep statistics for each of them and the target.
    pub sources: usize,
}

/// All that an extractor makes of a batch.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// One vector a sample, `[batch, output_size]`.
    pub pooled: Tensor<2>,
    /// Features in time `[batch, time, output_size]`, of extractors of series.
    pub states: Option<States>,
    /// What the hidden layers give, `[batch, size]` each, the first one first. The last is the
    /// pooled features where they are those of a layer.
    pub layers: Vec<Tensor<2>>,
}

impl From<Tensor<2>> for Encoded {
    fn from(pooled: Tensor<2>) -> Self {
        Self { pooled, states: None, layers: Vec::new() }
    }
}

/// Turns inputs into features. Also the role of a bottleneck, whose inputs are features.
pub trait Extractor: Network {
    /// Features `[batch, output_size]` of the inputs.
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2>;

    /// The same features with states in time and hidden layers, where the network has them.
    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        self.forward(input, context).into()
    }

    /// Number of features of one sample, and of one state.
    fn output_size(&self) -> usize;

    /// Whether [`encode`](Self::encode) gives states in time.
    fn gives_states(&self) -> bool {
        false
    }

    /// Number of hidden layers that [`encode`](Self::encode) gives.
    fn layers(&self) -> usize {
        0
    }

    /// A copy off the autodiff tape, for prediction: usually `Box::new(self.valid())`.
    fn evaluation_copy(&self) -> Box<dyn Extractor>;

    /// The tensors that predict samples of the target, by PyTorch's names and in its layouts;
    /// `None` where the network says nothing of that. `grouping` says which running statistics
    /// those are.
    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let _ = grouping;
        None
    }

    /// A trainable copy that shares nothing with the original: usually
    /// `Box::new(independent_copy(self))`.
    fn training_copy(&self) -> Box<dyn Extractor>;
}

/// Turns features into class scores.
pub trait Classifier: Network {
    /// Logits `[batch, classes]` of features `[batch, features]`.
    fn forward(&mut self, features: Tensor<2>, context: &Context) -> Tensor<2>;

    /// Number of classes.
    fn classes(&self) -> usize;

    /// A copy off the autodiff tape, for prediction: usually `Box::new(self.valid())`.
    fn evaluation_copy(&self) -> Box<dyn Classifier>;

    /// The tensors that predict samples of the target, by PyTorch's names and in its layouts;
    /// `None` where the network says nothing of that. `grouping` says which running statistics
    /// those are.
    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let _ = grouping;
        None
    }

    /// A trainable copy that shares nothing with the original.
    fn training_copy(&self) -> Box<dyn Classifier>;
}

/// Tells domains apart.
pub trait Discriminator: Network {
    /// Domain logits of features `[batch, features]`: `[batch, 1]` for two domains (positive:
    /// source), `[batch, domains]` for more.
    fn forward(&mut self, features: Tensor<2>, context: &Context) -> Tensor<2>;

    /// The single logit of each row `[batch, 1]`, and its gradient with respect to the row's
    /// features `[batch, features]` as operations on the tape, which a penalty of the gradient can be
    /// differentiated through: autodiff itself is of first order. `None` where the network does not
    /// know it, or rows depend on each other.
    fn with_input_gradient(
        &mut self,
        features: Tensor<2>,
        context: &Context,
    ) -> Option<(Tensor<2>, Tensor<2>)> {
        let _ = (features, context);
        None
    }
}
