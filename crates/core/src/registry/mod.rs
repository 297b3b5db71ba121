//! The registry: every plugin of every kind, collected at link time.
//!
//! A plugin is one [`Plugin`] value submitted with `inventory::submit!`. `list`, `explain`, the
//! JSON schema and the test that every default configuration builds all come from it.

mod builder;
mod configuration;
mod find;
mod kind;
mod plugin;

pub use builder::{
    BuildClassifier, BuildDiscriminator, BuildExtractor, BuildMethod, BuildShallowClassifier,
    Builder, BuiltKind, ExtractorBuilder, MethodBuilder, OptimizerBuilder,
};
pub use configuration::{
    AugmentationPlugin, ClassifierPlugin, CorruptionPlugin, DiscriminatorPlugin, DriverPlugin,
    ExtractorPlugin, FeatureTransformPlugin, FitPlugin, LauncherPlugin, ObjectivePlugin,
    OptimizerPlugin, ReaderPlugin, SchedulePlugin, ShallowClassifierPlugin, TermPlugin,
    TestTimePlugin, TrackerPlugin, ValidatorPlugin,
};
pub use find::{
    UnknownPlugin, build_augmentation, build_classifier, build_corruption, build_discriminator,
    build_shallow_classifier, builder, find, plugins,
};
pub use kind::{
    AugmentationKind, BottleneckKind, ClassifierKind, CorruptionKind, DiscriminatorKind,
    ExtractorKind, FeatureTransformKind, Kind, LauncherKind, MethodKind, ObjectiveKind,
    OptimizerKind, PluginKind, ReaderKind, ScheduleKind, ShallowClassifierKind, TrackerKind,
    ValidatorKind,
};
pub use plugin::{About, Needs, Plugin};
