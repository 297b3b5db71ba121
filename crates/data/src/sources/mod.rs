//! Samples ready for a network: features, series, texts, small images in memory, images decoded on demand.

mod encoded;
mod features;
mod images;
mod series;
mod texts;
mod transformed;

pub use encoded::EncodedSource;
pub use features::FeatureSource;
pub use images::ImageSource;
pub use series::{SeriesSource, VariableSeriesSource};
pub use texts::TextSource;
pub(crate) use transformed::Transformed;
