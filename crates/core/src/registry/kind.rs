//! The kinds of plugin: one table, of which everything is made that goes by kind.

use serde::{Deserialize, Serialize};

/// Hands the table of kinds to the macro `$make`: what the kind is, its variant, the type that
/// marks it, its name, and what builds its plugins.
macro_rules! kinds {
    ($make:ident) => {
        $make! {
            /// Adapts a model.
            Method, MethodKind, "method", MethodBuilder;
            /// Turns inputs into features.
            Extractor, ExtractorKind, "extractor", ExtractorBuilder;
            /// Brings features to the size that is aligned.
            Bottleneck, BottleneckKind, "bottleneck", BuildExtractor;
            /// Turns features into class scores.
            Classifier, ClassifierKind, "classifier", BuildClassifier;
            /// Tells domains apart.
            Discriminator, DiscriminatorKind, "discriminator", BuildDiscriminator;
            /// Classifies features without gradients, for methods that fit once.
            ShallowClassifier, ShallowClassifierKind, "shallow-classifier", BuildShallowClassifier;
            /// The loss on labelled rows, and how predictions are judged.
            Objective, ObjectiveKind, "objective", fn(&Value) -> Box<dyn Objective>;
            /// Changes parameters by gradients.
            Optimizer, OptimizerKind, "optimizer", OptimizerBuilder;
            /// Changes the learning rate over the steps.
            Schedule, ScheduleKind, "schedule", fn(&Value) -> Box<dyn Schedule>;
            /// Scores a model without target labels.
            Validator, ValidatorKind, "validator", fn(&Value) -> Box<dyn Validator>;
            /// Reads a domain's files.
            Reader, ReaderKind, "reader", fn(&Value) -> Box<dyn Reader>;
            /// Changes samples at random while a model is trained.
            Augmentation, AugmentationKind, "augmentation", fn(&Value) -> Box<dyn Augmentation>;
            /// Changes features or series, fitted on the training samples of a task.
            FeatureTransform, FeatureTransformKind, "feature-transform", fn(&Value) -> Box<dyn FeatureTransform>;
            /// Makes another domain of samples.
            Corruption, CorruptionKind, "corruption", fn(&Value) -> Box<dyn Corruption>;
            /// Starts the runs of an experiment.
            Launcher, LauncherKind, "launcher", fn(&Value) -> Box<dyn Launcher>;
            /// Tells other programs what runs measure.
            Tracker, TrackerKind, "tracker", fn(&Value) -> Box<dyn Tracker>;
        }
    };
}
pub(super) use kinds;

macro_rules! define {
    ($($(#[doc = $what:literal])+ $kind:ident, $marker:ident, $name:literal, $builder:ty;)+) => {
        /// The kinds of plugin, in the order in which they are listed.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[doc = $what])+ $kind,)+
        }

        impl Kind {
            /// All kinds, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The kind's name in the singular, as users write it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// The kind's name in the plural.
            pub const fn plural(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($name, "s"),)+
                }
            }
        }

        $(
            $(#[doc = $what])+
            ///
            /// The [`Kind`] as a type.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $marker {}

            impl PluginKind for $marker {
                const KIND: Kind = Kind::$kind;
            }
        )+
    };
}

/// A kind of plugin as a type.
pub trait PluginKind: 'static {
    /// The kind.
    const KIND: Kind;
}

kinds!(define);

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
