//! Layers of networks: linear, convolution, attention, domain-aware batch normalisation, layer
//! normalisation, dropout, activations.
//!
//! For extractors and heads, and for the networks that methods bring along: critics, decoders,
//! generators. Layers read nothing from hidden flags: every forward pass is told by its
//! [`Context`](isthmus_core::context::Context) whether it trains, whose rows it sees and how to
//! normalise. Initial weights come from a [`Key`](isthmus_core::random::Key) alone.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod activation;
mod after_norm;
mod attention;
mod batch_norm;
mod convolution;
mod convolution_1d;
mod convolution_norm;
mod dense;
mod dropout;
mod initial;
mod layer_norm;
mod linear;
mod row_groups;
mod running_statistics;
pub mod testing;
mod transformer;

pub use activation::Activation;
pub use after_norm::AfterNorm;
pub use attention::Attention;
pub use batch_norm::DomainBatchNorm;
pub use convolution::{Convolution, ConvolutionShape, Padding};
pub use convolution_1d::{Convolution1d, Convolution1dShape, TimePadding};
pub use convolution_norm::{ConvolutionNorm, UnitNames};
pub use dense::{Dense, DenseShape};
pub use dropout::{ChannelDropout, Dropout};
pub use initial::Initial;
pub use isthmus_kernels::Rectifier;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use running_statistics::{RunningStatistics, reset_population};
pub use transformer::{NormPlace, TransformerBlock, TransformerShape};
