//! Residual networks, as torchvision has them.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use isthmus_core::context::{Context, Grouping};
use isthmus_core::input::Input;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Extractor};

use crate::weights::{Named, of_tensor};
use isthmus_layers::{AfterNorm, ConvolutionNorm, ConvolutionShape, Padding, Rectifier, UnitNames};

/// Convolutions whose output is added to their input.
#[derive(Module, Debug)]
struct Block {
    units: Vec<ConvolutionNorm>,
    shortcut: Option<ConvolutionNorm>,
}

impl Block {
    fn forward(&mut self, input: Tensor<4>, context: &Context) -> Tensor<4> {
        let residual = match &mut self.shortcut {
            None => input.clone(),
            Some(unit) => unit.forward(input.clone(), context),
        };
        let (last, first) = self.units.split_last_mut().expect("a block has convolutions");
        let mut hidden = input;
        for unit in first {
            hidden = unit.forward_then(hidden, Rectifier::Relu.into(), context);
        }
        let rectifier = Some(Rectifier::Relu);
        last.forward_then(hidden, AfterNorm { residual: Some(residual), rectifier }, context)
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
        let stem = self.stem.forward_then(images, Rectifier::Relu.into(), context);
        let mut hidden = max_pool2d(stem, pool);
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
        of_tensor(path, &unit_names)
    }

    /// The units with their paths in this network.
    fn units(&self) -> Vec<(String, &ConvolutionNorm)> {
        let mut units = vec![("stem".to_owned(), &self.stem)];
        for (stage, blocks) in self.stages.iter().enumerate() {
            for (number, block) in blocks.iter().enumerate() {
                let block_path = format!("stages.{stage}.{number}");
                let own = block.units.iter().enumerate();
                units
                    .extend(own.map(|(index, unit)| (format!("{block_path}.units.{index}"), unit)));
                units
                    .extend(block.shortcut.iter().map(|it| (format!("{block_path}.shortcut"), it)));
            }
        }
        units
    }
}

/// torchvision's names of the unit at a path.
fn unit_names(path: &str) -> Option<UnitNames> {
    let names = |convolution, norm| Some(UnitNames { convolution, norm });
    let number = |text: &str| text.parse::<usize>().ok().map(|number| number + 1);
    match path.split('.').collect::<Vec<_>>().as_slice() {
        ["stem"] => names("conv1".to_owned(), "bn1".to_owned()),
        ["stages", stage, block, "units", unit] => {
            let (stage, unit) = (number(stage)?, number(unit)?);
            let block = format!("layer{stage}.{block}");
            names(format!("{block}.conv{unit}"), format!("{block}.bn{unit}"))
        }
        ["stages", stage, block, "shortcut"] => {
            let shortcut = format!("layer{}.{block}.downsample", number(stage)?);
            names(format!("{shortcut}.0"), format!("{shortcut}.1"))
        }
        _ => None,
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
