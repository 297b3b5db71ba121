//! Layers: linear, convolution, domain-aware batch normalisation, dropout, activations.

mod activation;
mod batch_norm;
mod convolution;
mod convolution_1d;
mod convolution_norm;
mod dense;
mod dropout;
mod initial;
mod linear;
mod row_groups;
mod running_statistics;

pub use activation::Activation;
pub use batch_norm::DomainBatchNorm;
pub use convolution::{Convolution, ConvolutionShape, Padding};
pub use convolution_1d::{Convolution1d, Convolution1dShape};
pub use convolution_norm::ConvolutionNorm;
pub use dense::{Dense, DenseShape};
pub use dropout::{ChannelDropout, Dropout};
pub use initial::Initial;
pub use linear::Linear;
pub use running_statistics::{RunningStatistics, reset_population};
