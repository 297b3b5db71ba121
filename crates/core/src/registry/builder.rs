//! What builds plugins from their resolved configurations, by kind.

use serde_json::Value;

use super::kind::{self, Kind, PluginKind};
use crate::augmentation::Augmentation;
use crate::corruption::Corruption;
use crate::dataset::Reader;
use crate::error::{MethodError, NetworkError};
use crate::feature_transform::FeatureTransform;
use crate::input::InputShape;
use crate::launcher::Launcher;
use crate::method::{Driver, Fit, MethodContext, Term};
use crate::objective::Objective;
use crate::optimizer::{Optimizer, Schedule};
use crate::parts::{BuildContext, Classifier, Discriminator, Extractor};
use crate::shallow::ShallowClassifier;
use crate::spec::Transform;
use crate::test_time::TestTimeMethod;
use crate::tracker::Tracker;
use crate::validation::Validator;

/// Builds an extractor or a bottleneck; the input shape of a bottleneck is always features.
pub type BuildExtractor =
    fn(&Value, InputShape, &BuildContext) -> Result<Box<dyn Extractor>, NetworkError>;
/// Builds a classifier for a number of features and outputs.
pub type BuildClassifier =
    fn(&Value, usize, usize, &BuildContext) -> Result<Box<dyn Classifier>, NetworkError>;
/// Builds a discriminator for a number of features and domains.
pub type BuildDiscriminator =
    fn(&Value, usize, usize, &BuildContext) -> Result<Box<dyn Discriminator>, NetworkError>;
/// Builds a shallow classifier for a number of classes.
pub type BuildShallowClassifier = fn(&Value, usize) -> Box<dyn ShallowClassifier>;
/// Builds a method of one of its forms.
pub type BuildMethod<M> = fn(&Value, &MethodContext) -> Result<Box<M>, MethodError>;

/// What is known of an extractor's configuration, and what builds it.
#[derive(Clone, Copy)]
pub struct ExtractorBuilder {
    /// Builds it.
    pub build: BuildExtractor,
    /// The transform of images used where the experiment states none: the one that its weights
    /// were trained with.
    pub transform: fn(&Value) -> Option<Transform>,
    /// Identifies the files whose content decides its weights.
    pub weights: fn(&Value) -> Option<String>,
}

/// What builds an optimizer.
#[derive(Clone, Copy)]
pub struct OptimizerBuilder {
    /// Builds it.
    pub build: fn(&Value) -> Box<dyn Optimizer>,
    /// Its base learning rate.
    pub learning_rate: fn(&Value) -> f64,
}

/// What builds a method, by how it acts.
#[derive(Clone, Copy)]
pub enum MethodBuilder {
    /// It only adds a loss term.
    Term(BuildMethod<dyn Term>),
    /// It drives its own updates.
    Driver(BuildMethod<dyn Driver>),
    /// It fits once.
    Fit(BuildMethod<dyn Fit>),
    /// It adapts while it predicts.
    TestTime(BuildMethod<dyn TestTimeMethod>),
}

/// A kind whose plugins can be built.
pub trait BuiltKind: PluginKind {
    /// What builds them.
    type Builder;

    /// The builder, if it is one of this kind.
    fn of(builder: Builder) -> Option<Self::Builder>;
}

macro_rules! define {
    ($($(#[doc = $what:literal])+ $kind:ident, $marker:ident, $name:literal, $builder:ty;)+) => {
        /// What builds a plugin of any kind.
        #[derive(Clone, Copy)]
        pub enum Builder {
            $($(#[doc = $what])+ $kind($builder),)+
        }

        impl Builder {
            /// The kind of the plugins that it builds.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }
        }

        $(
            impl BuiltKind for kind::$marker {
                type Builder = $builder;

                fn of(builder: Builder) -> Option<$builder> {
                    match builder {
                        Builder::$kind(builder) => Some(builder),
                        _ => None,
                    }
                }
            }
        )+
    };
}

kind::kinds!(define);
