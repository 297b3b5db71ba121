//! EfficientNet-lite0, with ImageNet weights that come inside a small package.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::optimizer::is_host;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use isthmus_core::spec::{Interpolation, Transform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::extractors::efficientnet_host::{HostBlock, HostNetwork, depthwise, pointwise};
use crate::extractors::resnet::average_pool;
use crate::weights::{Named, Weights, checksum, load, locate, of_tensor};
use isthmus_layers::{AfterNorm, ConvolutionNorm, ConvolutionShape, Padding, Rectifier, UnitNames};

const NAME: &str = "efficientnet-lite0";
const FEATURES: usize = 1280;

/// Kernel, stride of the first block, expansion, channels and number of blocks of each stage.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];

/// EfficientNet-lite0 without its classifier: 1280 features. Images of 224x224 pixels, scaled as
/// its weights were trained with, unless the experiment states another transform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EfficientNetLite0Config {
    /// The weights to start from: "imagenet" (`isthmus weights efficientnet-lite0` gets them),
    /// "random", or the path of a .pth or .safetensors file with the same names. The published file
    /// is looked for in `$ISTHMUS_WEIGHTS`, else in `weights` in the current folder.
    pub weights: Weights,
}

impl PluginConfig for EfficientNetLite0Config {}

impl ExtractorPlugin for EfficientNetLite0Config {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        checks::rgb(NAME, shape)?;
        let file = locate(NAME, &self.weights)?;
        let mut network = EfficientNetLite0::new(context);
        if let Some(file) = file {
            load(&mut network, &file, &EfficientNetLite0::published_name, &["_fc."])?;
        }
        Ok(Box::new(network))
    }

    fn transform(&self) -> Option<Transform> {
        Some(Transform {
            resize: Some(256),
            crop: Some(224),
            channels: Some(3),
            interpolation: Interpolation::Bicubic,
            mean: vec![127.0 / 255.0],
            std: vec![128.0 / 255.0],
            random_crop: Some([0.08, 1.0]),
            random_flip: true,
            ..Transform::default()
        })
    }

    fn weights(&self) -> Option<String> {
        checksum(&locate(NAME, &self.weights).ok()??).ok()
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(true)
    }
}

/// Expands the channels, convolves each by itself, and projects them (Sandler et al.,
/// "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018).
#[derive(Module, Debug)]
struct Block {
    expand: Option<ConvolutionNorm>,
    depthwise: ConvolutionNorm,
    project: ConvolutionNorm,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    residual: bool,
}

impl Block {
    fn forward(&mut self, input: Tensor<4>, context: &Context) -> Tensor<4> {
        let mut hidden = input.clone();
        if let Some(expand) = &mut self.expand {
            hidden = expand.forward_then(hidden, Rectifier::Relu6.into(), context);
        }
        hidden = self.depthwise.forward_then(hidden, Rectifier::Relu6.into(), context);
        let residual = self.residual.then_some(input);
        self.project.forward_then(hidden, AfterNorm { residual, rectifier: None }, context)
    }
}

/// The extractor `efficientnet-lite0`.
#[derive(Module, Debug)]
pub struct EfficientNetLite0 {
    stem: ConvolutionNorm,
    blocks: Vec<Block>,
    head: ConvolutionNorm,
}

impl EfficientNetLite0 {
    /// A network with random initial weights.
    pub fn new(context: &BuildContext) -> Self {
        let mut index = 0;
        let mut unit = |input, output, kernel, stride, groups| {
            let padding = Padding::Same;
            let shape = ConvolutionShape { input, output, kernel, stride, padding, groups };
            index += 1;
            let key = context.key.named("unit").at(index);
            let mut unit = ConvolutionNorm::new(shape, &BuildContext { key, ..context.clone() });
            unit.norm = unit.norm.with_epsilon(1e-3).with_momentum(0.01);
            unit
        };
        let stem = unit(3, 32, 3, 2, 1);
        let mut input = 32;
        let mut blocks = Vec::new();
        for (kernel, first_stride, expansion, output, count) in STAGES {
            for block in 0..count {
                let stride = if block == 0 { first_stride } else { 1 };
                let wide = input * expansion;
                blocks.push(Block {
                    expand: (expansion > 1).then(|| unit(input, wide, 1, 1, 1)),
                    depthwise: unit(wide, wide, kernel, stride, wide),
                    project: unit(wide, output, 1, 1, 1),
                    stride,
                    residual: block > 0,
                });
                input = output;
            }
        }
        let head = unit(input, FEATURES, 1, 1, 1);
        Self { stem, blocks, head }
    }

    /// The published name of the tensor at a path of this network.
    pub fn published_name(path: &str) -> Named {
        of_tensor(path, &unit_names)
    }

    /// The units with their paths in this network.
    fn units(&self) -> Vec<(String, &ConvolutionNorm)> {
        let mut units = vec![("stem".to_owned(), &self.stem)];
        for (index, block) in self.blocks.iter().enumerate() {
            let parts = [
                ("expand", block.expand.as_ref()),
                ("depthwise", Some(&block.depthwise)),
                ("project", Some(&block.project)),
            ];
            let parts = parts.into_iter().filter_map(|(name, unit)| Some((name, unit?)));
            units.extend(parts.map(|(name, unit)| (format!("blocks.{index}.{name}"), unit)));
        }
        units.push(("head".to_owned(), &self.head));
        units
    }
}

/// The published names of the unit at a path.
fn unit_names(path: &str) -> Option<UnitNames> {
    let (block, convolution, norm) = match path.split('.').collect::<Vec<_>>().as_slice() {
        ["stem"] => (String::new(), "_conv_stem", "_bn0"),
        ["head"] => (String::new(), "_conv_head", "_bn1"),
        ["blocks", block, unit] => {
            let (convolution, norm) = match *unit {
                "expand" => ("_expand_conv", "_bn0"),
                "depthwise" => ("_depthwise_conv", "_bn1"),
                "project" => ("_project_conv", "_bn2"),
                _ => return None,
            };
            (format!("_blocks.{block}."), convolution, norm)
        }
        _ => return None,
    };
    Some(UnitNames { convolution: format!("{block}{convolution}"), norm: format!("{block}{norm}") })
}

impl EfficientNetLite0 {
    /// The network laid out for the host, if this pass only reads running statistics.
    ///
    /// It is made anew for each batch, in the time of a fraction of an image: a copy that is kept
    /// could outlive the parameters it was made of.
    fn on_host(&self, context: &Context) -> Option<HostNetwork> {
        let blocks = self.blocks.iter().map(|block| {
            let expand = match &block.expand {
                None => None,
                Some(expand) => Some(pointwise(expand, context)?),
            };
            Some(HostBlock {
                expand,
                depthwise: depthwise(&block.depthwise, block.stride, context)?,
                project: pointwise(&block.project, context)?,
                residual: block.residual,
            })
        });
        Some(HostNetwork {
            stem: pointwise(&self.stem, context)?,
            blocks: blocks.collect::<Option<_>>()?,
            head: pointwise(&self.head, context)?,
        })
    }
}

impl Extractor for EfficientNetLite0 {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        let Input::Images(images) = input else {
            panic!("{NAME} was built for images and is fed {}", input.shape());
        };
        if !images.is_autodiff()
            && is_host(&images.device())
            && let Some(network) = self.on_host(context)
        {
            return network.forward(images);
        }
        let mut hidden = self.stem.forward_then(images, Rectifier::Relu6.into(), context);
        for block in &mut self.blocks {
            hidden = block.forward(hidden, context);
        }
        average_pool(self.head.forward_then(hidden, Rectifier::Relu6.into(), context))
    }

    fn output_size(&self) -> usize {
        FEATURES
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let mut tensors = Vec::new();
        for (path, unit) in self.units() {
            tensors.extend(unit.pytorch(&unit_names(&path)?, grouping));
        }
        Some(tensors)
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::extractor::<EfficientNetLite0Config>(About {
        name: NAME,
        summary: "EfficientNet-lite0, 1280 features; small and fast on a processor",
        paper: "Tan and Le, EfficientNet: rethinking model scaling for convolutional neural \
                networks, ICML 2019; the lite variants: TensorFlow 2020",
    })
}
