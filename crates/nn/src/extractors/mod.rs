//! Extractors: plugins that turn inputs into features.

mod channels_last;
mod cnn1d;
mod deep_averaging;
mod efficientnet_host;
mod efficientnet_lite0;
mod identity;
mod in_time;
mod lenet;
mod minilm;
mod mlp;
mod resnet;
mod resnet1d;
mod resnet_plugins;
mod tcn;
mod vit;
mod vit_config;
mod vit_positions;
mod word_pieces;

pub use cnn1d::{Cnn1d, Cnn1dConfig};
pub use deep_averaging::{DeepAveraging, DeepAveragingConfig};
pub use efficientnet_lite0::{EfficientNetLite0, EfficientNetLite0Config};
pub use identity::{Identity, IdentityConfig};
pub use lenet::{LeNet, LeNetConfig};
pub use minilm::{MiniLm, MiniLmConfig};
pub use mlp::{Mlp, MlpConfig};
pub use resnet::ResNet;
pub use resnet_plugins::{ResNet18Config, ResNet34Config, ResNet50Config, ResNet101Config};
pub use resnet1d::{ResNet1d, ResNet1dConfig};
pub use tcn::{Tcn, TcnConfig};
pub use vit::{Vit, VitShape};
pub use vit_config::{VitConfig, VitSize};
