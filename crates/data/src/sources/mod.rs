//! Samples ready for a network: features, series, spectra of sound, texts, small images in memory,
//! images decoded on demand.

mod encoded;
mod features;
mod images;
mod series;
mod spectra;
mod texts;
mod transformed;

pub use encoded::EncodedSource;
pub use features::FeatureSource;
pub use images::ImageSource;
pub use series::{SeriesSource, VariableSeriesSource};
pub(crate) use spectra::shape_of_spectra;
pub use texts::TextSource;
pub(crate) use transformed::{Stored, Transformed, mel_spectra};
