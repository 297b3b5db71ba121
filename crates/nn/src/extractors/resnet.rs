//! Residual networks, as torchvision has them.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use isthmus_core::context::Context;
use isthmus_core::input::Input;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Extractor};

use crate::layers::{ConvolutionNorm, ConvolutionShape, Padding};
use crate::weights::{Named, of_unit};

/// Convolutions whose output is added to their input.
#[derive(Module, Debug)]
struct Block {
    units: Vec<ConvolutionNorm>,
    shortcut: Option<ConvolutionNorm>,
}

impl Block {
    fn forward(&mut self, input: Tensor<4>, context: &Context) -> Tensor<4> {
        let last = self.units.len() - 1;
        let mut hidden = input.clone();
        for (index, unit) in self.units.iter_mut().enumerate() {
            hidden = unit.forward(hidden, context);
            if index < last {
                hidden = relu(hidden);
            }
        }
        let shortcut = match &mut self.shortcut {
            None => input,
            Some(unit) => unit.forward(input, context),
        };
        relu(hidden + shortcut)
    }
}

/// The extractors `resnet18`, `resnet34`, `resnet50` and `resnet101`.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: ConvolutionNorm,
    stages: Vec<Vec<Block>>,
    #[module(skip)]
    output: usize,
}

impl ResNet {
    /// A network with random initial weights. Depths of 50 and more have blocks of three
    /// convolutions (1x1, 3x3, 1x1), lesser ones of two (3x3).
    pub fn new(depth: usize, context: &BuildContext) -> Self {
        let blocks: [usize; 4] = match depth {
            18 => [2, 2, 2, 2],
            101 => [3, 4, 23, 3],
            _ => [3, 4, 6, 3],
        };
        let deep = depth >= 50;
        let expansion = if deep { 4 } else { 1 };
        let mut index = 0;
        let mut unit = |input, output, kernel, stride| {
            let padding = Padding::Symmetric(kernel / 2);
            let shape = ConvolutionShape { input, output, kernel, stride, padding, groups: 1 };
            index += 1;
            let key = context.key.named("unit").at(index);
            ConvolutionNorm::new(shape, &BuildContext { key, ..context.clone() })
        };
        let stem = unit(3, 64, 7, 2);
        let mut input = 64;
        let mut stages = Vec::new();
        for (stage, count) in blocks.into_iter().enumerate() {
            let width = 64 << stage;
            let output = width * expansion;
            let mut stage_blocks = Vec::new();
            for block in 0..count {
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                let units = if deep {
                    let units = [(input, width, 1, 1), (width, width, 3, stride)];
                    units.into_iter().chain([(width, output, 1, 1)]).collect::<Vec<_>>()
                } else {
                    vec![(input, width, 3, stride), (width, width, 3, 1)]
                };
                let units = units.into_iter().map(|(i, o, k, s)| unit(i, o, k, s)).collect();
                let changed = stride != 1 || input != output;
                let shortcut = changed.then(|| unit(input, output, 1, stride));
                stage_blocks.push(Block { units, shortcut });
                input = output;
            }
            stages.push(stage_blocks);
        }
        Self { stem, stages, output: input }
    }

    /// The activations after the pooled stem and after each of the four stages.
    pub fn activations(&mut self, images: Tensor<4>, context: &Context) -> Vec<Tensor<4>> {
        let pool = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
        let mut hidden = max_pool2d(relu(self.stem.forward(images, context)), pool);
        let mut activations = vec![hidden.clone()];
        for stage in &mut self.stages {
            for block in stage {
                hidden = block.forward(hidden, context);
            }
            activations.push(hidden.clone());
        }
        activations
    }

    /// torchvision's name of the tensor at a path of this network.
    pub fn published_name(path: &str) -> Named {
        if let Some(rest) = path.strip_prefix("stem.") {
            return of_unit(rest, "conv1", "bn1");
        }
        let parts: Vec<&str> = path.splitn(6, '.').collect();
        let number = |text: &str| text.parse::<usize>().ok();
        match parts.as_slice() {
            ["stages", stage, block, "units", unit, rest] => {
                let (Some(stage), Some(unit)) = (number(stage), number(unit)) else {
                    return Named::Own;
                };
                let block = format!("layer{}.{block}", stage + 1);
                let unit = unit + 1;
                of_unit(rest, &format!("{block}.conv{unit}"), &format!("{block}.bn{unit}"))
            }
            ["stages", stage, block, "shortcut", ..] => {
                let Some(stage) = number(stage) else { return Named::Own };
                let rest = path.split_once(".shortcut.").map_or("", |(_, rest)| rest);
                let shortcut = format!("layer{}.{block}.downsample", stage + 1);
                of_unit(rest, &format!("{shortcut}.0"), &format!("{shortcut}.1"))
            }
            _ => Named::Own,
        }
    }
}

/// The mean over all positions, `[batch, channels]`.
pub(crate) fn average_pool(images: Tensor<4>) -> Tensor<2> {
    let flat: Tensor<3> = images.flatten(2, 3);
    flat.mean_dim(2).squeeze_dim(2)
}

impl Extractor for ResNet {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        let Input::Images(images) = input else {
            panic!("a residual network was built for images and is fed {}", input.shape());
        };
        let last = self.activations(images, context).pop();
        average_pool(last.expect("there is an activation after each stage"))
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
