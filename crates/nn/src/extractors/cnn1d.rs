//! The convolutional network over time of AdaTime.

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

/// Time steps of the second and the third block's kernels.
const LATER_KERNEL: usize = 8;
/// Time steps that are pooled to one.
const POOLED: usize = 2;

/// Three blocks of convolution over time, batch normalisation, ReLU and max pooling by 2, dropout
/// after the first; the mean over time is the features. The defaults are AdaTime's for UCI HAR.
/// Gives states in time: what is before the mean.
///
/// Series may have different lengths. What a series is padded with changes no number: norm layers
/// take statistics of valid time steps only, and the mean is theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cnn1dConfig {
    /// Channels after the first block; after the second there are twice as many.
    #[schemars(range(min = 1))]
    pub channels: usize,
    /// Number of features: channels after the third block.
    #[schemars(range(min = 1))]
    pub features: usize,
    /// Time steps of the first kernel; the later ones have 8.
    #[schemars(range(min = 1))]
    pub kernel: usize,
    /// Time steps between positions of the first kernel.
    #[schemars(range(min = 1))]
    pub stride: usize,
    /// Share of the values after the first block that is zeroed while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for Cnn1dConfig {
    fn default() -> Self {
        Self { channels: 64, features: 128, kernel: 5, stride: 1, dropout: 0.5 }
    }
}

impl PluginConfig for Cnn1dConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for Cnn1dConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let channels = in_time::channels("cnn1d", shape)?;
        let sizes = [channels, self.channels, 2 * self.channels, self.features];
        let mut blocks = Vec::new();
        for (index, pair) in sizes.windows(2).enumerate() {
            let (kernel, stride) =
                if index == 0 { (self.kernel, self.stride) } else { (LATER_KERNEL, 1) };
            // Half a kernel at either end: no series is too short.
            let padding = TimePadding::Both(kernel / 2);
            let (input, output, dilation) = (pair[0], pair[1], 1);
            let shape = Convolution1dShape { input, output, kernel, stride, dilation, padding };
            let key = context.key.at(index as u64);
            let context = BuildContext { key, ..context.clone() };
            blocks.push(Block {
                convolution: Convolution1d::new(shape, &context),
                norm: DomainBatchNorm::new(pair[1], &context),
            });
        }
        let dropout = Dropout::new(self.dropout);
        Ok(Box::new(Cnn1d { blocks, dropout, features: self.features }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(true)
    }
}

#[derive(Module, Debug)]
struct Block {
    convolution: Convolution1d,
    norm: DomainBatchNorm,
}

impl Block {
    /// The largest of each two steps of the rectified output; a step at either end stands alone.
    fn forward(&mut self, input: InTime, context: &Context) -> InTime {
        let hidden = input.convolved(&self.convolution).normalised(
            &mut self.norm,
            Some(Rectifier::Relu),
            context,
        );
        hidden.pooled(POOLED, POOLED, 1)
    }
}

/// The extractor `cnn1d`.
#[derive(Module, Debug)]
pub struct Cnn1d {
    blocks: Vec<Block>,
    dropout: Dropout,
    #[module(skip)]
    features: usize,
}

impl Extractor for Cnn1d {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.encode(input, context).pooled
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let mut hidden = InTime::of(input, "cnn1d");
        for (index, block) in self.blocks.iter_mut().enumerate() {
            hidden = block.forward(hidden, context);
            if index == 0 {
                hidden = hidden.dropped(&self.dropout, context);
            }
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
        let mut tensors = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let convolution = block.convolution.pytorch();
            tensors.extend(below(convolution, &format!("blocks.{index}.convolution")));
            let norm = block.norm.pytorch(grouping);
            tensors.extend(below(norm, &format!("blocks.{index}.norm")));
        }
        Some(tensors)
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::extractor::<Cnn1dConfig>(About {
        name: "cnn1d",
        summary: "The convolutional network over time of AdaTime, for series of one length or of \
                  different ones; gives states in time",
        paper: "Ragab et al.: AdaTime: a benchmarking suite for domain adaptation on time series \
                data, TKDD 2023",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_layers::testing::{build_context, joint_training, normal};

    #[test]
    fn series_become_features_and_other_inputs_are_refused() {
        let config = Cnn1dConfig::default();
        let shape = InputShape::Series { channels: 9, length: 128 };
        let mut network = config.build(shape, &build_context(1)).unwrap();
        let series = normal([4, 9, 128], 1);
        let features = network.forward(Input::Series(series), &joint_training(2, 2));
        assert_eq!(features.dims(), [4, 128]);
        assert_eq!(network.output_size(), 128);

        let empty = InputShape::Series { channels: 3, length: 0 };
        let none = InputShape::VariableSeries { channels: 0, longest: 4 };
        for shape in [InputShape::Features { size: 9 }, empty, none] {
            let error = config.build(shape, &build_context(1)).err().unwrap().to_string();
            assert!(error.contains(&shape.to_string()), "{error}");
        }
    }

    #[test]
    fn no_series_is_too_short() {
        let config = Cnn1dConfig { channels: 2, features: 3, ..Cnn1dConfig::default() };
        for length in 1..20 {
            let shape = InputShape::Series { channels: 1, length };
            let mut network = config.build(shape, &build_context(1)).unwrap();
            let features =
                network.forward(Input::Series(normal([2, 1, length], 2)), &joint_training(1, 1));
            assert_eq!(features.dims(), [2, 3], "length {length}");
        }
    }
}
