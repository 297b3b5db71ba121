//! The residual networks as plugins, one a depth.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::NetworkError;
use isthmus_core::input::InputShape;
use isthmus_core::inventory;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use isthmus_core::spec::{Interpolation, Transform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::extractors::ResNet;
use crate::weights::{Weights, checksum, load, locate};

const PAPER: &str = "He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR \
                     2016; layers as in torchvision";

fn build(
    name: &str,
    depth: usize,
    weights: &Weights,
    shape: InputShape,
    context: &BuildContext,
) -> Result<Box<dyn Extractor>, NetworkError> {
    checks::rgb(name, shape)?;
    let file = locate(name, weights)?;
    let mut network = ResNet::new(depth, context);
    if let Some(file) = file {
        load(&mut network, &file, &ResNet::published_name, &["fc."])?;
    }
    Ok(Box::new(network))
}

fn transform() -> Transform {
    Transform {
        resize: Some(256),
        crop: Some(224),
        channels: Some(3),
        interpolation: Interpolation::Bilinear,
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
        random_crop: Some([0.08, 1.0]),
        random_flip: true,
        ..Transform::default()
    }
}

macro_rules! plugin {
    ($config:ident, $depth:literal, $name:literal, $summary:literal) => {
        /// A residual network without its classifier. Images of 224x224 pixels, normalised as
        /// ImageNet's, unless the experiment states another transform.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $config {
            /// The weights to start from: "imagenet" (torchvision's `IMAGENET1K_V1`), "random", or
            /// the path of a .pth or .safetensors file of a torchvision state dict. Published files
            /// are looked for in `$ISTHMUS_WEIGHTS`, else in `weights` in the current folder.
            pub weights: Weights,
        }

        impl PluginConfig for $config {}

        impl ExtractorPlugin for $config {
            fn build(
                &self,
                shape: InputShape,
                context: &BuildContext,
            ) -> Result<Box<dyn Extractor>, NetworkError> {
                build($name, $depth, &self.weights, shape, context)
            }

            fn transform(&self) -> Option<Transform> {
                Some(transform())
            }

            fn has_norm_layers(&self) -> Option<bool> {
                Some(true)
            }

            fn weights(&self) -> Option<String> {
                checksum(&locate($name, &self.weights).ok()??).ok()
            }
        }

        inventory::submit! {
            Plugin::extractor::<$config>(About { name: $name, summary: $summary, paper: PAPER })
        }
    };
}

plugin!(ResNet18Config, 18, "resnet18", "The residual network of 18 layers, 512 features");
plugin!(ResNet34Config, 34, "resnet34", "The residual network of 34 layers, 512 features");
plugin!(ResNet50Config, 50, "resnet50", "The residual network of 50 layers, 2048 features");
plugin!(ResNet101Config, 101, "resnet101", "The residual network of 101 layers, 2048 features");
