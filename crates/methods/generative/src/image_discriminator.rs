//! The network that tells real images of a domain from translated ones.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::parts::BuildContext;
use isthmus_layers::{Activation, Convolution, ConvolutionShape, Linear, Padding};

/// Two convolutions 3 x 3 of stride 2 and a linear layer, leaky ReLU between them; one logit an
/// image, high for real ones.
#[derive(Module, Debug)]
pub(crate) struct ImageDiscriminator {
    first: Convolution,
    second: Convolution,
    last: Linear,
}

impl ImageDiscriminator {
    /// For images of `[channels, height, width]`; `hidden` channels after the first convolution,
    /// twice as many after the second.
    pub(crate) fn new(extent: [usize; 3], hidden: usize, context: &BuildContext) -> Self {
        let [channels, height, width] = extent;
        let named = |name: &str| BuildContext { key: context.key.named(name), ..context.clone() };
        let size = 2 * hidden * height.div_ceil(4) * width.div_ceil(4);
        Self {
            first: Convolution::new(shape(channels, hidden), &named("first")),
            second: Convolution::new(shape(hidden, 2 * hidden), &named("second")),
            last: Linear::new(size, 1, &named("last")),
        }
    }

    /// `[rows, channels, height, width]` to logits `[rows, 1]`.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let hidden = Activation::LeakyRelu.forward(self.first.forward(images));
        let hidden = Activation::LeakyRelu.forward(self.second.forward(hidden));
        self.last.forward(hidden.flatten(1, 3))
    }
}

fn shape(input: usize, output: usize) -> ConvolutionShape {
    let padding = Padding::Symmetric(1);
    ConvolutionShape { input, output, kernel: 3, stride: 2, padding, groups: 1 }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::context;

    use super::*;

    #[test]
    fn it_takes_images_of_any_extent() {
        let context = context(4, 3, 1);
        for extent in [[1, 6, 6], [3, 28, 28], [2, 1, 7]] {
            let network = ImageDiscriminator::new(extent, 3, &context.network("judge"));
            let [channels, height, width] = extent;
            let images = Tensor::ones([4, channels, height, width], &context.device);
            assert_eq!(network.forward(images).dims(), [4, 1]);
        }
    }
}
