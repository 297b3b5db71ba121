//! The network that translates images.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use isthmus_core::parts::BuildContext;
use isthmus_layers::{Convolution, ConvolutionShape, Initial, Linear, Padding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sizes of a network that translates images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TranslatorSize {
    /// Channels of the hidden layers; 64 in PixelDA.
    #[schemars(range(min = 1))]
    pub channels: usize,
    /// Residual blocks; 6 in PixelDA.
    pub blocks: usize,
}

impl Default for TranslatorSize {
    fn default() -> Self {
        Self { channels: 16, blocks: 2 }
    }
}

/// Adds to an image what makes it look like one of another domain: convolutions 3 x 3 at the image's
/// own resolution, residual blocks between the first and the last. It begins as the identity.
#[derive(Module, Debug)]
pub(crate) struct Translator {
    noise: Option<Linear>,
    first: Convolution,
    blocks: Vec<Block>,
    last: Convolution,
}

#[derive(Module, Debug)]
struct Block {
    first: Convolution,
    second: Convolution,
}

impl Translator {
    /// A translator of images of `[channels, height, width]` that is given `noise` random numbers
    /// with each.
    pub(crate) fn new(
        extent: [usize; 3],
        size: TranslatorSize,
        noise: usize,
        context: &BuildContext,
    ) -> Self {
        let [channels, height, width] = extent;
        let named = |name: &str| BuildContext { key: context.key.named(name), ..context.clone() };
        let hidden =
            |name: &str| Convolution::new(shape(size.channels, size.channels), &named(name));
        let noise = (noise > 0).then(|| Linear::new(noise, height * width, &named("noise")));
        let blocks = (0..size.blocks).map(|block| Block {
            first: hidden(&format!("block {block} first")),
            second: hidden(&format!("block {block} second")),
        });
        let input = channels + usize::from(noise.is_some());
        Self {
            first: Convolution::new(shape(input, size.channels), &named("first")),
            blocks: blocks.collect(),
            last: Convolution::without_bias(
                shape(size.channels, channels),
                Initial::Constant(0.0),
                &named("last"),
            ),
            noise,
        }
    }

    /// Translates `[rows, channels, height, width]`, with random numbers `[rows, noise]` where it
    /// takes some.
    pub(crate) fn forward(&self, images: Tensor<4>, noise: Option<Tensor<2>>) -> Tensor<4> {
        let [rows, _, height, width] = images.dims();
        let input = match (&self.noise, noise) {
            (Some(layer), Some(noise)) => {
                let plane = layer.forward(noise).reshape([rows, 1, height, width]);
                Tensor::cat(vec![images.clone(), plane], 1)
            }
            _ => images.clone(),
        };
        let mut hidden = relu(self.first.forward(input));
        for block in &self.blocks {
            let inner = relu(block.first.forward(hidden.clone()));
            hidden = hidden + block.second.forward(inner);
        }
        images + self.last.forward(relu(hidden))
    }
}

fn shape(input: usize, output: usize) -> ConvolutionShape {
    let padding = Padding::Symmetric(1);
    ConvolutionShape { input, output, kernel: 3, stride: 1, padding, groups: 1 }
}

#[cfg(test)]
mod tests {
    use isthmus_core::network::Network;
    use isthmus_testing::context;

    use super::*;

    #[test]
    fn it_begins_as_the_identity_and_every_weight_can_learn() {
        let context = context(4, 3, 1);
        let size = TranslatorSize { channels: 4, blocks: 1 };
        let translator = Translator::new([2, 5, 6], size, 3, &context.network("translator"));
        let images =
            Tensor::<4>::random([3, 2, 5, 6], burn::tensor::Distribution::Default, &context.device);
        let noise = Tensor::ones([3, 3], &context.device);
        let out = translator.forward(images.clone(), Some(noise.clone()));
        assert_eq!(out.to_data(), images.to_data());

        // One step of descent moves the last layer, from where on all layers have a gradient.
        let mut moved = translator;
        moved.last.weight = Initial::Normal { std: 0.1 }.parameter(
            [2, 4, 3, 3],
            context.key.named("moved"),
            &context.device,
        );
        let out = moved.forward(images, Some(noise));
        let gradients = out.square().mean().backward();
        let mut with_gradient = 0;
        moved.visit_gradients(&gradients, &mut |_, gradient| {
            assert!(gradient.abs().max().into_scalar::<f32>() > 0.0);
            with_gradient += 1;
        });
        // Noise, first and two of the block with biases, last without.
        assert_eq!(with_gradient, 9);
    }
}
