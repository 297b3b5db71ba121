//! One class a row.

use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::metric::Measurement;
use isthmus_core::metric::{EFFECTIVE_CLASSES, Metrics};
use isthmus_core::model::ModelOutput;
use isthmus_core::objective::{
    Evaluation, Objective, OutputKind, PredictionColumn, unsuitable_targets,
};
use isthmus_core::registry::{About, ObjectivePlugin, Plugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets, class_tensor};
use isthmus_core::validation::Outputs;
use isthmus_losses::classification::{cross_entropy_smoothed, cross_entropy_smoothed_per_sample};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::class_predictions::{ClassPredictions, describe};

inventory::submit! {
    Plugin::objective::<Classes>(About {
        name: "classes",
        summary: "One class for each sample: cross-entropy, judged by accuracy",
        paper: "",
    })
}

/// Cross-entropy of the source rows' classes. The class with the largest output is predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Classes {
    /// Share of each label's mass that is spread evenly over all classes, in every method and
    /// every stage. 0 is plain cross-entropy; SHOT trains its source model with 0.1.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub label_smoothing: f64,
}

impl PluginConfig for Classes {}

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
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError> {
        let Some(classes) = targets.classes() else {
            return Err(unsuitable_targets("classes", "one class a row", targets));
        };
        Ok(class_loss(output.logits.clone(), classes, weights, self.label_smoothing))
    }

    fn metrics(&self) -> Metrics {
        Metrics::classes()
    }

    fn evaluate(&self, outputs: &Outputs, targets: &RowTargets) -> Result<Evaluation, MethodError> {
        if targets.known_rows() > 0 && targets.targets().classes().is_none() {
            return Err(unsuitable_targets("classes", "one class a row", targets.targets()));
        }
        let judged = ClassPredictions::of(&outputs.logits, &targets.classes());
        let metrics = [
            ("accuracy", judged.accuracy()),
            ("class_accuracy", judged.class_accuracy()),
            ("loss", judged.loss),
            ("macro_f1", judged.macro_f1()),
            ("auroc", judged.auroc(&outputs.logits)),
            ("calibration_error", judged.calibration_error()),
            (EFFECTIVE_CLASSES, Some(judged.effective_classes())),
        ];
        Ok(Evaluation { metrics: defined(metrics), predictions: judged.columns() })
    }

    fn describe(
        &self,
        outputs: &Outputs,
        classes: &[String],
    ) -> Result<Vec<PredictionColumn>, MethodError> {
        let unknown = vec![None; outputs.rows()];
        let predicted = ClassPredictions::of(&outputs.logits, &unknown).rows.into_iter();
        Ok(describe(&outputs.logits, classes, predicted.map(|row| row.predicted)))
    }
}

/// Cross-entropy of classes, whose labels are smoothed, with a weight for each row.
pub(crate) fn class_loss(
    logits: Tensor<2>,
    classes: &[u32],
    weights: Option<Tensor<1>>,
    label_smoothing: f64,
) -> Tensor<1> {
    let classes = class_tensor(classes, &logits.device());
    match weights {
        None => cross_entropy_smoothed(logits, classes, label_smoothing),
        Some(weights) => {
            let losses = cross_entropy_smoothed_per_sample(logits, classes, label_smoothing);
            (losses * weights).mean()
        }
    }
}

/// The measurements that are defined.
pub(crate) fn defined<const N: usize>(metrics: [(&str, Option<f64>); N]) -> Vec<Measurement> {
    let defined = |(name, value): (&str, Option<f64>)| Some((name.to_owned(), value?));
    metrics.into_iter().filter_map(defined).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_core::validation::Matrix;

    use super::*;

    fn output() -> ModelOutput {
        let device = Device::flex();
        let logits = Tensor::from_floats([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]], &device);
        ModelOutput::new(logits.clone(), logits)
    }

    #[test]
    fn weights_of_one_leave_the_loss_and_weights_of_zero_take_rows_out() {
        let targets = Targets::Classes(vec![0, 2]);
        for label_smoothing in [0.0, 0.2] {
            let objective = Classes { label_smoothing };
            let loss = |weights: Option<[f32; 2]>| {
                let weights = weights.map(|it| Tensor::from_floats(it, &Device::flex()));
                let loss = objective.loss(&output(), &targets, weights).unwrap();
                loss.into_scalar::<f64>()
            };
            assert!((loss(None) - loss(Some([1.0, 1.0]))).abs() < 1e-6);
            let (first, second) = (loss(Some([1.0, 0.0])), loss(Some([0.0, 1.0])));
            assert!((first + second - loss(None)).abs() < 1e-6);
            assert!(second > first);
        }
    }

    #[test]
    fn other_targets_are_refused_by_name() {
        let targets = Targets::Values(Matrix::new(2, 1, vec![0.0, 1.0]));
        let error = Classes::default().loss(&output(), &targets, None).unwrap_err().to_string();
        assert!(error.contains("one class a row") && error.contains("numbers"), "{error}");
    }
}
