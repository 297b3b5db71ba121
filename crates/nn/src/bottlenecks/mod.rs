//! Bottlenecks: plugins that bring features to the size that methods align.

mod linear;

pub use linear::{LinearBottleneck, LinearBottleneckConfig};
