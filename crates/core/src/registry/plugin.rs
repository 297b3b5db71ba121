//! A plugin as it is submitted, and how it is found again.

use schemars::Schema;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::Kind;
use super::configuration::{
    AugmentationPlugin, ClassifierPlugin, CorruptionPlugin, DiscriminatorPlugin, DriverPlugin,
    ExtractorPlugin, FitPlugin, LauncherPlugin, ObjectivePlugin, OptimizerPlugin, ReaderPlugin,
    SchedulePlugin, ShallowClassifierPlugin, TermPlugin, TestTimePlugin, ValidatorPlugin,
};
use crate::augmentation::{Augmentation, SampleKind};
use crate::config::{self, ConfigProblem, PluginConfig};
use crate::corruption::Corruption;
use crate::dataset::Reader;
use crate::error::{MethodError, NetworkError};
use crate::input::InputShape;
use crate::launcher::Launcher;
use crate::method::{Driver, Fit, MethodContext, Term};
use crate::objective::{Objective, OutputKind};
use crate::optimizer::{Optimizer, Schedule};
use crate::parts::{BuildContext, Classifier, Discriminator, Extractor};
use crate::shallow::ShallowClassifier;
use crate::spec::{PluginSpec, Transform};
use crate::targets::TargetKind;
use crate::test_time::TestTimeMethod;
use crate::validation::Validator;

/// What a plugin says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name that experiment files use, in kebab case.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Authors, title, venue and year; empty where there is no paper.
    pub paper: &'static str,
}

/// What a method needs of the stage it is used in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// A model trained on the source by an earlier stage.
    pub trained_model: bool,
    /// Norm layers that are part of the model: one that has none is left as it is.
    pub norm_layers: bool,
    /// Target labels as training labels: an upper bound, not an adaptation method.
    pub target_labels: bool,
    /// A stage to itself: no term can be beside it.
    pub alone: bool,
    /// The last stage: what predicts is the method's own, and the model is left as it was.
    pub last: bool,
    /// Strong views of samples: without augmentations it has little to compare.
    pub strong_views: bool,
    /// What it takes the classifier's outputs for.
    pub outputs: OutputKind,
}

impl Needs {
    /// Nothing.
    pub const NOTHING: Self = Self {
        trained_model: false,
        norm_layers: false,
        target_labels: false,
        alone: false,
        last: false,
        strong_views: false,
        outputs: OutputKind::Other,
    };
    /// A trained model.
    pub const TRAINED: Self = Self { trained_model: true, ..Self::NOTHING };

    /// The same, and outputs that are scores of classes.
    pub const fn of_classes(self) -> Self {
        Self { outputs: OutputKind::Classes, ..self }
    }

    /// The same, and norm layers.
    pub const fn with_norm_layers(self) -> Self {
        Self { norm_layers: true, ..self }
    }

    /// The same, and a stage to itself.
    pub const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// The same, and nothing after it.
    pub const fn last(self) -> Self {
        Self { last: true, ..self }
    }
}

/// Builds an extractor or a bottleneck.
pub type BuildExtractor =
    fn(&Value, InputShape, &BuildContext) -> Result<Box<dyn Extractor>, NetworkError>;
/// Builds a classifier for a number of features and classes.
pub type BuildClassifier =
    fn(&Value, usize, usize, &BuildContext) -> Result<Box<dyn Classifier>, NetworkError>;
/// Builds a discriminator for a number of features and domains.
pub type BuildDiscriminator =
    fn(&Value, usize, usize, &BuildContext) -> Result<Box<dyn Discriminator>, NetworkError>;

/// Builds a loss term.
pub type BuildTerm = fn(&Value, &MethodContext) -> Result<Box<dyn Term>, MethodError>;
/// Builds a method that drives its own updates.
pub type BuildDriver = fn(&Value, &MethodContext) -> Result<Box<dyn Driver>, MethodError>;
/// Builds a method that fits once.
pub type BuildFit = fn(&Value, &MethodContext) -> Result<Box<dyn Fit>, MethodError>;
/// Builds a method that adapts while it predicts.
pub type BuildTestTime = fn(&Value, &MethodContext) -> Result<Box<dyn TestTimeMethod>, MethodError>;

/// How a plugin is built from its resolved configuration.
#[derive(Clone, Copy)]
pub enum Build {
    /// A reader.
    Reader(fn(&Value) -> Box<dyn Reader>),
    /// An extractor, with the image transform that its weights were trained with.
    Extractor {
        /// Builds it.
        build: BuildExtractor,
        /// The transform of images used where the experiment states none.
        transform: fn(&Value) -> Option<Transform>,
        /// Files whose content decides the extractor's weights, for the feature cache's key.
        weights: fn(&Value) -> Option<String>,
    },
    /// A bottleneck; its input shape is always features.
    Bottleneck(BuildExtractor),
    /// A classifier.
    Classifier(BuildClassifier),
    /// A discriminator.
    Discriminator(BuildDiscriminator),
    /// A shallow classifier, for a number of classes.
    ShallowClassifier(fn(&Value, usize) -> Box<dyn ShallowClassifier>),
    /// A method that only adds a loss term.
    Term(BuildTerm),
    /// A method that drives its own updates.
    Driver(BuildDriver),
    /// A method that fits once.
    Fit(BuildFit),
    /// A method that adapts while it predicts.
    TestTime(BuildTestTime),
    /// An objective.
    Objective(fn(&Value) -> Box<dyn Objective>),
    /// An optimizer.
    Optimizer {
        /// Builds it.
        build: fn(&Value) -> Box<dyn Optimizer>,
        /// Its base learning rate.
        learning_rate: fn(&Value) -> f64,
    },
    /// A schedule.
    Schedule(fn(&Value) -> Box<dyn Schedule>),
    /// A validator.
    Validator(fn(&Value) -> Box<dyn Validator>),
    /// A launcher.
    Launcher(fn(&Value) -> Box<dyn Launcher>),
    /// An augmentation.
    Augmentation(fn(&Value) -> Box<dyn Augmentation>),
    /// A corruption.
    Corruption(fn(&Value) -> Box<dyn Corruption>),
}

/// One plugin.
pub struct Plugin {
    /// Its kind.
    pub kind: Kind,
    /// Name, summary, paper.
    pub about: About,
    /// What it needs, for methods.
    pub needs: Needs,
    /// Factor of the term where the experiment gives it none, for loss terms.
    pub weight: f64,
    /// The kinds of samples that a reader of this configuration reads, or that an augmentation
    /// or a corruption can change.
    pub samples: fn(&Value) -> &'static [SampleKind],
    /// The targets that a reader of this configuration reads, or that an objective takes.
    pub targets: fn(&Value) -> Option<TargetKind>,
    /// What the classifier's outputs stand for, for objectives.
    pub outputs: OutputKind,
    /// JSON schema of the configuration.
    pub schema: fn() -> Schema,
    /// The default configuration.
    pub defaults: fn() -> Value,
    /// Reads, checks and completes a configuration.
    pub resolve: fn(Spanned<DeValue<'_>>) -> Result<Value, ConfigProblem>,
    /// Builds the plugin.
    pub build: Build,
    /// Whether a part of this configuration has norm layers, where it says so.
    pub norm_layers: fn(&Value) -> Option<bool>,
}

inventory::collect!(Plugin);

impl Plugin {
    /// A reader.
    pub const fn reader<C: ReaderPlugin>(about: About) -> Self {
        let build = Build::Reader(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(Kind::Reader, about, build);
        plugin.samples = |value| config::from_value::<C>(value).samples().alone();
        plugin.targets = |value| Some(config::from_value::<C>(value).targets());
        plugin
    }

    /// An augmentation.
    pub const fn augmentation<C: AugmentationPlugin>(about: About) -> Self {
        let build = Build::Augmentation(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(Kind::Augmentation, about, build);
        plugin.samples = |_| C::SAMPLES;
        plugin
    }

    /// A corruption.
    pub const fn corruption<C: CorruptionPlugin>(about: About) -> Self {
        let build = Build::Corruption(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(Kind::Corruption, about, build);
        plugin.samples = |_| C::SAMPLES;
        plugin
    }

    /// An extractor.
    pub const fn extractor<C: ExtractorPlugin>(about: About) -> Self {
        let build = Build::Extractor {
            build: |value, shape, context| config::from_value::<C>(value).build(shape, context),
            transform: |value| config::from_value::<C>(value).transform(),
            weights: |value| config::from_value::<C>(value).weights(),
        };
        let mut plugin = Self::new::<C>(Kind::Extractor, about, build);
        plugin.norm_layers = |value| config::from_value::<C>(value).has_norm_layers();
        plugin
    }

    /// A bottleneck.
    pub const fn bottleneck<C: ExtractorPlugin>(about: About) -> Self {
        let build = Build::Bottleneck(|value, shape, context| {
            config::from_value::<C>(value).build(shape, context)
        });
        let mut plugin = Self::new::<C>(Kind::Bottleneck, about, build);
        plugin.norm_layers = |value| config::from_value::<C>(value).has_norm_layers();
        plugin
    }

    /// A classifier.
    pub const fn classifier<C: ClassifierPlugin>(about: About) -> Self {
        let build = Build::Classifier(|value, features, classes, context| {
            config::from_value::<C>(value).build(features, classes, context)
        });
        let mut plugin = Self::new::<C>(Kind::Classifier, about, build);
        plugin.norm_layers = |value| config::from_value::<C>(value).has_norm_layers();
        plugin
    }

    /// A discriminator.
    pub const fn discriminator<C: DiscriminatorPlugin>(about: About) -> Self {
        let build = Build::Discriminator(|value, features, domains, context| {
            config::from_value::<C>(value).build(features, domains, context)
        });
        Self::new::<C>(Kind::Discriminator, about, build)
    }

    /// A shallow classifier.
    pub const fn shallow_classifier<C: ShallowClassifierPlugin>(about: About) -> Self {
        let build = Build::ShallowClassifier(|value, classes| {
            config::from_value::<C>(value).build(classes)
        });
        Self::new::<C>(Kind::ShallowClassifier, about, build)
    }

    /// A method that only adds a loss term.
    pub const fn term<C: TermPlugin>(about: About) -> Self {
        let build = Build::Term(|value, context| config::from_value::<C>(value).build(context));
        Self::new::<C>(Kind::Method, about, build)
    }

    /// The same term with another factor where the experiment gives it none.
    pub const fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// The same method, which takes the classifier's outputs for scores of classes.
    pub const fn of_classes(mut self) -> Self {
        self.needs.outputs = OutputKind::Classes;
        self
    }

    /// The same method, which needs a score for samples of no class of the source.
    pub const fn of_open_classes(mut self) -> Self {
        self.needs.outputs = OutputKind::OpenClasses;
        self
    }

    /// The same method, which compares views of samples.
    pub const fn with_strong_views(mut self) -> Self {
        self.needs.strong_views = true;
        self
    }

    /// A method that drives its own updates.
    pub const fn driver<C: DriverPlugin>(about: About, needs: Needs) -> Self {
        let build = Build::Driver(|value, context| config::from_value::<C>(value).build(context));
        let mut plugin = Self::new::<C>(Kind::Method, about, build);
        plugin.needs = needs;
        plugin
    }

    /// A method that fits once.
    pub const fn fit<C: FitPlugin>(about: About, needs: Needs) -> Self {
        let build = Build::Fit(|value, context| config::from_value::<C>(value).build(context));
        let mut plugin = Self::new::<C>(Kind::Method, about, build);
        plugin.needs = needs.alone();
        plugin
    }

    /// The same method, which changes norm layers.
    pub const fn of_norm_layers(mut self) -> Self {
        self.needs = self.needs.with_norm_layers();
        self
    }

    /// A method that adapts a trained model while it predicts.
    pub const fn test_time<C: TestTimePlugin>(about: About) -> Self {
        let build = Build::TestTime(|value, context| config::from_value::<C>(value).build(context));
        let mut plugin = Self::new::<C>(Kind::Method, about, build);
        plugin.needs = Needs::TRAINED.alone().last();
        plugin
    }

    /// An objective.
    pub const fn objective<C: ObjectivePlugin>(about: About) -> Self {
        let build = Build::Objective(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(Kind::Objective, about, build);
        plugin.targets = |_| Some(C::TARGETS);
        plugin.outputs = C::OUTPUTS;
        plugin
    }

    /// An optimizer.
    pub const fn optimizer<C: OptimizerPlugin>(about: About) -> Self {
        let build = Build::Optimizer {
            build: |value| config::from_value::<C>(value).build(),
            learning_rate: |value| config::from_value::<C>(value).learning_rate(),
        };
        Self::new::<C>(Kind::Optimizer, about, build)
    }

    /// A schedule.
    pub const fn schedule<C: SchedulePlugin>(about: About) -> Self {
        let build = Build::Schedule(|value| config::from_value::<C>(value).build());
        Self::new::<C>(Kind::Schedule, about, build)
    }

    /// A validator.
    pub const fn validator<C: ValidatorPlugin>(about: About) -> Self {
        let build = Build::Validator(|value| config::from_value::<C>(value).build());
        Self::new::<C>(Kind::Validator, about, build)
    }

    /// A launcher.
    pub const fn launcher<C: LauncherPlugin>(about: About) -> Self {
        let build = Build::Launcher(|value| config::from_value::<C>(value).build());
        Self::new::<C>(Kind::Launcher, about, build)
    }

    const fn new<C: PluginConfig>(kind: Kind, about: About, build: Build) -> Self {
        Self {
            kind,
            about,
            needs: Needs::NOTHING,
            weight: 1.0,
            samples: |_| &[],
            targets: |_| None,
            outputs: OutputKind::Other,
            schema: || schemars::schema_for!(C),
            defaults: || config::to_value(&C::default()),
            resolve: |table| config::resolve::<C>(table),
            build,
            norm_layers: |_| None,
        }
    }
}

/// All plugins of a kind, by name.
pub fn plugins(kind: Kind) -> Vec<&'static Plugin> {
    let mut found: Vec<_> =
        inventory::iter::<Plugin>.into_iter().filter(|plugin| plugin.kind == kind).collect();
    found.sort_by_key(|plugin| plugin.about.name);
    found
}

impl Plugin {
    /// Whether this is a loss term, which adds up with others.
    pub fn is_term(&self) -> bool {
        matches!(self.build, Build::Term(_))
    }
}

/// The plugin of a kind and name.
pub fn find(kind: Kind, name: &str) -> Option<&'static Plugin> {
    inventory::iter::<Plugin>
        .into_iter()
        .find(|plugin| plugin.kind == kind && plugin.about.name == name)
}

/// Builds the corruption that a specification names.
pub fn build_corruption(spec: &PluginSpec) -> Option<(Box<dyn Corruption>, &'static [SampleKind])> {
    let plugin = find(Kind::Corruption, &spec.name)?;
    match plugin.build {
        Build::Corruption(build) => Some((build(&spec.config), (plugin.samples)(&spec.config))),
        _ => None,
    }
}

/// Builds the discriminator that a method's configuration names.
///
/// # Errors
/// If there is no such plugin or it cannot be built for these sizes.
pub fn build_discriminator(
    choice: &config::Choice<config::DiscriminatorKind>,
    features: usize,
    domains: usize,
    context: &BuildContext,
) -> Result<Box<dyn Discriminator>, MethodError> {
    match find(Kind::Discriminator, &choice.name).map(|plugin| plugin.build) {
        Some(Build::Discriminator(build)) => Ok(build(&choice.config, features, domains, context)?),
        _ => Err(MethodError::Unsuitable(format!("there is no discriminator `{}`", choice.name))),
    }
}

/// Builds the shallow classifier that a method's configuration names, for a number of classes.
///
/// # Errors
/// If there is no such plugin.
pub fn build_shallow_classifier(
    choice: &config::Choice<config::ShallowClassifierKind>,
    classes: usize,
) -> Result<Box<dyn ShallowClassifier>, MethodError> {
    match find(Kind::ShallowClassifier, &choice.name).map(|plugin| plugin.build) {
        Some(Build::ShallowClassifier(build)) => Ok(build(&choice.config, classes)),
        _ => Err(MethodError::Unsuitable(format!(
            "there is no shallow classifier `{}`",
            choice.name
        ))),
    }
}

/// Builds a classifier for a number of features and outputs.
///
/// # Errors
/// If there is no such plugin or it cannot be built for these sizes.
pub fn build_classifier(
    spec: &PluginSpec,
    features: usize,
    outputs: usize,
    context: &BuildContext,
) -> Result<Box<dyn Classifier>, MethodError> {
    match find(Kind::Classifier, &spec.name).map(|plugin| plugin.build) {
        Some(Build::Classifier(build)) => Ok(build(&spec.config, features, outputs, context)?),
        _ => Err(MethodError::Unsuitable(format!("there is no classifier `{}`", spec.name))),
    }
}
