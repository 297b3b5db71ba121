//! Readers: plugins that read one set of samples from files.

mod array_labels;
mod audio;
mod audio_files;
mod canvas;
mod embedded;
mod features;
mod idx;
mod image_classes;
mod image_decoding;
mod image_folder;
mod image_list;
mod image_tree;
mod named;
mod npz_images;
mod part;
mod rows;
mod series;
mod strings;
mod svmlight;
mod table;
mod text;
mod text_files;
mod usps;

pub use audio::Audio;
pub(crate) use audio_files::is_sound;
pub use canvas::Canvas;
pub use embedded::{Embedded, EmbeddedSet};
pub use features::Features;
pub use idx::Idx;
pub use image_folder::ImageFolder;
pub use image_list::ImageList;
pub(crate) use image_tree::is_image;
pub(crate) use named::reader_of;
pub use npz_images::NpzImages;
pub use rows::{RowChoice, RowLimit};
pub use series::{Series, SeriesLayout};
pub use strings::Strings;
pub use svmlight::Svmlight;
pub use table::{Table, ValueRange};
pub use text::{Text, TextFile, TextFormat};
pub use usps::{Usps, UspsSet};

/// The names of ten digits as classes.
fn digit_names() -> Vec<String> {
    ('0'..='9').map(String::from).collect()
}
