//! Plugins that only their configurations matter of.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem, PluginConfig};
use isthmus_core::context::Grouping;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::error::{MethodError, NetworkError};
use isthmus_core::input::InputShape;
use isthmus_core::launcher::{LaunchError, Launcher, Runs};
use isthmus_core::method::{Driver, MethodContext, Term};
use isthmus_core::metric::Metrics;
use isthmus_core::model::ModelOutput;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::{Evaluation, Objective, OutputKind, PredictionColumn};
use isthmus_core::optimizer::{Optimizer, Schedule};
use isthmus_core::parts::{BuildContext, Classifier, Discriminator, Extractor};
use isthmus_core::random::Key;
use isthmus_core::registry::{
    About, AugmentationPlugin, ClassifierPlugin, CorruptionPlugin, DiscriminatorPlugin,
    DriverPlugin, ExtractorPlugin, LauncherPlugin, Needs, ObjectivePlugin, OptimizerPlugin, Plugin,
    SchedulePlugin, TermPlugin, ValidatorPlugin,
};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::{Outputs, ValidationError, ValidationView, Validator};

const fn about(name: &'static str) -> About {
    About { name, summary: "for tests", paper: "" }
}

macro_rules! config {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty = $default:expr),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        struct $name { $($(#[$field_meta])* $field: $type),* }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
    };
}

config!(Sgd {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    lr: f64 = 0.01,
    momentum: f64 = 0.9,
    nesterov: bool = true,
    weight_decay: f64 = 0.0005,
});
config!(Adam { lr: f64 = 0.001, betas: [f64; 2] = [0.9, 0.999] });
config!(Constant {});
config!(InverseDecay { gamma: f64 = 0.001 });
config!(Identity {});
config!(SmallNet { width: usize = 8, weights: Option<String> = None });
config!(Linear { size: usize = 256 });
config!(LinearClassifier {});
config!(Mlp { hidden: Vec<usize> = vec![1024, 1024], dropout: Option<f64> = None });
config!(
    /// A discriminator tells domains apart.
    Dann {
        /// Factor of the term.
        #[schemars(range(min = 0.0))]
        trade_off: f64 = 1.0,
        /// The discriminator.
        discriminator: Choice<DiscriminatorKind> = Choice::named("mlp"),
    }
);
config!(Dan { estimator: Estimator = Estimator::Quadratic, widths: Vec<f64> = vec![1.0] });
config!(SourceOnly {});
config!(Certainty {});
config!(
    /// An objective without scores of classes.
    Numbers {}
);
config!(Classes {});
config!(Local {});
config!(Noise {
    #[schemars(range(min = 0.0))]
    deviation: f64 = 0.1,
});
config!(Blur {});
config!(Cluster {
    #[schemars(range(min = 1))]
    cpus: usize = 1,
    options: Vec<String> = Vec::new(),
});

/// How.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Estimator {
    /// Over all pairs.
    Quadratic,
    /// Over neighbours.
    Linear,
}

macro_rules! plain {
    ($($name:ident),*) => {$( impl PluginConfig for $name {} )*};
}
plain!(Adam, Constant, InverseDecay, Identity, SmallNet, Linear, LinearClassifier, Mlp, Dann);
plain!(Certainty, Classes, Numbers);
plain!(SourceOnly, Local, Noise, Blur);

impl PluginConfig for Sgd {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.nesterov && self.momentum == 0.0 {
            let message = "needs momentum".to_owned();
            return Err(FieldProblem { field: "nesterov".to_owned(), message });
        }
        Ok(())
    }
}

impl PluginConfig for Dan {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.widths.is_empty() {
            let message = "at least one is needed".to_owned();
            return Err(FieldProblem { field: "widths".to_owned(), message });
        }
        Ok(())
    }
}

impl PluginConfig for Cluster {
    fn check(&self) -> Result<(), FieldProblem> {
        let wrong = self.options.iter().position(|option| !option.starts_with('-'));
        wrong.map_or(Ok(()), |place| {
            let message = "is not an option".to_owned();
            Err(FieldProblem { field: format!("options.{place}"), message })
        })
    }
}

/// Neither optimizes nor schedules.
struct Still;

impl Optimizer for Still {
    fn update_host(&mut self, _: &str, _: &mut [f32], _: &[f32], _: f32, _: f64) {}

    fn update_device(&mut self, _: &str, value: Tensor<1>, _: Tensor<1>, _: f64) -> Tensor<1> {
        value
    }

    fn state(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    fn load_state(
        &mut self,
        _: &BTreeMap<String, TensorData>,
        _: &Device,
    ) -> Result<(), NetworkError> {
        Ok(())
    }
}

impl Schedule for Still {
    fn factor(&self, _step: usize, _total_steps: usize) -> f64 {
        1.0
    }
}

macro_rules! optimizers {
    ($($name:ident),*) => {$(
        impl OptimizerPlugin for $name {
            fn build(&self) -> Box<dyn Optimizer> {
                Box::new(Still)
            }
            fn learning_rate(&self) -> f64 {
                self.lr
            }
        }
    )*};
}
optimizers!(Sgd, Adam);

macro_rules! schedules {
    ($($name:ident),*) => {$(
        impl SchedulePlugin for $name {
            fn build(&self) -> Box<dyn Schedule> {
                Box::new(Still)
            }
        }
    )*};
}
schedules!(Constant, InverseDecay);

fn no_network<T>() -> Result<T, NetworkError> {
    Err(NetworkError::Weights("a test's plugin has no network".to_owned()))
}

macro_rules! extractors {
    ($($name:ident => $weights:expr),*) => {$(
        impl ExtractorPlugin for $name {
            fn build(
                &self,
                _: InputShape,
                _: &BuildContext,
            ) -> Result<Box<dyn Extractor>, NetworkError> {
                no_network()
            }
            fn weights(&self) -> Option<String> {
                let weights: fn(&Self) -> Option<String> = $weights;
                weights(self)
            }
        }
    )*};
}
extractors!(Identity => |_| None, SmallNet => |own| own.weights.clone(), Linear => |_| None);

impl ClassifierPlugin for LinearClassifier {
    fn build(
        &self,
        _: usize,
        _: usize,
        _: &BuildContext,
    ) -> Result<Box<dyn Classifier>, NetworkError> {
        no_network()
    }
}

impl DiscriminatorPlugin for Mlp {
    fn build(
        &self,
        _: usize,
        _: usize,
        _: &BuildContext,
    ) -> Result<Box<dyn Discriminator>, NetworkError> {
        no_network()
    }
}

macro_rules! terms {
    ($($name:ident),*) => {$(
        impl TermPlugin for $name {
            fn build(&self, _: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
                Err(MethodError::Unsuitable("a test's plugin".to_owned()))
            }
        }
    )*};
}
terms!(Dann, Dan);

impl DriverPlugin for SourceOnly {
    fn build(&self, _: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        Err(MethodError::Unsuitable("a test's plugin".to_owned()))
    }
}

impl ObjectivePlugin for Classes {
    const TARGETS: TargetKind = TargetKind::Classes;
    const OUTPUTS: OutputKind = OutputKind::Classes;

    fn build(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
}

impl Objective for Classes {
    fn outputs(&self, classes: usize) -> usize {
        classes
    }

    fn loss_name(&self) -> &'static str {
        "class_loss"
    }

    fn loss(
        &self,
        _: &ModelOutput,
        _: &Targets,
        _: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError> {
        Err(MethodError::Unsuitable("a test's plugin".to_owned()))
    }

    fn metrics(&self) -> Metrics {
        Metrics::classes()
    }

    fn evaluate(&self, _: &Outputs, _: &RowTargets) -> Result<Evaluation, MethodError> {
        Ok(Evaluation::default())
    }

    fn describe(&self, _: &Outputs, _: &[String]) -> Result<Vec<PredictionColumn>, MethodError> {
        Ok(Vec::new())
    }
}

impl ObjectivePlugin for Numbers {
    const TARGETS: TargetKind = TargetKind::Values;
    const OUTPUTS: OutputKind = OutputKind::Other;

    fn build(&self) -> Box<dyn Objective> {
        Box::new(Classes::default())
    }
}

impl ValidatorPlugin for Certainty {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Certainty {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        Ok(view.target.rows() as f64)
    }
}

macro_rules! launchers {
    ($($name:ident),*) => {$(
        impl LauncherPlugin for $name {
            fn build(self) -> Box<dyn Launcher> {
                Box::new(self)
            }
        }

        impl Launcher for $name {
            fn title(&self) -> &'static str {
                "a test"
            }

            fn start(&self, runs: &mut dyn Runs) -> Result<(), LaunchError> {
                runs.here()
            }
        }
    )*};
}
launchers!(Local, Cluster);

macro_rules! augmentations {
    ($($name:ident => $kind:ident),*) => {$(
        impl AugmentationPlugin for $name {
            const SAMPLES: &'static [SampleKind] = &[SampleKind::$kind];

            fn build(self) -> Box<dyn Augmentation> {
                Box::new(self)
            }
        }

        impl Augmentation for $name {
            fn apply(&self, _sample: SampleMut<'_>, _key: &Key) {}
        }
    )*};
}
augmentations!(Noise => Features, Blur => Image);

config!(Rain {});
config!(Drift {});

macro_rules! corruptions {
    ($($name:ident => $kind:ident),*) => {$(
        impl PluginConfig for $name {}

        impl CorruptionPlugin for $name {
            const SAMPLES: &'static [SampleKind] = &[SampleKind::$kind];

            fn build(self) -> Box<dyn Corruption> {
                Box::new(self)
            }
        }

        impl Corruption for $name {
            fn apply(&self, _sample: SampleMut<'_>, _severity: Severity, _key: &Key) {}
        }
    )*};
}
corruptions!(Rain => Image, Drift => Series);

inventory::submit! { Plugin::corruption::<Rain>(about("rain")) }
inventory::submit! { Plugin::corruption::<Drift>(about("drift")) }
inventory::submit! { Plugin::augmentation::<Noise>(about("noise")) }
inventory::submit! { Plugin::augmentation::<Blur>(about("blur")) }
inventory::submit! { Plugin::term::<Dan>(about("views")).with_strong_views() }
inventory::submit! { Plugin::term::<Dan>(about("turns")).of_images() }
inventory::submit! { Plugin::term::<Dan>(about("dial")).of_grouping(Grouping::Mixed) }
inventory::submit! { Plugin::optimizer::<Sgd>(about("sgd")) }
inventory::submit! { Plugin::optimizer::<Adam>(about("adam")) }
inventory::submit! { Plugin::schedule::<Constant>(about("constant")) }
inventory::submit! { Plugin::schedule::<InverseDecay>(about("inverse-decay")) }
inventory::submit! { Plugin::extractor::<Identity>(about("identity")) }
inventory::submit! { Plugin::extractor::<SmallNet>(about("small-net")) }
inventory::submit! { Plugin::bottleneck::<Linear>(about("linear")) }
inventory::submit! { Plugin::classifier::<LinearClassifier>(about("linear")) }
inventory::submit! { Plugin::discriminator::<Mlp>(about("mlp")) }
inventory::submit! { Plugin::validator::<Certainty>(about("certainty")) }
inventory::submit! { Plugin::launcher::<Local>(about("local")) }
inventory::submit! { Plugin::launcher::<Cluster>(about("cluster")) }
inventory::submit! { Plugin::term::<Dann>(about("dann")) }
inventory::submit! { Plugin::term::<Dan>(about("dan")) }
inventory::submit! { Plugin::objective::<Classes>(about("classes")) }
inventory::submit! {
    Plugin::driver::<SourceOnly>(about("source-only"), Needs::NOTHING.alone())
}
inventory::submit! { Plugin::driver::<SourceOnly>(about("adabn"), Needs::TRAINED.alone()) }
inventory::submit! { Plugin::driver::<SourceOnly>(about("mcd"), Needs::NOTHING.of_classes()) }
inventory::submit! {
    Plugin::driver::<SourceOnly>(
        about("opens"),
        Needs { outputs: OutputKind::OpenClasses, ..Needs::NOTHING },
    )
}
inventory::submit! { Plugin::objective::<Numbers>(about("numbers")) }
inventory::submit! { Plugin::driver::<SourceOnly>(about("fitted"), Needs::NOTHING.alone().last()) }
inventory::submit! { Plugin::driver::<SourceOnly>(about("self-training"), Needs::NOTHING) }
inventory::submit! {
    Plugin::driver::<SourceOnly>(
        about("target-only"),
        Needs { target_labels: true, ..Needs::NOTHING.alone() },
    )
}
