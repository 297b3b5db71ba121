//! The configuration of the extractor `vit`.

use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::error::NetworkError;
use isthmus_core::input::InputShape;
use isthmus_core::inventory;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use isthmus_core::spec::{Interpolation, Transform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::extractors::vit::{Vit, VitShape};
use crate::weights::{Weights, checksum, locate};

const NAME: &str = "vit";

/// A published size of vision transformers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VitSize {
    /// 192 features, 12 blocks of 3 heads, 768 hidden units (Touvron et al. 2021): 5.5 million weights.
    #[default]
    Tiny,
    /// 384 features, 12 blocks of 6 heads, 1536 hidden units (Touvron et al. 2021): 22 million weights.
    Small,
    /// 768 features, 12 blocks of 12 heads, 3072 hidden units (Dosovitskiy et al. 2021): 86 million
    /// weights.
    Base,
}

/// Vision transformer: the image is cut into patches, each a token; a class token attends to them and
/// ends as the features. Normalises before attention and before each hidden layer, as published.
/// Methods see the class token after each block as `extractor.0` and on; the last is normalised, and
/// is the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VitConfig {
    /// The weights to start from: "random", or the path of a .safetensors or .pth file of a
    /// `ViTModel` or `ViTForImageClassification` of Hugging Face's transformers. Where its images had
    /// another size, the embeddings of positions are interpolated (bicubic) to the patches of these.
    pub weights: Weights,
    /// Height and width, in pixels, that images are brought to unless the experiment states another
    /// transform.
    #[schemars(range(min = 1))]
    pub image_size: usize,
    /// Height and width of a patch in pixels. It divides those of the images.
    #[schemars(range(min = 1))]
    pub patch: usize,
    /// What the four fields below are where they are not set.
    pub size: VitSize,
    /// Features, and values of a token. By default that of `size`.
    #[schemars(range(min = 1))]
    pub hidden: Option<usize>,
    /// Blocks. By default those of `size`.
    #[schemars(range(min = 1))]
    pub layers: Option<usize>,
    /// Heads of attention; they divide `hidden`. By default those of `size`.
    #[schemars(range(min = 1))]
    pub heads: Option<usize>,
    /// Hidden units that each token goes through in a block. By default those of `size`.
    #[schemars(range(min = 1))]
    pub mlp: Option<usize>,
    /// Share of values that is zeroed while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for VitConfig {
    fn default() -> Self {
        Self {
            weights: Weights::Random,
            image_size: 224,
            patch: 16,
            size: VitSize::default(),
            hidden: None,
            layers: None,
            heads: None,
            mlp: None,
            dropout: 0.0,
        }
    }
}

impl VitConfig {
    /// The sizes of the network, those that are not set by `size`.
    pub fn shape(&self) -> VitShape {
        let (hidden, heads, mlp) = match self.size {
            VitSize::Tiny => (192, 3, 768),
            VitSize::Small => (384, 6, 1536),
            VitSize::Base => (768, 12, 3072),
        };
        VitShape {
            patch: self.patch,
            hidden: self.hidden.unwrap_or(hidden),
            layers: self.layers.unwrap_or(12),
            heads: self.heads.unwrap_or(heads),
            mlp: self.mlp.unwrap_or(mlp),
            dropout: self.dropout,
        }
    }
}

impl PluginConfig for VitConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        let problem = |field: &str, message| Err(FieldProblem { field: field.to_owned(), message });
        let VitShape { hidden, layers, heads, mlp, .. } = self.shape();
        for (field, value) in [
            ("image_size", self.image_size),
            ("patch", self.patch),
            ("hidden", hidden),
            ("layers", layers),
            ("heads", heads),
            ("mlp", mlp),
        ] {
            checks::sizes(field, &[value])?;
        }
        if !hidden.is_multiple_of(heads) {
            let message = format!(
                "`heads` is {heads}, which does not divide the {hidden} values of a token (`hidden`)"
            );
            return problem("heads", message);
        }
        if !self.image_size.is_multiple_of(self.patch) {
            let message = format!(
                "`patch` is {}, which does not divide `image_size`, {}",
                self.patch, self.image_size
            );
            return problem("patch", message);
        }
        if matches!(self.weights, Weights::Imagenet | Weights::Published) {
            let message =
                "there are no published weights of `vit` that isthmus can fetch; `weights` is \
                           \"random\" or the path of a .safetensors or .pth file"
                    .to_owned();
            return problem("weights", message);
        }
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for VitConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let [channels, height, width] = checks::image(NAME, shape)?;
        let patch = self.patch;
        if !height.is_multiple_of(patch) || !width.is_multiple_of(patch) {
            return Err(NetworkError::Input {
                network: NAME.to_owned(),
                expected: format!("images whose sides are multiples of {patch} pixels (`patch`)"),
                found: shape.to_string(),
            });
        }
        let file = locate(NAME, &self.weights)?;
        let grid = [height / patch, width / patch];
        let mut network = Vit::new(self.shape(), channels, grid, context);
        if let Some(file) = file {
            network.load(&file)?;
        }
        Ok(Box::new(network))
    }

    fn transform(&self) -> Option<Transform> {
        Some(Transform {
            resize: Some(self.image_size),
            crop: Some(self.image_size),
            // Published weights are of coloured images.
            channels: (self.weights != Weights::Random).then_some(3),
            interpolation: Interpolation::Bilinear,
            mean: vec![0.5],
            std: vec![0.5],
            ..Transform::default()
        })
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
    Plugin::extractor::<VitConfig>(About {
        name: NAME,
        summary: "Vision transformer, tiny, small, base or of any size",
        paper: "Dosovitskiy et al., An image is worth 16x16 words: transformers for image recognition \
                at scale, ICLR 2021; the sizes tiny and small: Touvron et al., Training data-efficient \
                image transformers, ICML 2021",
    })
}
