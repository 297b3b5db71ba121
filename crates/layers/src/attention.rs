//! Attention of the tokens of a row to each other.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use isthmus_core::context::Context;
use isthmus_core::parts::BuildContext;

use crate::{Dropout, Initial, Linear};

/// Scaled dot-product attention in several heads (Vaswani et al., "Attention is all you need",
/// NeurIPS 2017, equation 1 and section 3.2.2), of the tokens of each row to all tokens of that row.
///
/// Tokens of all rows stand below one another, `[tokens, size]`, and each row has a number of them:
/// there is no padding, so that nothing depends on which rows share a batch.
#[derive(Module, Debug)]
pub struct Attention {
    /// What each token looks for.
    pub query: Linear,
    /// What each token is found by.
    pub key: Linear,
    /// What each token tells.
    pub value: Linear,
    /// Brings the heads together.
    pub output: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Attention {
    /// Attention of tokens of `size` values in `heads` heads of `size / heads` values; `dropout` is
    /// the share of the attention that is zeroed while training.
    ///
    /// # Panics
    /// If the heads do not divide the size.
    pub fn new(size: usize, heads: usize, dropout: f64, context: &BuildContext) -> Self {
        assert!(heads > 0 && size.is_multiple_of(heads), "{heads} heads do not divide {size}");
        let linear = |name| normal_linear(size, size, name, context);
        Self {
            query: linear("query"),
            key: linear("key"),
            value: linear("value"),
            output: linear("output"),
            dropout: Dropout::new(dropout),
            heads,
        }
    }

    /// `[tokens, size]` to the same, for rows of so many tokens.
    pub fn forward(&self, tokens: Tensor<2>, lengths: &[usize], context: &Context) -> Tensor<2> {
        let size = tokens.dims()[1];
        let queries = self.query.forward(tokens.clone());
        let keys = self.key.forward(tokens.clone());
        let values = self.value.forward(tokens);
        let mut parts = Vec::new();
        let mut start = 0;
        // Neighbours of one length go through together.
        for rows in lengths.chunk_by(|one, next| one == next) {
            let (count, length) = (rows.len(), rows[0]);
            let heads = |all: &Tensor<2>| {
                let own = all.clone().narrow(0, start, count * length);
                own.reshape([count, length, self.heads, size / self.heads]).swap_dims(1, 2)
            };
            let scale = (size as f64 / self.heads as f64).sqrt().recip();
            let scores = heads(&queries).matmul(heads(&keys).transpose()).mul_scalar(scale);
            let attended = self.dropout.forward(activation::softmax(scores, 3), context);
            let told = attended.matmul(heads(&values)).swap_dims(1, 2);
            parts.push(told.reshape([count * length, size]));
            start += count * length;
        }
        self.output.forward(Tensor::cat(parts, 0))
    }
}

/// A linear layer with normal weights and no bias yet, as transformers are started.
pub(crate) fn normal_linear(
    input: usize,
    output: usize,
    name: &str,
    context: &BuildContext,
) -> Linear {
    const DEVIATION: f64 = 0.02;
    let context = BuildContext { key: context.key.named(name), ..context.clone() };
    let weight = Initial::Normal { std: DEVIATION };
    Linear::with_initial(input, output, weight, Initial::Constant(0.0), &context)
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::DomainRole;

    use super::*;
    use crate::testing::{build_context, close, joint_training, normal, values};

    fn evaluation(rows: usize) -> Context {
        Context::evaluate(DomainRole::Target, rows)
    }

    /// Equation 1 by loops over heads and tokens.
    fn by_hand(layer: &Attention, tokens: &Tensor<2>, heads: usize) -> Vec<f32> {
        let [count, size] = tokens.dims();
        let wide = size / heads;
        let [q, k, v] = [&layer.query, &layer.key, &layer.value]
            .map(|linear| values(&linear.forward(tokens.clone())));
        let mut told = vec![0.0; count * size];
        for head in 0..heads {
            let part =
                |all: &[f32], token: usize| all[token * size + head * wide..][..wide].to_vec();
            for token in 0..count {
                let score = |other: usize| {
                    let pairs = part(&q, token).into_iter().zip(part(&k, other));
                    (pairs.map(|(a, b)| a * b).sum::<f32>() / (wide as f32).sqrt()).exp()
                };
                let sum: f32 = (0..count).map(score).sum();
                for other in 0..count {
                    for (at, value) in part(&v, other).into_iter().enumerate() {
                        told[token * size + head * wide + at] += score(other) / sum * value;
                    }
                }
            }
        }
        let data = burn::tensor::TensorData::new(told, [count, size]);
        values(&layer.output.forward(Tensor::from_data(data, &tokens.device())))
    }

    #[test]
    fn rows_of_different_lengths_attend_to_themselves() {
        let mut context = build_context(1);
        context.key = context.key.at(3);
        let mut layer = Attention::new(6, 3, 0.0, &context);
        // Weights that are not small, so that tokens differ in what they attend to.
        for linear in [&mut layer.query, &mut layer.key, &mut layer.value, &mut layer.output] {
            linear.weight = linear.weight.clone().map(|weight| weight.mul_scalar(50.0));
        }
        let tokens = normal([7, 6], 1);
        let found = values(&layer.forward(tokens.clone(), &[2, 2, 3], &evaluation(3)));
        let mut expected = Vec::new();
        for (start, length) in [(0, 2), (2, 2), (4, 3)] {
            expected.extend(by_hand(&layer, &tokens.clone().narrow(0, start, length), 3));
        }
        close(&found, &expected, 1e-4);
        // A row is what it is alone.
        let alone = layer.forward(tokens.narrow(0, 4, 3), &[3], &evaluation(1));
        close(&values(&alone), &found[24..], 1e-6);
    }

    #[test]
    fn gradients_reach_all_tokens_of_a_row_and_no_others() {
        let layer = Attention::new(4, 2, 0.0, &build_context(1));
        let tokens = normal([5, 4], 2).require_grad();
        let output = layer.forward(tokens.clone(), &[2, 3], &joint_training(1, 1));
        let gradients = output.narrow(0, 0, 1).sum().backward();
        let gradient = values(&tokens.grad(&gradients).unwrap());
        assert!(gradient[..8].iter().all(|value| *value != 0.0), "{gradient:?}");
        assert!(gradient[8..].iter().all(|value| *value == 0.0), "{gradient:?}");
    }
}
