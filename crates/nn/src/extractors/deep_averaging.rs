//! The deep averaging network: a small network of texts.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::Context;
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Encoded, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::extractors::word_pieces::{PIECES, word_pieces};
use isthmus_layers::{Activation, Dense, DenseShape, Initial};

const NAME: &str = "deep-averaging";

/// The mean of the vectors of a text's word pieces, which are trained, through hidden layers; the last
/// one's values are the features. The order of words does not count. For English.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepAveragingConfig {
    /// Values of the vector of a word piece. There are 30522 such vectors.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// Sizes of the hidden layers; the last one is the number of features.
    #[schemars(length(min = 1))]
    pub hidden: Vec<usize>,
    /// The most word pieces of a text that are read; what is beyond is cut off.
    #[schemars(range(min = 2))]
    pub tokens: usize,
    /// Share of the values that is zeroed after each layer while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for DeepAveragingConfig {
    fn default() -> Self {
        Self { size: 100, hidden: vec![100], tokens: 512, dropout: 0.0 }
    }
}

impl PluginConfig for DeepAveragingConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.hidden.is_empty() {
            return Err(FieldProblem {
                field: "hidden".to_owned(),
                message: "`hidden` is empty, expected at least one size".to_owned(),
            });
        }
        checks::sizes("hidden", &self.hidden)?;
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for DeepAveragingConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        checks::texts(NAME, shape)?;
        // Vectors as far from 0 as those of published word vectors.
        let key = context.key.named("words");
        let words =
            Initial::Normal { std: 0.1 }.parameter([PIECES, self.size], key, &context.device);
        let layer =
            DenseShape { batch_norm: false, activation: Activation::Relu, dropout: self.dropout };
        let layers = Dense::stack(self.size, &self.hidden, layer, context);
        let output = self.hidden.last().copied().unwrap_or(self.size);
        Ok(Box::new(DeepAveraging { words, layers, output, tokens: self.tokens }))
    }

    fn takes_texts(&self) -> bool {
        true
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(false)
    }
}

inventory::submit! {
    Plugin::extractor::<DeepAveragingConfig>(About {
        name: NAME,
        summary: "The mean of word vectors through hidden layers, for texts",
        paper: "Iyyer, Manjunatha, Boyd-Graber, Daum\u{e9}: Deep unordered composition rivals \
                syntactic methods for text classification, ACL 2015",
    })
}

/// The extractor `deep-averaging`.
#[derive(Module, Debug)]
pub struct DeepAveraging {
    /// `[pieces, size]`.
    words: Param<Tensor<2>>,
    layers: Vec<Dense>,
    output: usize,
    tokens: usize,
}

impl DeepAveraging {
    /// The mean of the vectors of each text's pieces, `[texts, size]`.
    fn means(&self, texts: &[String]) -> Tensor<2> {
        let texts: Vec<Vec<u32>> =
            texts.iter().map(|text| word_pieces(text, self.tokens)).collect();
        let words = self.words.val();
        let ids: Vec<i64> = texts.iter().flatten().copied().map(i64::from).collect();
        let ids = TensorData::new(ids, [texts.iter().map(Vec::len).sum::<usize>()]);
        let vectors = words.clone().select(0, Tensor::<1, Int>::from_data(ids, &words.device()));
        let mut start = 0;
        let means = texts.iter().map(|text| {
            start += text.len();
            vectors.clone().narrow(0, start - text.len(), text.len()).mean_dim(0)
        });
        Tensor::cat(means.collect(), 0)
    }
}

impl Extractor for DeepAveraging {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.encode(input, context).pooled
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let Input::Texts(texts) = input else {
            panic!("{NAME} was built for texts and is fed {}", input.shape());
        };
        let mut hidden = self.means(&texts);
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in &mut self.layers {
            hidden = layer.forward(hidden, context);
            layers.push(hidden.clone());
        }
        Encoded { layers, ..hidden.into() }
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn output_size(&self) -> usize {
        self.output
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::DomainRole;
    use isthmus_layers::testing::{build_context, close, values};

    use super::*;

    fn features(network: &mut dyn Extractor, texts: &[&str]) -> Vec<f32> {
        let input = Input::Texts(texts.iter().map(|&text| text.to_owned()).collect());
        values(&network.forward(input, &Context::evaluate(DomainRole::Target, texts.len())))
    }

    #[test]
    fn order_and_neighbours_do_not_count() {
        let config = DeepAveragingConfig { size: 8, hidden: vec![6, 5], ..Default::default() };
        let mut network = config.build(InputShape::Text, &build_context(1)).unwrap();
        let both = features(&mut *network, &["a good book", "no"]);
        close(&features(&mut *network, &["book a good"]), &both[..5], 1e-6);
        assert_eq!(features(&mut *network, &["no"]), both[5..]);
        assert_ne!(both[..5], both[5..]);
        assert_eq!((network.layers(), network.output_size()), (2, 5));
    }

    #[test]
    fn other_samples_are_refused() {
        let config = DeepAveragingConfig::default();
        let error = config.build(InputShape::Features { size: 3 }, &build_context(1));
        let error = error.err().unwrap().to_string();
        assert!(error.contains("takes texts") && error.contains("features [3]"), "{error}");
        let none = DeepAveragingConfig { hidden: Vec::new(), ..config };
        assert!(none.check().unwrap_err().message.contains("`hidden` is empty"));
    }
}
