//! MiniLM, a small transformer that makes vectors of sentences, with weights that come inside a
//! package.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::Context;
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::extractors::word_pieces::{PIECES, word_pieces};
use crate::weights::{Named, Weights, checksum, load_tensors, locate, read, transposed};
use isthmus_layers::{Dropout, Initial, LayerNorm, NormPlace, TransformerBlock, TransformerShape};

const NAME: &str = "minilm";
const SIZE: usize = 384;
const HIDDEN: usize = 1536;
const HEADS: usize = 12;
const BLOCKS: usize = 6;
const POSITIONS: usize = 512;
const EPSILON: f64 = 1e-12;

/// MiniLM with six layers, a BERT of 22.7 million weights that was trained to bring sentences of like
/// meaning together: 384 features of a text, the mean over its word pieces. For English.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MiniLmConfig {
    /// The weights to start from: "published", those of all-MiniLM-L6-v2 (`isthmus weights minilm`
    /// gets them), "random", or the path of a .safetensors or .pth file with the same names. The
    /// published file is looked for in `$ISTHMUS_WEIGHTS`, else in `weights` in the current folder.
    pub weights: Weights,
    /// The most word pieces of a text that are read, with the two that stand before and behind; what is
    /// beyond is cut off. Time grows with it. The published weights were trained with 128 and are used
    /// with 256.
    #[schemars(range(min = 2, max = 512))]
    pub tokens: usize,
    /// Whether features are brought to length 1, as the published weights were trained.
    pub unit_length: bool,
    /// Share of values that is zeroed while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for MiniLmConfig {
    fn default() -> Self {
        Self { weights: Weights::Published, tokens: 256, unit_length: true, dropout: 0.1 }
    }
}

impl PluginConfig for MiniLmConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for MiniLmConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        checks::texts(NAME, shape)?;
        let file = locate(NAME, &self.weights)?;
        let mut network = MiniLm::new(self, context);
        if let Some(file) = file {
            network.load(&file)?;
        }
        Ok(Box::new(network))
    }

    fn takes_texts(&self) -> bool {
        true
    }

    fn weights(&self) -> Option<String> {
        checksum(&locate(NAME, &self.weights).ok()??).ok()
    }

    fn has_norm_layers(&self) -> Option<bool> {
        // Layer normalisation keeps no statistics.
        Some(false)
    }
}

inventory::submit! {
    Plugin::extractor::<MiniLmConfig>(About {
        name: NAME,
        summary: "MiniLM with six layers, 384 features of a text",
        paper: "Wang et al., MiniLM: deep self-attention distillation, NeurIPS 2020; Reimers and \
                Gurevych, Sentence-BERT, EMNLP 2019",
    })
}

/// The extractor `minilm`.
#[derive(Module, Debug)]
pub struct MiniLm {
    /// `[pieces, size]`.
    words: Param<Tensor<2>>,
    /// `[positions, size]`.
    positions: Param<Tensor<2>>,
    /// `[2, size]`: of the first and the second sentence of a pair; here all are of the first.
    sentences: Param<Tensor<2>>,
    norm: LayerNorm,
    blocks: Vec<TransformerBlock>,
    dropout: Dropout,
    tokens: usize,
    unit_length: bool,
}

impl MiniLm {
    /// A network with random initial weights.
    pub fn new(config: &MiniLmConfig, context: &BuildContext) -> Self {
        let embedding = |rows, name: &str| {
            let key = context.key.named(name);
            Initial::Normal { std: 0.02 }.parameter([rows, SIZE], key, &context.device)
        };
        let block = |index| {
            let shape = TransformerShape {
                size: SIZE,
                heads: HEADS,
                hidden: HIDDEN,
                norm: NormPlace::After,
                epsilon: EPSILON,
                dropout: config.dropout,
            };
            let key = context.key.named("block").at(index as u64);
            TransformerBlock::new(shape, &BuildContext { key, ..context.clone() })
        };
        Self {
            words: embedding(PIECES, "words"),
            positions: embedding(POSITIONS, "positions"),
            sentences: embedding(2, "sentences"),
            norm: LayerNorm::new(SIZE, EPSILON, context),
            blocks: (0..BLOCKS).map(block).collect(),
            dropout: Dropout::new(config.dropout),
            tokens: config.tokens,
            unit_length: config.unit_length,
        }
    }

    /// Takes published weights out of a file.
    ///
    /// # Errors
    /// If the file cannot be read, or holds the weights of another network.
    pub fn load(&mut self, file: &Path) -> Result<(), NetworkError> {
        let mut tensors: BTreeMap<String, TensorData> = BTreeMap::new();
        for (name, data) in read(file)? {
            // Linear layers are stored `[output, input]` there.
            let is_linear = name.ends_with(".weight") && !name.contains("embeddings.");
            let data = match data.shape().len() {
                2 if is_linear => transposed(&data),
                _ => data,
            };
            tensors.insert(name, data);
        }
        load_tensors(self, file, tensors, &published_name, &["pooler."])
    }

    /// The ids of the word pieces of a text, with those that stand before and behind.
    pub fn ids(&self, text: &str) -> Vec<u32> {
        word_pieces(text, self.tokens)
    }

    /// The vectors of all word pieces of the texts, one text after the other, and how many each has.
    fn pieces(&self, texts: &[String], context: &Context) -> (Tensor<2>, Vec<usize>) {
        let texts: Vec<Vec<u32>> = texts.iter().map(|text| self.ids(text)).collect();
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let device = self.words.val().device();
        let of = |ids: Vec<i64>| -> Tensor<1, Int> {
            let count = ids.len();
            Tensor::from_data(TensorData::new(ids, [count]), &device)
        };
        let ids = of(texts.into_iter().flatten().map(i64::from).collect());
        let places = of(lengths.iter().flat_map(|&length| 0..length as i64).collect());
        let sum = self.words.val().select(0, ids)
            + self.positions.val().select(0, places)
            + self.sentences.val().narrow(0, 0, 1);
        let mut tokens = self.dropout.forward(self.norm.forward(sum), context);
        for block in &self.blocks {
            tokens = block.forward(tokens, &lengths, context);
        }
        (tokens, lengths)
    }
}

/// The published name of the tensor at a path of the network.
fn published_name(path: &str) -> Named {
    let parts: Vec<&str> = path.split('.').collect();
    let name = match parts.as_slice() {
        ["words"] => "embeddings.word_embeddings.weight".to_owned(),
        ["positions"] => "embeddings.position_embeddings.weight".to_owned(),
        ["sentences"] => "embeddings.token_type_embeddings.weight".to_owned(),
        ["norm", tensor] => format!("embeddings.LayerNorm.{tensor}"),
        ["blocks", block, unit @ .., tensor] => {
            let unit = match unit {
                ["attention", "output"] => "attention.output.dense".to_owned(),
                ["attention", which] => format!("attention.self.{which}"),
                ["attention_norm"] => "attention.output.LayerNorm".to_owned(),
                ["hidden"] => "intermediate.dense".to_owned(),
                ["output"] => "output.dense".to_owned(),
                ["output_norm"] => "output.LayerNorm".to_owned(),
                _ => return Named::Own,
            };
            format!("encoder.layer.{block}.{unit}.{tensor}")
        }
        _ => return Named::Own,
    };
    Named::File(name)
}

impl Extractor for MiniLm {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        let Input::Texts(texts) = input else {
            panic!("{NAME} was built for texts and is fed {}", input.shape());
        };
        let (tokens, lengths) = self.pieces(&texts, context);
        let mut start = 0;
        let means = lengths.iter().map(|&length| {
            start += length;
            tokens.clone().narrow(0, start - length, length).mean_dim(0)
        });
        let features = Tensor::cat(means.collect(), 0);
        if !self.unit_length {
            return features;
        }
        let length = features.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
        features / length
    }

    fn output_size(&self) -> usize {
        SIZE
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
    use isthmus_core::network::Network;
    use isthmus_layers::testing::{build_context, close, values};

    use super::*;

    #[test]
    fn every_tensor_has_a_published_name() {
        let network = MiniLm::new(&MiniLmConfig::default(), &build_context(1));
        let names: Vec<Named> =
            network.tensors().iter().map(|tensor| published_name(&tensor.path)).collect();
        assert!(!names.contains(&Named::Own), "{names:?}");
        // 104 are published: one is a list of positions, two are of a pooler.
        assert_eq!(names.len(), 101);
    }

    #[test]
    fn a_text_is_the_same_whatever_stands_beside_it() {
        let config = MiniLmConfig { tokens: 8, ..MiniLmConfig::default() };
        let mut network = MiniLm::new(&config, &build_context(1)).evaluation_copy();
        let mut of = |texts: &[&str]| {
            let input = Input::Texts(texts.iter().map(|&text| text.to_owned()).collect());
            let context = Context::evaluate(DomainRole::Target, texts.len());
            values(&network.forward(input, &context))
        };
        let both = of(&["one", "two three four five six seven eight nine"]);
        close(&of(&["one"]), &both[..SIZE], 1e-6);
        // What is beyond the last token is not read.
        close(&of(&["two three four five six seven"]), &both[SIZE..], 1e-6);
        let length: f32 = both[..SIZE].iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }

    #[test]
    fn other_samples_are_refused() {
        let config = MiniLmConfig { weights: Weights::Random, ..MiniLmConfig::default() };
        let shape = InputShape::Features { size: 3 };
        let error = config.build(shape, &build_context(1)).err().unwrap().to_string();
        assert!(error.contains("takes texts") && error.contains("features [3]"), "{error}");
    }
}
