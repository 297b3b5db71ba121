//! Readers by name.

use isthmus_core::dataset::Reader;
use isthmus_core::registry::{self, ReaderKind};
use isthmus_core::spec::PluginSpec;

/// Builds the reader that a descriptor names.
pub(crate) fn reader_of(spec: &PluginSpec) -> Box<dyn Reader> {
    let build = registry::builder::<ReaderKind>(&spec.name)
        .expect("a descriptor's readers were found when it was read");
    build(&spec.config)
}
