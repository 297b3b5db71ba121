//! The registry: every plugin of every kind, collected at link time.
//!
//! A plugin is one [`Plugin`] value submitted with `inventory::submit!`. `list`, `explain`, the
//! JSON schema and the test that every default configuration builds all come from it.

mod configuration;
mod kind;
mod plugin;

pub use configuration::{
    AugmentationPlugin, ClassifierPlugin, CorruptionPlugin, DiscriminatorPlugin, DriverPlugin,
    ExtractorPlugin, FitPlugin, LauncherPlugin, ObjectivePlugin, OptimizerPlugin, ReaderPlugin,
    SchedulePlugin, ShallowClassifierPlugin, TermPlugin, TestTimePlugin, ValidatorPlugin,
};
pub use kind::Kind;
pub use plugin::{
    About, Build, BuildClassifier, BuildDiscriminator, BuildDriver, BuildExtractor, BuildFit,
    BuildTerm, BuildTestTime, Needs, Plugin, build_classifier, build_corruption,
    build_discriminator, build_shallow_classifier, find, plugins,
};
