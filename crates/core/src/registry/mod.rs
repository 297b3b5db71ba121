//! The registry: every plugin of every kind, collected at link time.
//!
//! A plugin is one [`Plugin`] value submitted with `inventory::submit!`. `list`, `explain`, the
//! JSON schema and the test that every default configuration builds all come from it.

mod configuration;
mod kind;
mod plugin;

pub use configuration::{
    ClassifierPlugin, DiscriminatorPlugin, ExtractorPlugin, LauncherPlugin, OptimizerPlugin,
    ReaderPlugin, SchedulePlugin, TermPlugin, TestTimePlugin, TrainingPlugin, ValidatorPlugin,
};
pub use kind::Kind;
pub use plugin::{
    About, Build, BuildClassifier, BuildDiscriminator, BuildExtractor, BuildTerm, BuildTestTime,
    BuildTraining, Needs, Plugin, build_discriminator, find, plugins,
};
