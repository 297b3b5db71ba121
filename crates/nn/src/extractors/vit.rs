//! The vision transformer.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::input::Input;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::{Network, independent_copy};
use isthmus_core::parts::{BuildContext, Encoded, Extractor};

use crate::extractors::vit_positions::resized;
use crate::weights::{Named, load_tensors, read, transposed};
use isthmus_layers::{
    Convolution, ConvolutionShape, Dropout, Initial, LayerNorm, NormPlace, Padding,
    TransformerBlock, TransformerShape,
};

/// Hugging Face's.
const EPSILON: f64 = 1e-12;
const DEVIATION: f64 = 0.02;
const POSITIONS: &str = "embeddings.position_embeddings";

/// The sizes of a [`Vit`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitShape {
    /// Height and width of a patch in pixels.
    pub patch: usize,
    /// Values of a token.
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Heads of attention; they divide `hidden`.
    pub heads: usize,
    /// Hidden units that each token goes through in a block.
    pub mlp: usize,
    /// Share of values that is zeroed while training.
    pub dropout: f64,
}

/// The extractor `vit` (Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, equations 1 to
/// 4): a linear map of each patch, a class token before them, learned embeddings of positions, blocks
/// that normalise before, layer normalisation of the class token.
#[derive(Module, Debug)]
pub struct Vit {
    /// `[1, 1, size]`.
    class_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, size]`, the class token's first, then row by row.
    positions: Param<Tensor<3>>,
    /// A linear map of each patch: a convolution whose stride is its kernel.
    patches: Convolution,
    blocks: Vec<TransformerBlock>,
    norm: LayerNorm,
    dropout: Dropout,
    /// Rows and columns of patches.
    #[module(skip)]
    grid: [usize; 2],
}

impl Vit {
    /// A network with random initial weights for images of so many channels and `[rows, columns]` of
    /// patches.
    ///
    /// # Panics
    /// If the heads do not divide the size of a token.
    pub fn new(shape: VitShape, channels: usize, grid: [usize; 2], context: &BuildContext) -> Self {
        let VitShape { patch, hidden, layers, heads, mlp, dropout } = shape;
        let part = |name: &str| BuildContext { key: context.key.named(name), ..context.clone() };
        let tokens = |count, name: &str| {
            let key = context.key.named(name);
            Initial::Normal { std: DEVIATION }.parameter([1, count, hidden], key, &context.device)
        };
        let block = |index| {
            let shape = TransformerShape {
                size: hidden,
                heads,
                hidden: mlp,
                norm: NormPlace::Before,
                epsilon: EPSILON,
                dropout,
            };
            let key = context.key.named("block").at(index as u64);
            TransformerBlock::new(shape, &BuildContext { key, ..context.clone() })
        };
        let convolution = ConvolutionShape {
            input: channels,
            output: hidden,
            kernel: patch,
            stride: patch,
            padding: Padding::Symmetric(0),
            groups: 1,
        };
        Self {
            class_token: tokens(1, "class token"),
            positions: tokens(1 + grid[0] * grid[1], "positions"),
            patches: Convolution::new(convolution, &part("patches")),
            blocks: (0..layers).map(block).collect(),
            norm: LayerNorm::new(hidden, EPSILON, context),
            dropout: Dropout::new(dropout),
            grid,
        }
    }

    /// Takes weights by Hugging Face's names out of a file; a prefix such as `vit.` may stand before
    /// them. Embeddings of positions of another image size are interpolated.
    ///
    /// # Errors
    /// If the file cannot be read, or holds the weights of another network.
    pub fn load(&mut self, file: &Path) -> Result<(), NetworkError> {
        let mut tensors: BTreeMap<String, TensorData> = BTreeMap::new();
        for (name, data) in read(file)? {
            let data = match data.shape().len() {
                2 => transposed(&data),
                3 if name.ends_with(POSITIONS) => resized(data, self.grid),
                _ => data,
            };
            tensors.insert(name, data);
        }
        load_tensors(self, file, tensors, &published_name, &["pooler.", "classifier."])
    }

    /// The normalised class tokens `[batch, size]`; `see` is shown the class tokens after each block
    /// but the last.
    fn class_tokens(
        &self,
        images: Tensor<4>,
        context: &Context,
        mut see: impl FnMut(&dyn Fn() -> Tensor<2>),
    ) -> Tensor<2> {
        let batch = images.dims()[0];
        let patches = self.patches.forward(images);
        let size = patches.dims()[1];
        let patches = patches.flatten::<3>(2, 3).swap_dims(1, 2);
        let class = self.class_token.val().expand([batch, 1, size]);
        let tokens = Tensor::cat(vec![class, patches], 1) + self.positions.val();
        let count = tokens.dims()[1];
        let lengths = vec![count; batch];
        let mut tokens = tokens.reshape([batch * count, size]);
        tokens = self.dropout.forward(tokens, context);
        let class_of = |tokens: &Tensor<2>| {
            let all = tokens.clone().reshape([batch, count, size]);
            all.narrow(1, 0, 1).reshape([batch, size])
        };
        for (index, block) in self.blocks.iter().enumerate() {
            tokens = block.forward(tokens, &lengths, context);
            if index + 1 < self.blocks.len() {
                see(&|| class_of(&tokens));
            }
        }
        // Normalisation acts on each token by itself, so that of the patches need not be computed.
        self.norm.forward(class_of(&tokens))
    }
}

/// Hugging Face's name of the tensor at a path of the network.
fn published_name(path: &str) -> Named {
    let parts: Vec<&str> = path.split('.').collect();
    let name = match parts.as_slice() {
        ["class_token"] => "embeddings.cls_token".to_owned(),
        ["positions"] => POSITIONS.to_owned(),
        ["patches", tensor] => format!("embeddings.patch_embeddings.projection.{tensor}"),
        ["norm", tensor] => format!("layernorm.{tensor}"),
        ["blocks", block, unit @ .., tensor] => {
            let unit = match unit {
                ["attention", "output"] => "attention.output.dense".to_owned(),
                ["attention", which] => format!("attention.attention.{which}"),
                ["attention_norm"] => "layernorm_before".to_owned(),
                ["hidden"] => "intermediate.dense".to_owned(),
                ["output"] => "output.dense".to_owned(),
                ["output_norm"] => "layernorm_after".to_owned(),
                _ => return Named::Own,
            };
            format!("encoder.layer.{block}.{unit}.{tensor}")
        }
        _ => return Named::Own,
    };
    Named::File(name)
}

impl Extractor for Vit {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.class_tokens(of_images(input), context, |_| ())
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let mut layers = Vec::new();
        let pooled = self.class_tokens(of_images(input), context, |class| layers.push(class()));
        layers.push(pooled.clone());
        Encoded { pooled, states: None, layers }
    }

    fn layers(&self) -> usize {
        self.blocks.len()
    }

    fn output_size(&self) -> usize {
        self.positions.dims()[2]
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn pytorch(&self, _grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let named = |tensor: NamedTensor| {
            let Named::File(path) = published_name(&tensor.path) else { return None };
            let is_linear = tensor.data.shape().len() == 2;
            let data = if is_linear { transposed(&tensor.data) } else { tensor.data };
            Some(NamedTensor { path, data })
        };
        self.tensors().into_iter().map(named).collect()
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

/// # Panics
/// If the input is not of images, for which the network was built.
fn of_images(input: Input) -> Tensor<4> {
    match input {
        Input::Images(images) => images,
        other => panic!("vit was built for images and is fed {}", other.shape()),
    }
}
