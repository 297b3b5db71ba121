//! Class-balanced self-training: a growing portion of the most certain predictions of each class.

use isthmus_core::config::FieldProblem;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;

use crate::label_loss::LabelLoss;
use crate::round_labels::RoundLabels;
use crate::self_training::{Selection, SelfTraining};

inventory::submit! {
    Plugin::driver::<Cbst>(
        About {
            name: "cbst",
            summary: "Trains on the most certain predictions of each class as if they were labels",
            paper: "Zou, Yu, Kumar, Wang: Unsupervised domain adaptation for semantic segmentation \
                    via class-balanced self-training, ECCV 2018",
        },
        Needs::TRAINED.alone().of_classes(),
    )
}

/// As `pseudo-label`, but no fixed probability decides: at the start of each round the current model
/// predicts every target training sample, and a portion of the samples, which grows from round to
/// round, is labelled, the most certain ones. Until the next round, batches of the source and of the
/// labelled target samples train the model together.
///
/// With `per_class` the portion is taken of the samples predicted as each class, so that classes
/// which the model is less certain of keep their share: at least one sample each. The least
/// probability taken of class `c` is its threshold `t_c`, and a sample gets the class of largest
/// `p_c / t_c`, unless all of these are below 1. Spatial priors, which the paper has for street
/// scenes, are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cbst {
    /// Portion of the samples that is labelled in the first round.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub portion: f64,
    /// Portion in the last round, reached by equal steps; at least `portion`. The paper adds 0.05
    /// each round up to 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub last_portion: f64,
    /// Whether each class has a threshold of its own; else all have one, the paper's self-training.
    pub per_class: bool,
    /// How often labels are given anew to all target samples, in equal parts of the stage's
    /// iterations.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// The loss on pseudo-labelled samples.
    pub loss: LabelLoss,
    /// Factor of the loss on pseudo-labelled samples; the source's loss has factor 1.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
}

impl Default for Cbst {
    fn default() -> Self {
        Self {
            portion: 0.2,
            last_portion: 0.5,
            per_class: true,
            rounds: 7,
            loss: LabelLoss::default(),
            trade_off: 1.0,
        }
    }
}

impl PluginConfig for Cbst {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.last_portion >= self.portion {
            return Ok(());
        }
        let message = format!(
            "`last_portion` is {}, it must be at least `portion`, which is {}",
            self.last_portion, self.portion
        );
        Err(FieldProblem { field: "last_portion".to_owned(), message })
    }
}

impl DriverPlugin for Cbst {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let &Self { portion, last_portion: last, per_class, .. } = self;
        Ok(Box::new(SelfTraining {
            selection: Selection::MostCertain { portion, last, per_class },
            rounds: self.rounds,
            class_balanced: false,
            loss: self.loss,
            trade_off: self.trade_off,
            labels: RoundLabels::new("cbst", context.outputs),
        }))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, Workbench, config_error, driver, moved, plugin};

    use super::*;

    /// A model trained on the source, and a target moved by `shift`.
    fn trained(shift: f32, steps: usize) -> Workbench {
        let mut bench = moved(shift, steps);
        bench.train_on_source(60);
        bench
    }

    #[test]
    fn the_labelled_portion_grows_from_round_to_round() {
        let mut bench = trained(1.0, 12);
        let config = "portion = 0.25\nlast_portion = 0.75\nrounds = 3\nper_class = false";
        let mut cbst = driver("cbst", config, &bench.context());
        let reports = bench.run(&mut *cbst, 0..12);
        let shares: Vec<f64> = reports.iter().map(|report| report["kept_share"]).collect();
        for (round, want) in [0.25, 0.5, 0.75].into_iter().enumerate() {
            assert_eq!(shares[round * 4..round * 4 + 4], [want; 4]);
        }
    }

    /// The class whose rows are less certain is left out by one threshold for all.
    #[test]
    fn each_class_keeps_its_share() {
        let labelled = |per_class: bool| {
            let mut bench = trained(1.5, 10);
            let config = format!("portion = 0.4\nlast_portion = 0.4\nper_class = {per_class}");
            let mut cbst = driver("cbst", &config, &bench.context());
            bench.run(&mut *cbst, 0..1);
            let labels: Vec<f32> = cbst.state()[0].data.iter().collect();
            [0.0, 1.0].map(|class| labels.iter().filter(|label| **label == class).count())
        };
        let (one, each) = (labelled(false), labelled(true));
        println!("one threshold: {one:?}, one for each class: {each:?}");
        let ratio = |[a, b]: [usize; 2]| a.min(b) as f64 / a.max(b) as f64;
        assert!(ratio(each) > ratio(one), "{each:?} and {one:?}");
    }

    #[test]
    fn raises_the_accuracy_on_the_target() {
        let mut bench = trained(FAR, 150);
        let before = bench.target_accuracy();
        let mut cbst = driver("cbst", "last_portion = 0.8", &bench.context());
        bench.run(&mut *cbst, 0..150);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        assert!(after > before, "{before} to {after}");
        assert!(bench.source_accuracy() > 0.9);
    }

    #[test]
    fn the_defaults_are_the_papers_and_a_falling_portion_is_refused() {
        let plugin = plugin(Kind::Method, "cbst");
        assert_eq!(plugin.needs, Needs::TRAINED.alone().of_classes());
        let defaults = (plugin.defaults)();
        assert_eq!((&defaults["portion"], &defaults["last_portion"]), (&0.2.into(), &0.5.into()));
        assert!(config_error("cbst", "portion = 0.6").contains("at least `portion`"));
        assert!(config_error("cbst", "portion = 0.0").contains("portion"));
    }
}
