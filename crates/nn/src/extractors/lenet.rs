//! LeNet, as digit benchmarks use it.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
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
use isthmus_core::spec::{Interpolation, Transform};
use isthmus_kernels::max_pool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::{ChannelDropout, Convolution, ConvolutionShape, Dropout, Linear, Padding};

const KERNEL: usize = 5;
const FIRST: usize = 20;
const SECOND: usize = 50;
const FEATURES: usize = 500;

/// Convolution 5x5 to 20 channels, pooling, convolution 5x5 to 50 channels, channel dropout,
/// pooling, linear to 500 features, dropout; ReLU after each. Images of 28x28 pixels in [-1, 1]
/// unless the experiment states another transform. Methods see both pooled convolutions, flattened,
/// and the features as `extractor.0` to `extractor.2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeNetConfig {
    /// Share of the channels after the second convolution, and of the features, that is zeroed
    /// while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for LeNetConfig {
    fn default() -> Self {
        Self { dropout: 0.5 }
    }
}

impl PluginConfig for LeNetConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for LeNetConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let [channels, height, width] = checks::image("lenet", shape)?;
        let reduced = |extent: usize| -> Option<usize> {
            let first = extent.checked_sub(KERNEL - 1)? / 2;
            let second = first.checked_sub(KERNEL - 1)? / 2;
            (second > 0).then_some(second)
        };
        let (Some(rows), Some(columns)) = (reduced(height), reduced(width)) else {
            return Err(NetworkError::Input {
                network: "lenet".to_owned(),
                expected: "images of at least 16x16 pixels".to_owned(),
                found: shape.to_string(),
            });
        };
        let part = |name: &str| BuildContext { key: context.key.named(name), ..context.clone() };
        let convolution = |input, output, name| {
            let padding = Padding::Symmetric(0);
            let shape =
                ConvolutionShape { input, output, kernel: KERNEL, stride: 1, padding, groups: 1 };
            Convolution::new(shape, &part(name))
        };
        Ok(Box::new(LeNet {
            first: convolution(channels, FIRST, "first"),
            second: convolution(FIRST, SECOND, "second"),
            linear: Linear::new(SECOND * rows * columns, FEATURES, &part("linear")),
            channel_dropout: ChannelDropout::new(self.dropout),
            dropout: Dropout::new(self.dropout),
        }))
    }

    fn transform(&self) -> Option<Transform> {
        Some(Transform {
            resize: Some(28),
            interpolation: Interpolation::Bilinear,
            mean: vec![0.5],
            std: vec![0.5],
            ..Transform::default()
        })
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(false)
    }
}

/// The extractor `lenet`.
#[derive(Module, Debug)]
pub struct LeNet {
    first: Convolution,
    second: Convolution,
    linear: Linear,
    channel_dropout: ChannelDropout,
    dropout: Dropout,
}

impl Extractor for LeNet {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.encode(input, context).pooled
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let Input::Images(images) = input else {
            panic!("lenet was built for images and is fed {}", input.shape());
        };
        let first = relu(max_pool(self.first.forward(images), 2));
        let hidden = self.channel_dropout.forward(self.second.forward(first.clone()), context);
        let second: Tensor<2> = relu(max_pool(hidden, 2)).flatten(1, 3);
        let pooled = relu(self.linear.forward(second.clone()));
        let pooled = self.dropout.forward(pooled, context);
        let layers = vec![first.flatten(1, 3), second, pooled.clone()];
        Encoded { pooled, states: None, layers }
    }

    fn layers(&self) -> usize {
        3
    }

    fn output_size(&self) -> usize {
        FEATURES
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn pytorch(&self, _grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let parts = [
            below(self.first.pytorch(), "first"),
            below(self.second.pytorch(), "second"),
            below(self.linear.pytorch(), "linear"),
        ];
        Some(parts.concat())
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::extractor::<LeNetConfig>(About {
        name: "lenet",
        summary: "The LeNet of digit benchmarks, 500 features",
        paper: "LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document \
                recognition, Proceedings of the IEEE 1998; layers as in tllib",
    })
}
