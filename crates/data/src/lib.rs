//! Data sets: descriptors, readers, transforms, splits, the feature cache, the embedded default.
//!
//! A [`Descriptor`] says what a data set is and which reader reads it; [`Dataset::load`] finds
//! the files below the [`Roots`], reads and transforms them; [`Dataset::domains`] says what is
//! trained and tested on. Readers are plugins, one file each in [`readers`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agreement;
mod archive;
mod array;
mod arrays;
mod brightness;
mod class_places;
mod class_sets;
mod columns;
mod corrupted;
mod crop;
mod dataset;
mod decode;
mod descriptor;
mod descriptor_file;
mod dicom;
mod disagreement;
mod feature_cache;
mod feature_transforms;
mod file_pattern;
mod files;
mod fingerprint;
mod folder;
mod found_classes;
mod hdf5;
mod hold_out;
mod identity;
mod identity_cache;
mod image_archive;
mod inspection;
mod joined;
mod labels;
mod loaded;
mod loading;
mod matlab;
mod mel;
mod nifti;
mod npy;
mod overview;
mod packed_files;
mod pad;
mod parquet_columns;
mod problem;
mod quickstart;
pub mod readers;
mod resample;
mod roots;
mod sample_vectors;
mod scaling;
mod shapes;
mod sniff;
mod sound;
mod sound_rate;
mod sources;
mod splits;
mod survey;
mod tarball;
mod text_columns;
mod text_labels;
mod tiff;
mod transform;
mod unlabelled;
mod views;

pub use dataset::{Dataset, load_domains};
pub use descriptor::{Descriptor, DomainDescriptor, SetReaders};
pub use feature_cache::{CacheOutcome, Extraction, FeatureCache, FeatureKey, Lookup};
pub use feature_transforms::FittedTransforms;
pub use file_pattern::Wanted;
pub use hold_out::{hold_out_source, hold_out_target};
pub use identity::DatasetIdentity;
pub use inspection::{Headers, InspectedSet, Inspection, check_headers, inspect};
pub use joined::{Joined, joined_domain};
pub use loaded::{DomainSets, DomainUse, LoadedDomain, LoadedSet};
pub use overview::{Overview, SamplePicture, SetOverview, overview};
pub use roots::{CACHE_VARIABLE, DATA_VARIABLE, Roots};
pub use sources::{
    EncodedSource, FeatureSource, ImageSource, SeriesSource, TextSource, VariableSeriesSource,
};
pub use splits::{SplitRows, plain_split, stratified_split};
pub use survey::{Survey, survey, unlabelled};
pub use transform::ImageTransform;
pub use unlabelled::UnlabelledFile;
pub use views::Views;
