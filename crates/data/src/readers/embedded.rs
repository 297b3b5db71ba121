//! `embedded`: the data that isthmus carries in itself.

use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quickstart;
use crate::readers::digit_names;

/// The embedded sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddedSet {
    /// 2500 digits drawn from the outlines of nine free fonts, slanted, stretched and rotated at
    /// random, then brought to the form of `uci`.
    #[default]
    Fonts,
    /// The 1797 handwritten digits of the UCI test set, 8x8 (Alpaydin and Kaynak 1998, CC BY
    /// 4.0), as scikit-learn ships them.
    Uci,
}

/// Data that isthmus carries in itself: 8x8 digits as 64 features in [0, 1] (the share of ink in
/// each block of 4x4 pixels, row by row).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Embedded {
    /// Which set is read.
    pub set: EmbeddedSet,
}

impl PluginConfig for Embedded {}

impl ReaderPlugin for Embedded {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Embedded>(About {
        name: "embedded",
        summary: "the small data set that isthmus carries in itself",
        paper: "Alpaydin, Kaynak, \"Optical recognition of handwritten digits\", UCI Machine \
                Learning Repository 1998",
    })
}

impl Reader for Embedded {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        Vec::new()
    }

    fn read(&self, _folder: &Path) -> Result<LabelledSamples, DataError> {
        let digits = match self.set {
            EmbeddedSet::Fonts => quickstart::fonts(),
            EmbeddedSet::Uci => quickstart::uci(),
        }?;
        let samples = Samples::Features { size: quickstart::SIZE, values: digits.values };
        Ok(LabelledSamples {
            class_names: Some(digit_names()),
            ..LabelledSamples::new(samples, digits.labels)
        })
    }
}
