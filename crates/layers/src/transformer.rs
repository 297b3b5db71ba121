//! The block that transformers are stacks of.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::context::Context;
use isthmus_core::parts::BuildContext;

use crate::attention::normal_linear;
use crate::{Activation, Attention, Dropout, LayerNorm, Linear};

/// Where a block normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlace {
    /// After each residual sum, as the first transformers and BERT.
    After,
    /// Before attention and before the map of each token, as vision transformers.
    Before,
}

/// What a block is built of.
#[derive(Clone, Copy, Debug)]
pub struct TransformerShape {
    /// Values of a token.
    pub size: usize,
    /// Heads of attention; they divide the size.
    pub heads: usize,
    /// Values of the hidden layer that each token goes through.
    pub hidden: usize,
    /// Where it normalises.
    pub norm: NormPlace,
    /// What is added to variances.
    pub epsilon: f64,
    /// Share of values that is zeroed while training.
    pub dropout: f64,
}

/// Attention, then a hidden layer with the Gaussian error linear unit for each token, each added to
/// what it was given (Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.1).
#[derive(Module, Debug)]
pub struct TransformerBlock {
    /// Attention of the tokens of a row.
    pub attention: Attention,
    /// Belongs to the attention.
    pub attention_norm: LayerNorm,
    /// Into the hidden layer.
    pub hidden: Linear,
    /// Out of the hidden layer.
    pub output: Linear,
    /// Belongs to the hidden layer.
    pub output_norm: LayerNorm,
    dropout: Dropout,
    is_before: bool,
}

impl TransformerBlock {
    /// A block of normal weights.
    ///
    /// # Panics
    /// If the heads do not divide the size.
    pub fn new(shape: TransformerShape, context: &BuildContext) -> Self {
        let TransformerShape { size, heads, hidden, norm, epsilon, dropout } = shape;
        Self {
            attention: Attention::new(size, heads, dropout, context),
            attention_norm: LayerNorm::new(size, epsilon, context),
            hidden: normal_linear(size, hidden, "hidden", context),
            output: normal_linear(hidden, size, "back", context),
            output_norm: LayerNorm::new(size, epsilon, context),
            dropout: Dropout::new(dropout),
            is_before: norm == NormPlace::Before,
        }
    }

    /// `[tokens, size]` to the same, for rows of so many tokens; see [`Attention`].
    pub fn forward(&self, tokens: Tensor<2>, lengths: &[usize], context: &Context) -> Tensor<2> {
        let attend = |tokens: Tensor<2>| {
            self.dropout.forward(self.attention.forward(tokens, lengths, context), context)
        };
        let widen = |tokens: Tensor<2>| {
            let hidden = Activation::Gelu.forward(self.hidden.forward(tokens));
            self.dropout.forward(self.output.forward(hidden), context)
        };
        if self.is_before {
            let tokens = tokens.clone() + attend(self.attention_norm.forward(tokens));
            return tokens.clone() + widen(self.output_norm.forward(tokens));
        }
        let tokens = self.attention_norm.forward(tokens.clone() + attend(tokens));
        self.output_norm.forward(tokens.clone() + widen(tokens))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::DomainRole;

    use super::*;
    use crate::testing::{build_context, close, joint_training, normal, values};

    fn block(norm: NormPlace, dropout: f64) -> TransformerBlock {
        let shape = TransformerShape { size: 4, heads: 2, hidden: 6, norm, epsilon: 1e-6, dropout };
        TransformerBlock::new(shape, &build_context(1))
    }

    #[test]
    fn blocks_normalise_where_they_are_told() {
        let context = Context::evaluate(DomainRole::Target, 2);
        let tokens = normal([5, 4], 1);
        let after = block(NormPlace::After, 0.0).forward(tokens.clone(), &[2, 3], &context);
        // What leaves is normalised.
        let means = values(&after.mean_dim(1));
        close(&means, &[0.0; 5], 1e-5);
        let before = block(NormPlace::Before, 0.0);
        let output = before.forward(tokens.clone(), &[2, 3], &context);
        // Weights are small at first: what enters goes on.
        close(&values(&output), &values(&tokens), 0.2);
        assert_ne!(values(&output), values(&tokens));
    }

    #[test]
    fn dropout_acts_in_training_alone() {
        let block = block(NormPlace::After, 0.5);
        let tokens = normal([4, 4], 2);
        let run = |context: &Context| values(&block.forward(tokens.clone(), &[2, 2], context));
        let evaluation = || Context::evaluate(DomainRole::Target, 2);
        assert_eq!(run(&evaluation()), run(&evaluation()));
        assert_ne!(run(&joint_training(1, 1)), run(&evaluation()));
        assert_eq!(run(&joint_training(1, 1)), run(&joint_training(1, 1)));
    }
}
