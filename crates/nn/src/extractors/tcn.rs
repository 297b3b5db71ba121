//! The temporal convolutional network.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
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
use crate::checks;
use isthmus_layers::{
    Convolution1d, Convolution1dShape, DomainBatchNorm, Dropout, Rectifier, TimePadding,
};

/// Blocks after which the kernel's dilation no longer doubles: 2^16 steps are more than any series.
const MOST_DOUBLINGS: usize = 16;

/// Blocks of two causal convolutions over time, each with batch normalisation, ReLU and dropout, and
/// a convolution of one step beside them. The first block's kernels see neighbouring steps; the
/// distance of those that a kernel sees doubles from block to block. No output depends on what comes
/// after it; the last one, which has seen all that the kernels reach, is the features. The defaults
/// are AdaTime's for UCI HAR. Gives states in time: the outputs of all steps.
///
/// Bai et al. normalise weights in place of outputs; AdaTime's network, which this is, has batch
/// normalisation and a convolution beside every block.
///
/// Series may have different lengths. What a series is padded with changes no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TcnConfig {
    /// Channels of each block; the last number is that of the features.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub channels: Vec<usize>,
    /// Time steps of each kernel.
    #[schemars(range(min = 1))]
    pub kernel: usize,
    /// Share of the values after each convolution that is zeroed while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for TcnConfig {
    fn default() -> Self {
        Self { channels: vec![150, 150], kernel: 17, dropout: 0.0 }
    }
}

impl PluginConfig for TcnConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::sizes("channels", &self.channels)?;
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for TcnConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let mut input = in_time::channels("tcn", shape)?;
        let mut blocks = Vec::new();
        for (index, &output) in self.channels.iter().enumerate() {
            let key = context.key.at(index as u64);
            let of = |name: &str| BuildContext { key: key.named(name), ..context.clone() };
            let padding = TimePadding::Causal;
            let dilation = 1 << index.min(MOST_DOUBLINGS);
            let of_kernel = |input, kernel| Convolution1dShape {
                input,
                output,
                kernel,
                stride: 1,
                dilation,
                padding,
            };
            let unit = |name: &str, input| Unit {
                convolution: Convolution1d::new(of_kernel(input, self.kernel), &of(name)),
                norm: DomainBatchNorm::new(output, &of(name)),
            };
            let units = vec![unit("first", input), unit("second", output)];
            let shortcut = Convolution1d::with_bias(of_kernel(input, 1), &of("shortcut"));
            blocks.push(Block { units, shortcut });
            input = output;
        }
        Ok(Box::new(Tcn { blocks, dropout: Dropout::new(self.dropout), features: input }))
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

#[derive(Module, Debug)]
struct Block {
    units: Vec<Unit>,
    shortcut: Convolution1d,
}

impl Block {
    fn forward(&mut self, input: InTime, dropout: &Dropout, context: &Context) -> InTime {
        let shortcut = input.clone().convolved(&self.shortcut);
        let mut hidden = input;
        for Unit { convolution, norm } in &mut self.units {
            hidden = hidden.convolved(convolution).normalised(norm, Some(Rectifier::Relu), context);
            hidden = hidden.dropped(dropout, context);
        }
        hidden.plus(shortcut).rectified()
    }
}

/// The extractor `tcn`.
#[derive(Module, Debug)]
pub struct Tcn {
    blocks: Vec<Block>,
    dropout: Dropout,
    #[module(skip)]
    features: usize,
}

impl Extractor for Tcn {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.encode(input, context).pooled
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let mut hidden = InTime::of(input, "tcn");
        for block in &mut self.blocks {
            hidden = block.forward(hidden, &self.dropout, context);
        }
        let (pooled, states) = (hidden.last(), hidden.into_states());
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
        let mut tensors = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            for (place, unit) in block.units.iter().enumerate() {
                let name = format!("blocks.{index}.units.{place}");
                tensors.extend(below(unit.convolution.pytorch(), &format!("{name}.convolution")));
                tensors.extend(below(unit.norm.pytorch(grouping), &format!("{name}.norm")));
            }
            tensors.extend(below(block.shortcut.pytorch(), &format!("blocks.{index}.shortcut")));
        }
        Some(tensors)
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::extractor::<TcnConfig>(About {
        name: "tcn",
        summary: "The temporal convolutional network of AdaTime: causal, dilated convolutions, for \
                  series of one length or of different ones; gives states in time",
        paper: "Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent \
                networks for sequence modeling, 2018; Ragab et al.: AdaTime: a benchmarking suite \
                for domain adaptation on time series data, TKDD 2023",
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use isthmus_core::context::DomainRole;

    use super::*;
    use isthmus_layers::testing::{
        build_context, close, device, evaluation, joint_training, normal, values,
    };

    const CHANNELS: usize = 3;

    fn network(kernel: usize) -> Box<dyn Extractor> {
        let config = TcnConfig { channels: vec![4, 5, 6], kernel, ..TcnConfig::default() };
        let shape = InputShape::Series { channels: CHANNELS, length: 20 };
        let mut network = config.build(shape, &build_context(1)).unwrap();
        // Norm layers with statistics of their own.
        for step in 0..3 {
            network.forward(Input::Series(normal([6, CHANNELS, 20], step)), &joint_training(3, 3));
        }
        network
    }

    fn states(network: &mut dyn Extractor, series: Tensor<3>) -> Vec<Vec<f32>> {
        let context = Context::evaluate(DomainRole::Target, 1);
        let encoded = network.encode(Input::Series(series), &context);
        let states = encoded.states.unwrap();
        let size = states.values.dims()[2];
        let steps: Vec<Vec<f32>> =
            values(&states.valid()).chunks(size).map(<[f32]>::to_vec).collect();
        close(&values(&encoded.pooled), steps.last().unwrap(), 0.0);
        steps
    }

    #[test]
    fn outputs_depend_on_what_was_before_and_on_all_that_the_kernels_reach() {
        let (length, kernel) = (20, 2);
        let mut network = network(kernel);
        let series = values(&normal([1, CHANNELS, length], 9));
        let of = |series: &[f32]| {
            let data = TensorData::new(series.to_vec(), [1, CHANNELS, length]);
            Tensor::<3>::from_data(data, &device())
        };
        let before = states(&mut *network, of(&series));
        // Two convolutions a block, of dilations 1, 2 and 4.
        let reach = 2 * (kernel - 1) * (1 + 2 + 4);
        for step in [0, 3, 12, 19] {
            let mut changed = series.clone();
            for channel in 0..CHANNELS {
                changed[channel * length + step] += 50.0;
            }
            let after = states(&mut *network, of(&changed));
            for (place, (before, after)) in before.iter().zip(&after).enumerate() {
                let seen = (step..=step + reach).contains(&place);
                assert_eq!(before != after, seen, "step {step}, output {place}");
            }
        }
    }

    #[test]
    fn a_series_of_any_length_is_taken_and_other_inputs_are_refused() {
        let mut network = network(5);
        for length in 1..6 {
            let features =
                network.forward(Input::Series(normal([2, 3, length], 1)), &evaluation(2));
            assert_eq!(features.dims(), [2, 6], "length {length}");
        }
        let config = TcnConfig::default();
        let shape = InputShape::Image { channels: 1, height: 4, width: 4 };
        let error = config.build(shape, &build_context(1)).err().unwrap().to_string();
        assert!(error.contains("images [1, 4, 4]"), "{error}");
        // AdaTime's: 9 channels to 150, twice 17 steps a block.
        let shape = InputShape::Series { channels: 9, length: 128 };
        let network = config.build(shape, &build_context(1)).unwrap();
        let convolutions = (9 + 3 * 150) * 150 * 17 + (9 + 150) * 150 + 2 * 150;
        let tensors = network.pytorch(Grouping::Shared).unwrap();
        let learned = tensors.iter().filter(|tensor| !tensor.path.contains("running"));
        let count: usize = learned.map(|tensor| tensor.data.num_elements()).sum();
        assert_eq!(count, convolutions + 4 * 2 * 150);
    }
}
