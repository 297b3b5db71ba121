//! One class a row, or none of those of the source.

use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::metric::{Direction, EFFECTIVE_CLASSES, MetricInfo, Metrics, Unit};
use isthmus_core::model::ModelOutput;
use isthmus_core::objective::{
    Evaluation, Objective, OutputKind, PredictionColumn, unsuitable_targets,
};
use isthmus_core::registry::{About, ObjectivePlugin, Plugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::Outputs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::class_predictions::{ClassPredictions, describe};
use crate::classes::{class_loss, defined};

/// The name of the last output in predictions.
const UNKNOWN: &str = "unknown";

inventory::submit! {
    Plugin::objective::<OpenSet>(About {
        name: "open-set",
        summary: "One class for each sample, or none of the source's: judged by the H-score",
        paper: "Panareda Busto, Gall: Open set domain adaptation, ICCV 2017; the H-score: Bucci, \
                Loghmani, Tommasi: On the effectiveness of image rotation for open set domain \
                adaptation, ECCV 2020",
    })
}

/// Cross-entropy of the source rows' classes, with one output more for samples of none of them.
/// Target classes that the sources have not (`[data.classes]`) count as that one, unknown, class.
/// The H-score is the harmonic mean of the mean accuracy of the known classes and the share of
/// unknown samples that are found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenSet {
    /// Probability that the predicted class must exceed; other samples are predicted to be unknown.
    /// 0: a sample is unknown where that output is the largest. A model whose training never saw
    /// the unknown class, such as `source-only`, finds none without a threshold; tllib takes 0.8.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// Share of each label's mass that is spread evenly over all classes.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub label_smoothing: f64,
}

impl PluginConfig for OpenSet {}

impl ObjectivePlugin for OpenSet {
    const TARGETS: TargetKind = TargetKind::Classes;
    const OUTPUTS: OutputKind = OutputKind::OpenClasses;

    fn build(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
}

impl Objective for OpenSet {
    fn outputs(&self, classes: usize) -> usize {
        classes + 1
    }

    fn loss_name(&self) -> &'static str {
        "class_loss"
    }

    fn loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError> {
        let Some(classes) = targets.classes() else {
            return Err(unsuitable_targets("open-set", "one class a row", targets));
        };
        let [_, outputs] = output.logits.dims();
        let unknown = outputs as u32 - 1;
        let classes: Vec<u32> = classes.iter().map(|&class| class.min(unknown)).collect();
        Ok(class_loss(output.logits.clone(), &classes, weights, self.label_smoothing))
    }

    fn metrics(&self) -> Metrics {
        let share =
            |name: &str, title: &str| MetricInfo::new(name, Direction::Higher, Unit::Share, title);
        Metrics::new(
            share("h_score", "H-score"),
            [
                share("known_accuracy", "mean accuracy of known classes"),
                share("unknown_accuracy", "accuracy of unknown samples"),
                share("class_accuracy", "mean class accuracy"),
                share("accuracy", "accuracy"),
                MetricInfo::new(
                    "loss",
                    Direction::Lower,
                    Unit::Plain { decimals: 4 },
                    "cross-entropy",
                ),
            ],
        )
    }

    fn evaluate(&self, outputs: &Outputs, targets: &RowTargets) -> Result<Evaluation, MethodError> {
        let outputs = &outputs.logits;
        if targets.known_rows() > 0 && targets.targets().classes().is_none() {
            return Err(unsuitable_targets("open-set", "one class a row", targets.targets()));
        }
        let unknown = (outputs.columns() as u32).saturating_sub(1);
        let classes: Vec<Option<u32>> =
            targets.classes().into_iter().map(|class| class.map(|it| it.min(unknown))).collect();
        let judged = ClassPredictions::of_open(outputs, &classes, self.threshold);
        let known_accuracy = judged.class_accuracy_of(|class| class != unknown);
        let unknown_accuracy = judged.class_accuracy_of(|class| class == unknown);
        let h_score = known_accuracy.zip(unknown_accuracy).map(|(known, unknown)| {
            if known + unknown > 0.0 { 2.0 * known * unknown / (known + unknown) } else { 0.0 }
        });
        let metrics = [
            ("h_score", h_score),
            ("known_accuracy", known_accuracy),
            ("unknown_accuracy", unknown_accuracy),
            ("class_accuracy", judged.class_accuracy()),
            ("accuracy", judged.accuracy()),
            ("loss", judged.loss),
            (EFFECTIVE_CLASSES, Some(judged.effective_classes())),
        ];
        Ok(Evaluation { metrics: defined(metrics), predictions: judged.columns() })
    }

    fn describe(
        &self,
        outputs: &Outputs,
        classes: &[String],
    ) -> Result<Vec<PredictionColumn>, MethodError> {
        let without = vec![None; outputs.rows()];
        let judged = ClassPredictions::of_open(&outputs.logits, &without, self.threshold);
        let mut names = classes.to_vec();
        names.push(UNKNOWN.to_owned());
        let predicted = judged.rows.iter().map(|row| row.predicted);
        Ok(describe(&outputs.logits, &names, predicted))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::validation::Matrix;

    use super::*;

    /// Outputs of which only the logits matter.
    fn judged_of(logits: Matrix) -> Outputs {
        Outputs { logits, ..Outputs::default() }
    }

    /// Logits of two known classes and the unknown one that make `p` the largest probability.
    fn logits() -> Matrix {
        let row = |p: [f32; 3]| p.map(f32::ln);
        let rows = [[0.9, 0.05, 0.05], [0.55, 0.4, 0.05], [0.1, 0.2, 0.7], [0.05, 0.9, 0.05]];
        Matrix::new(4, 3, rows.map(row).concat())
    }

    #[test]
    fn the_h_score_is_the_harmonic_mean_of_known_and_unknown() {
        // Classes 2 and 5 are both unknown.
        let targets = RowTargets::from(vec![0, 1, 2, 5]);
        let judged = OpenSet::default().evaluate(&judged_of(logits()), &targets).unwrap();
        assert_eq!(judged.metric("known_accuracy"), Some(0.5));
        assert_eq!(judged.metric("unknown_accuracy"), Some(0.5));
        assert_eq!(judged.metric("h_score"), Some(0.5));
        assert_eq!(judged.metric("class_accuracy"), Some(0.5));
        let strict = OpenSet { threshold: 0.95, ..OpenSet::default() };
        let judged = strict.evaluate(&judged_of(logits()), &targets).unwrap();
        assert_eq!(judged.metric("unknown_accuracy"), Some(1.0));
        assert_eq!(judged.metric("h_score"), Some(0.0));
    }

    #[test]
    fn without_unknown_samples_there_is_no_h_score() {
        let judged =
            OpenSet::default().evaluate(&judged_of(logits()), &vec![0, 0, 1, 1].into()).unwrap();
        assert_eq!(judged.metric("h_score"), None);
        assert_eq!(judged.metric("unknown_accuracy"), None);
        assert!(judged.metric("known_accuracy").is_some());
    }

    #[test]
    fn samples_below_the_threshold_are_named_unknown() {
        let outputs = judged_of(logits());
        let names = ["cat".to_owned(), "dog".to_owned()];
        let objective = OpenSet { threshold: 0.6, ..OpenSet::default() };
        let columns = objective.describe(&outputs, &names).unwrap();
        let expected = ["cat", "unknown", "unknown", "dog"].map(|name| Some(name.to_owned()));
        assert_eq!(columns[0], PredictionColumn::texts("class", expected.to_vec()));
        assert_eq!(columns[3].name, "p_unknown");
    }
}
