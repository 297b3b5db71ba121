//! Samples ready for a network: features, series, small images in memory, images decoded on demand.

mod encoded;
mod features;
mod images;
mod series;
mod transformed;

pub use encoded::EncodedSource;
pub use features::FeatureSource;
pub use images::ImageSource;
pub use series::{SeriesSource, VariableSeriesSource};
pub(crate) use transformed::Transformed;
