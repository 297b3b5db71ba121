//! What a plugin's configuration can do beyond being read: build the plugin. One trait a kind.

use crate::augmentation::{Augmentation, SampleKind};
use crate::config::PluginConfig;
use crate::corruption::Corruption;
use crate::dataset::Reader;
use crate::error::{MethodError, NetworkError};
use crate::feature_transform::FeatureTransform;
use crate::input::InputShape;
use crate::launcher::Launcher;
use crate::method::{Driver, Fit, MethodContext, Term};
use crate::objective::{Objective, OutputKind};
use crate::optimizer::{Optimizer, Schedule};
use crate::parts::{BuildContext, Classifier, Discriminator, Extractor};
use crate::shallow::ShallowClassifier;
use crate::spec::Transform;
use crate::targets::TargetKind;
use crate::test_time::TestTimeMethod;
use crate::tracker::Tracker;
use crate::validation::Validator;

/// A reader's configuration.
pub trait ReaderPlugin: PluginConfig {
    /// Builds the reader.
    fn build(self) -> Box<dyn Reader>;

    /// What kind of samples it reads.
    fn samples(&self) -> SampleKind;

    /// What the samples are to be predicted as.
    fn targets(&self) -> TargetKind {
        TargetKind::Classes
    }
}

/// An augmentation's configuration.
pub trait AugmentationPlugin: PluginConfig {
    /// The kinds of samples that it can change.
    const SAMPLES: &'static [SampleKind];

    /// Builds the augmentation.
    fn build(self) -> Box<dyn Augmentation>;
}

/// A corruption's configuration.
pub trait CorruptionPlugin: PluginConfig {
    /// The kinds of samples that it can change.
    const SAMPLES: &'static [SampleKind];

    /// Builds the corruption.
    fn build(self) -> Box<dyn Corruption>;
}

/// A feature transform's configuration.
pub trait FeatureTransformPlugin: PluginConfig {
    /// Builds the transform.
    fn build(self) -> Box<dyn FeatureTransform>;
}

/// An extractor's or a bottleneck's configuration.
pub trait ExtractorPlugin: PluginConfig {
    /// Builds the network for inputs of `shape`.
    ///
    /// # Errors
    /// If it cannot take such inputs, or its weights cannot be loaded.
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError>;

    /// The image transform that suits the network, used where the experiment states none.
    fn transform(&self) -> Option<Transform> {
        None
    }

    /// Whether the network takes texts.
    fn takes_texts(&self) -> bool {
        false
    }

    /// Whether the network has norm layers; `None` where nothing is said of it.
    fn has_norm_layers(&self) -> Option<bool> {
        None
    }

    /// What identifies the pretrained weights (a checksum), if there are any.
    fn weights(&self) -> Option<String> {
        None
    }
}

/// A classifier's configuration.
pub trait ClassifierPlugin: PluginConfig {
    /// Builds the network.
    ///
    /// # Errors
    /// If it cannot be built for these sizes.
    fn build(
        &self,
        features: usize,
        classes: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Classifier>, NetworkError>;

    /// Whether the network has norm layers; `None` where nothing is said of it.
    fn has_norm_layers(&self) -> Option<bool> {
        None
    }
}

/// A discriminator's configuration.
pub trait DiscriminatorPlugin: PluginConfig {
    /// Builds the network: one logit for two domains, else one a domain.
    ///
    /// # Errors
    /// If it cannot be built for these sizes.
    fn build(
        &self,
        features: usize,
        domains: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Discriminator>, NetworkError>;
}

/// A shallow classifier's configuration.
pub trait ShallowClassifierPlugin: PluginConfig {
    /// Builds the classifier for a number of classes; it is fitted later.
    fn build(&self, classes: usize) -> Box<dyn ShallowClassifier>;
}

/// A loss term's configuration. A configuration that is itself the [`Term`] is one already.
pub trait TermPlugin: PluginConfig {
    /// Builds the term.
    ///
    /// # Errors
    /// If it cannot work in this context.
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError>;
}

impl<C: PluginConfig + Term + Clone> TermPlugin for C {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

/// A driver's configuration. A configuration that is itself the [`Driver`] is one already.
pub trait DriverPlugin: PluginConfig {
    /// Builds the driver.
    ///
    /// # Errors
    /// If it cannot work in this context.
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError>;
}

impl<C: PluginConfig + Driver + Clone> DriverPlugin for C {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

/// The configuration of a method that fits once.
pub trait FitPlugin: PluginConfig {
    /// Builds the method.
    ///
    /// # Errors
    /// If it cannot work in this context.
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError>;
}

/// An objective's configuration.
pub trait ObjectivePlugin: PluginConfig {
    /// The targets that it takes.
    const TARGETS: TargetKind;
    /// What the outputs of the classifier stand for.
    const OUTPUTS: OutputKind;

    /// Builds the objective.
    fn build(&self) -> Box<dyn Objective>;
}

/// The configuration of a method that adapts while it predicts.
pub trait TestTimePlugin: PluginConfig {
    /// Builds the method.
    ///
    /// # Errors
    /// If it cannot work in this context.
    fn build(&self, context: &MethodContext) -> Result<Box<dyn TestTimeMethod>, MethodError>;
}

/// An optimizer's configuration.
pub trait OptimizerPlugin: PluginConfig {
    /// Builds the optimizer.
    fn build(&self) -> Box<dyn Optimizer>;

    /// The base learning rate.
    fn learning_rate(&self) -> f64;
}

/// A schedule's configuration.
pub trait SchedulePlugin: PluginConfig {
    /// Builds the schedule.
    fn build(&self) -> Box<dyn Schedule>;
}

/// A validator's configuration.
pub trait ValidatorPlugin: PluginConfig {
    /// Builds the validator.
    fn build(&self) -> Box<dyn Validator>;
}

/// A tracker's configuration.
pub trait TrackerPlugin: PluginConfig {
    /// Builds the tracker.
    fn build(self) -> Box<dyn Tracker>;
}

/// A launcher's configuration.
pub trait LauncherPlugin: PluginConfig {
    /// Builds the launcher.
    fn build(self) -> Box<dyn Launcher>;
}
