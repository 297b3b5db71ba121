//! A plugin as it is submitted.

use schemars::Schema;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::builder::{Builder, ExtractorBuilder, MethodBuilder, OptimizerBuilder};
use super::configuration::{
    AugmentationPlugin, ClassifierPlugin, CorruptionPlugin, DiscriminatorPlugin, DriverPlugin,
    ExtractorPlugin, FeatureTransformPlugin, FitPlugin, LauncherPlugin, ObjectivePlugin,
    OptimizerPlugin, ReaderPlugin, SchedulePlugin, ShallowClassifierPlugin, TermPlugin,
    TestTimePlugin, TrackerPlugin, ValidatorPlugin,
};
use super::kind::Kind;
use crate::augmentation::SampleKind;
use crate::config::{self, ConfigProblem, PluginConfig};
use crate::context::Grouping;
use crate::objective::OutputKind;
use crate::targets::TargetKind;

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
    /// Norm layers whose rows are grouped in this way: `[training] normalization`.
    pub grouping: Option<Grouping>,
    /// Target labels as training labels: an upper bound, not an adaptation method.
    pub target_labels: bool,
    /// A stage to itself: no term can be beside it.
    pub alone: bool,
    /// The last stage: what predicts is the method's own, and the model is left as it was.
    pub last: bool,
    /// Strong views of samples: without augmentations it has little to compare.
    pub strong_views: bool,
    /// Images, as the model is given them: not features of a frozen extractor.
    pub images: bool,
    /// No source sample: in its stage the engine reads none either, unless validators of
    /// `[selection]` score by some, and measures nothing of the source.
    pub no_source: bool,
    /// Outputs in time: an objective that reads them.
    pub states: bool,
    /// What it takes the classifier's outputs for.
    pub outputs: OutputKind,
}

impl Needs {
    /// Nothing.
    pub const NOTHING: Self = Self {
        trained_model: false,
        norm_layers: false,
        grouping: None,
        target_labels: false,
        alone: false,
        last: false,
        strong_views: false,
        images: false,
        no_source: false,
        states: false,
        outputs: OutputKind::Other,
    };
    /// A trained model.
    pub const TRAINED: Self = Self { trained_model: true, ..Self::NOTHING };

    /// The same, and outputs that are scores of classes.
    pub const fn of_classes(self) -> Self {
        Self { outputs: OutputKind::Classes, ..self }
    }

    /// The same, and samples that are images.
    pub const fn of_images(self) -> Self {
        Self { images: true, ..self }
    }

    /// The same, and norm layers.
    pub const fn with_norm_layers(self) -> Self {
        Self { norm_layers: true, ..self }
    }

    /// The same, and norm layers that group rows in this way.
    pub const fn grouped(self, grouping: Grouping) -> Self {
        Self { grouping: Some(grouping), ..self.with_norm_layers() }
    }

    /// The same, and no source sample.
    pub const fn without_source(self) -> Self {
        Self { no_source: true, ..self }
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

/// One plugin.
pub struct Plugin {
    /// Name, summary, paper.
    pub about: About,
    /// What it needs, for methods.
    pub needs: Needs,
    /// Factor of the term where the experiment gives it none, for loss terms.
    pub weight: f64,
    /// The kinds of samples that a reader of this configuration reads, that an augmentation, a
    /// corruption or a feature transform can change, or that may be fed to an extractor.
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
    /// What builds it, which also says its kind.
    pub builder: Builder,
    /// Whether a part of this configuration has norm layers, where it says so.
    pub norm_layers: fn(&Value) -> Option<bool>,
}

inventory::collect!(Plugin);

impl Plugin {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        self.builder.kind()
    }

    /// A reader.
    pub const fn reader<C: ReaderPlugin>(about: About) -> Self {
        let builder = Builder::Reader(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(about, builder);
        plugin.samples = |value| config::from_value::<C>(value).samples().alone();
        plugin.targets = |value| Some(config::from_value::<C>(value).targets());
        plugin
    }

    /// An augmentation.
    pub const fn augmentation<C: AugmentationPlugin>(about: About) -> Self {
        let builder = Builder::Augmentation(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(about, builder);
        plugin.samples = |_| C::SAMPLES;
        plugin
    }

    /// A corruption.
    pub const fn corruption<C: CorruptionPlugin>(about: About) -> Self {
        let builder = Builder::Corruption(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(about, builder);
        plugin.samples = |_| C::SAMPLES;
        plugin
    }

    /// A feature transform.
    pub const fn feature_transform<C: FeatureTransformPlugin>(about: About) -> Self {
        let builder = Builder::FeatureTransform(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(about, builder);
        plugin.samples = |_| &[SampleKind::Features, SampleKind::Series];
        plugin
    }

    /// An extractor.
    pub const fn extractor<C: ExtractorPlugin>(about: About) -> Self {
        let builder = Builder::Extractor(ExtractorBuilder {
            build: |value, shape, context| config::from_value::<C>(value).build(shape, context),
            transform: |value| config::from_value::<C>(value).transform(),
            weights: |value| config::from_value::<C>(value).weights(),
        });
        let mut plugin = Self::new::<C>(about, builder);
        plugin.samples = |value| match config::from_value::<C>(value).takes_texts() {
            true => SampleKind::Text.alone(),
            false => &[SampleKind::Image, SampleKind::Features, SampleKind::Series],
        };
        plugin.norm_layers = |value| config::from_value::<C>(value).has_norm_layers();
        plugin
    }

    /// A bottleneck.
    pub const fn bottleneck<C: ExtractorPlugin>(about: About) -> Self {
        let builder = Builder::Bottleneck(|value, shape, context| {
            config::from_value::<C>(value).build(shape, context)
        });
        let mut plugin = Self::new::<C>(about, builder);
        plugin.norm_layers = |value| config::from_value::<C>(value).has_norm_layers();
        plugin
    }

    /// A classifier.
    pub const fn classifier<C: ClassifierPlugin>(about: About) -> Self {
        let builder = Builder::Classifier(|value, features, classes, context| {
            config::from_value::<C>(value).build(features, classes, context)
        });
        let mut plugin = Self::new::<C>(about, builder);
        plugin.norm_layers = |value| config::from_value::<C>(value).has_norm_layers();
        plugin
    }

    /// A discriminator.
    pub const fn discriminator<C: DiscriminatorPlugin>(about: About) -> Self {
        let builder = Builder::Discriminator(|value, features, domains, context| {
            config::from_value::<C>(value).build(features, domains, context)
        });
        Self::new::<C>(about, builder)
    }

    /// A shallow classifier.
    pub const fn shallow_classifier<C: ShallowClassifierPlugin>(about: About) -> Self {
        let builder = Builder::ShallowClassifier(|value, classes| {
            config::from_value::<C>(value).build(classes)
        });
        Self::new::<C>(about, builder)
    }

    /// A method that only adds a loss term.
    pub const fn term<C: TermPlugin>(about: About) -> Self {
        let builder = Builder::Method(MethodBuilder::Term(|value, context| {
            config::from_value::<C>(value).build(context)
        }));
        Self::new::<C>(about, builder)
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

    /// The same method, which takes images alone.
    pub const fn of_images(mut self) -> Self {
        self.needs = self.needs.of_images();
        self
    }

    /// The same method, for objectives that read outputs in time.
    pub const fn of_states(mut self) -> Self {
        self.needs.states = true;
        self
    }

    /// The same method, which compares views of samples.
    pub const fn with_strong_views(mut self) -> Self {
        self.needs.strong_views = true;
        self
    }

    /// A method that drives its own updates.
    pub const fn driver<C: DriverPlugin>(about: About, needs: Needs) -> Self {
        let builder = Builder::Method(MethodBuilder::Driver(|value, context| {
            config::from_value::<C>(value).build(context)
        }));
        let mut plugin = Self::new::<C>(about, builder);
        plugin.needs = needs;
        plugin
    }

    /// A method that fits once.
    pub const fn fit<C: FitPlugin>(about: About, needs: Needs) -> Self {
        let builder = Builder::Method(MethodBuilder::Fit(|value, context| {
            config::from_value::<C>(value).build(context)
        }));
        let mut plugin = Self::new::<C>(about, builder);
        plugin.needs = needs.alone();
        plugin
    }

    /// The same method, which needs norm layers that group rows in this way.
    pub const fn of_grouping(mut self, grouping: Grouping) -> Self {
        self.needs = self.needs.grouped(grouping);
        self
    }

    /// The same method, which changes norm layers.
    pub const fn of_norm_layers(mut self) -> Self {
        self.needs = self.needs.with_norm_layers();
        self
    }

    /// A method that adapts a trained model while it predicts.
    pub const fn test_time<C: TestTimePlugin>(about: About) -> Self {
        let builder = Builder::Method(MethodBuilder::TestTime(|value, context| {
            config::from_value::<C>(value).build(context)
        }));
        let mut plugin = Self::new::<C>(about, builder);
        plugin.needs = Needs::TRAINED.alone().last();
        plugin
    }

    /// An objective.
    pub const fn objective<C: ObjectivePlugin>(about: About) -> Self {
        let builder = Builder::Objective(|value| config::from_value::<C>(value).build());
        let mut plugin = Self::new::<C>(about, builder);
        plugin.targets = |_| Some(C::TARGETS);
        plugin.outputs = C::OUTPUTS;
        plugin
    }

    /// An optimizer.
    pub const fn optimizer<C: OptimizerPlugin>(about: About) -> Self {
        let builder = Builder::Optimizer(OptimizerBuilder {
            build: |value| config::from_value::<C>(value).build(),
            learning_rate: |value| config::from_value::<C>(value).learning_rate(),
        });
        Self::new::<C>(about, builder)
    }

    /// A schedule.
    pub const fn schedule<C: SchedulePlugin>(about: About) -> Self {
        let builder = Builder::Schedule(|value| config::from_value::<C>(value).build());
        Self::new::<C>(about, builder)
    }

    /// A validator.
    pub const fn validator<C: ValidatorPlugin>(about: About) -> Self {
        let builder = Builder::Validator(|value| config::from_value::<C>(value).build());
        Self::new::<C>(about, builder)
    }

    /// A launcher.
    pub const fn launcher<C: LauncherPlugin>(about: About) -> Self {
        let builder = Builder::Launcher(|value| config::from_value::<C>(value).build());
        Self::new::<C>(about, builder)
    }

    /// A tracker.
    pub const fn tracker<C: TrackerPlugin>(about: About) -> Self {
        let builder = Builder::Tracker(|value| config::from_value::<C>(value).build());
        Self::new::<C>(about, builder)
    }

    const fn new<C: PluginConfig>(about: About, builder: Builder) -> Self {
        Self {
            about,
            needs: Needs::NOTHING,
            weight: 1.0,
            samples: |_| &[],
            targets: |_| None,
            outputs: OutputKind::Other,
            schema: || schemars::schema_for!(C),
            defaults: || config::to_value(&C::default()),
            resolve: |table| config::resolve::<C>(table),
            builder,
            norm_layers: |_| None,
        }
    }
}
