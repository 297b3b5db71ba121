//! The residual network over time.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::export::below;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Encoded, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::in_time::{self, InTime};
use isthmus_layers::{
    Convolution1d, Convolution1dShape, DomainBatchNorm, Initial, Rectifier, TimePadding,
};

/// Blocks of a stage.
const BLOCKS: usize = 2;

/// ResNet-18 with convolutions over time: one of 7 steps with stride 2 and max pooling by 2, then
/// four stages of two blocks of two convolutions of 3 steps; the mean over time is the features. From
/// the second stage on, each halves the steps. The defaults are AdaTime's for UCI HAR. Gives states
/// in time, one for 32 steps: what is before the mean.
///
/// It is the network of AdaTime's `models/resnet18.py`; the class `RESNET18` of `models/models.py`
/// there has kernels of a single step.
///
/// Series may have different lengths. What a series is padded with changes no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResNet1dConfig {
    /// Channels of the first stage; the second has twice, the third four times as many.
    #[schemars(range(min = 1))]
    pub channels: usize,
    /// Number of features: channels of the fourth stage.
    #[schemars(range(min = 1))]
    pub features: usize,
}

impl Default for ResNet1dConfig {
    fn default() -> Self {
        Self { channels: 64, features: 128 }
    }
}

impl PluginConfig for ResNet1dConfig {}

impl ExtractorPlugin for ResNet1dConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let channels = in_time::channels("resnet1d", shape)?;
        let mut index = 0;
        let mut unit = |input, output, kernel, stride| {
            index += 1;
            let key = context.key.at(index);
            let context = BuildContext { key, ..context.clone() };
            let padding = TimePadding::Both(kernel / 2);
            let shape = Convolution1dShape { input, output, kernel, stride, dilation: 1, padding };
            let initial = Initial::he_normal(output * kernel);
            let convolution = Convolution1d::started(shape, initial, &context);
            Unit { convolution, norm: DomainBatchNorm::new(output, &context) }
        };
        let stem = unit(channels, self.channels, 7, 2);
        let mut input = self.channels;
        let mut stages = Vec::new();
        let widths = [self.channels, 2 * self.channels, 4 * self.channels, self.features];
        for (stage, output) in widths.into_iter().enumerate() {
            let mut blocks = Vec::new();
            for block in 0..BLOCKS {
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                let units = vec![unit(input, output, 3, stride), unit(output, output, 3, 1)];
                let changes = stride != 1 || input != output;
                let shortcut = changes.then(|| unit(input, output, 1, stride));
                blocks.push(Block { units, shortcut });
                input = output;
            }
            stages.push(blocks);
        }
        Ok(Box::new(ResNet1d { stem, stages, features: self.features }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(true)
    }
}

#[derive(Module, Debug)]
struct Unit {
    convolution: Convolution1d,
    norm: DomainBatchNorm,
}

impl Unit {
    fn forward(
        &mut self,
        input: InTime,
        rectifier: Option<Rectifier>,
        context: &Context,
    ) -> InTime {
        input.convolved(&self.convolution).normalised(&mut self.norm, rectifier, context)
    }

    /// As PyTorch's convolution and normalisation of these names.
    fn pytorch(&self, convolution: &str, norm: &str, grouping: Grouping) -> Vec<NamedTensor> {
        let mut tensors = below(self.convolution.pytorch(), convolution);
        tensors.extend(below(self.norm.pytorch(grouping), norm));
        tensors
    }
}

#[derive(Module, Debug)]
struct Block {
    units: Vec<Unit>,
    shortcut: Option<Unit>,
}

impl Block {
    fn forward(&mut self, input: InTime, context: &Context) -> InTime {
        let last = self.units.len() - 1;
        let mut hidden = input.clone();
        for (place, unit) in self.units.iter_mut().enumerate() {
            let rectifier = (place < last).then_some(Rectifier::Relu);
            hidden = unit.forward(hidden, rectifier, context);
        }
        let shortcut = match &mut self.shortcut {
            None => input,
            Some(unit) => unit.forward(input, None, context),
        };
        hidden.plus(shortcut).rectified()
    }
}

/// The extractor `resnet1d`.
#[derive(Module, Debug)]
pub struct ResNet1d {
    stem: Unit,
    stages: Vec<Vec<Block>>,
    #[module(skip)]
    features: usize,
}

impl Extractor for ResNet1d {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.encode(input, context).pooled
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let hidden =
            self.stem.forward(InTime::of(input, "resnet1d"), Some(Rectifier::Relu), context);
        let mut hidden = hidden.pooled(3, 2, 1);
        for block in self.stages.iter_mut().flatten() {
            hidden = block.forward(hidden, context);
        }
        let (pooled, states) = (hidden.mean(), hidden.into_states());
        Encoded { pooled, states: Some(states), layers: Vec::new() }
    }

    fn gives_states(&self) -> bool {
        true
    }

    fn output_size(&self) -> usize {
        self.features
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let mut tensors = self.stem.pytorch("conv1", "bn1", grouping);
        for (stage, blocks) in self.stages.iter().enumerate() {
            for (block, Block { units, shortcut }) in blocks.iter().enumerate() {
                let name = format!("layer{}.{block}", stage + 1);
                for (place, unit) in (1..).zip(units) {
                    let convolution = format!("{name}.conv{place}");
                    tensors.extend(unit.pytorch(
                        &convolution,
                        &format!("{name}.bn{place}"),
                        grouping,
                    ));
                }
                if let Some(unit) = shortcut {
                    let [convolution, norm] = [0, 1].map(|at| format!("{name}.downsample.{at}"));
                    tensors.extend(unit.pytorch(&convolution, &norm, grouping));
                }
            }
        }
        Some(tensors)
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::extractor::<ResNet1dConfig>(About {
        name: "resnet1d",
        summary: "The ResNet-18 over time of AdaTime, for series of one length or of different ones; \
                  gives states in time",
        paper: "He et al.: Deep residual learning for image recognition, CVPR 2016; Ragab et al.: \
                AdaTime: a benchmarking suite for domain adaptation on time series data, TKDD 2023",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_layers::testing::{build_context, joint_training, normal};

    #[test]
    fn it_has_the_steps_and_parameters_of_resnet18() {
        let shape = InputShape::Series { channels: 9, length: 128 };
        let mut network = ResNet1dConfig::default().build(shape, &build_context(1)).unwrap();
        let input = Input::Series(normal([4, 9, 128], 1));
        let encoded = network.encode(input, &joint_training(2, 2));
        assert_eq!(encoded.pooled.dims(), [4, 128]);
        assert_eq!(encoded.states.unwrap().values.dims(), [4, 4, 128]);
        // Convolutions and two values a channel of each norm layer.
        let block = |input: usize, output: usize| {
            let shortcut = if input == output { 0 } else { input * output + 2 * output };
            3 * (input + output) * output + 4 * output + shortcut
        };
        let stage = |input, output| block(input, output) + block(output, output);
        let expected = 9 * 64 * 7
            + 2 * 64
            + stage(64, 64)
            + stage(64, 128)
            + stage(128, 256)
            + stage(256, 128);
        let tensors = network.pytorch(Grouping::Shared).unwrap();
        let learned = tensors.iter().filter(|tensor| !tensor.path.contains("running"));
        assert_eq!(learned.map(|tensor| tensor.data.num_elements()).sum::<usize>(), expected);
        let names: Vec<String> = tensors
            .into_iter()
            .map(|tensor| tensor.path)
            .filter(|name: &String| name.contains("layer2.0") && name.ends_with("weight"))
            .collect();
        assert_eq!(
            names,
            [
                "layer2.0.conv1.weight",
                "layer2.0.bn1.weight",
                "layer2.0.conv2.weight",
                "layer2.0.bn2.weight",
                "layer2.0.downsample.0.weight",
                "layer2.0.downsample.1.weight"
            ]
        );
    }

    #[test]
    fn no_series_is_too_short() {
        let config = ResNet1dConfig { channels: 2, features: 3 };
        for length in 1..40 {
            let shape = InputShape::Series { channels: 1, length };
            let mut network = config.build(shape, &build_context(1)).unwrap();
            let series = Input::Series(normal([2, 1, length], 2));
            let encoded = network.encode(series, &joint_training(1, 1));
            assert_eq!(encoded.pooled.dims(), [2, 3], "length {length}");
            assert_eq!(encoded.states.unwrap().lengths, [length.div_ceil(32); 2]);
        }
    }
}
