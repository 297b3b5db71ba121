//! Any number of classes a row.

use burn::tensor::{Tensor, TensorData};
use isthmus_core::config::PluginConfig;
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::metric::{Direction, MetricInfo, Metrics, Unit};
use isthmus_core::model::ModelOutput;
use isthmus_core::objective::{
    Evaluation, Objective, OutputKind, PredictionColumn, unsuitable_targets,
};
use isthmus_core::registry::{About, ObjectivePlugin, Plugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::{Matrix, Outputs};
use isthmus_losses::classification::binary_cross_entropy_per_sample;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::average_precision::average_precision;
use crate::class_predictions::PROBABILITY;
use crate::classes::defined;

inventory::submit! {
    Plugin::objective::<MultiLabel>(About {
        name: "multi-label",
        summary: "Any number of classes for each sample: judged by the mean average precision",
        paper: "",
    })
}

/// Binary cross-entropy of each class, the mean over classes. A class is predicted where its
/// probability exceeds one half. The mean average precision is over the classes that some sample
/// has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MultiLabel {}

impl PluginConfig for MultiLabel {}

impl ObjectivePlugin for MultiLabel {
    const TARGETS: TargetKind = TargetKind::Labels;
    const OUTPUTS: OutputKind = OutputKind::Other;

    fn build(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
}

impl Objective for MultiLabel {
    fn outputs(&self, classes: usize) -> usize {
        classes
    }

    fn loss_name(&self) -> &'static str {
        "label_loss"
    }

    fn loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError> {
        let Targets::Labels(labels) = targets else {
            return Err(unsuitable_targets("multi-label", "sets of classes", targets));
        };
        let shape = [labels.rows(), labels.columns()];
        let data = TensorData::new(labels.values().to_vec(), shape);
        let labels = Tensor::from_data(data, &output.logits.device());
        let losses = binary_cross_entropy_per_sample(output.logits.clone(), labels);
        Ok(match weights {
            None => losses.mean(),
            Some(weights) => (losses * weights).mean(),
        })
    }

    fn metrics(&self) -> Metrics {
        let share =
            |name: &str, title: &str| MetricInfo::new(name, Direction::Higher, Unit::Share, title);
        Metrics::new(
            share("mean_average_precision", "mean average precision"),
            [share("macro_f1", "macro F1"), share("exact_match", "samples with all classes right")],
        )
    }

    fn evaluate(&self, outputs: &Outputs, targets: &RowTargets) -> Result<Evaluation, MethodError> {
        let outputs = &outputs.logits;
        let known = targets.known();
        let labels = match targets.targets() {
            Targets::Labels(labels) => Some(labels),
            _ if known.is_empty() => None,
            other => return Err(unsuitable_targets("multi-label", "sets of classes", other)),
        };
        let judged = labels
            .filter(|_| !known.is_empty())
            .map(|labels| Judged { outputs: outputs.select(&known), labels });
        let metrics = [
            ("mean_average_precision", judged.as_ref().and_then(Judged::mean_average_precision)),
            ("macro_f1", judged.as_ref().and_then(Judged::macro_f1)),
            ("exact_match", judged.as_ref().map(Judged::exact_match)),
        ];
        let mut given = vec![None; outputs.rows()];
        for (row, labels) in known.iter().zip(labels.iter().flat_map(|it| it.iter_rows())) {
            given[*row] = Some(numbers(labels.iter().map(|label| *label > 0.5)));
        }
        let predicted = outputs.iter_rows().map(|row| Some(numbers(row.iter().map(|z| *z > 0.0))));
        Ok(Evaluation {
            metrics: defined(metrics),
            predictions: vec![
                PredictionColumn::texts("label", given),
                PredictionColumn::texts("predicted", predicted.collect()),
            ],
        })
    }

    fn describe(
        &self,
        outputs: &Outputs,
        classes: &[String],
    ) -> Result<Vec<PredictionColumn>, MethodError> {
        let rows = || outputs.logits.iter_rows();
        let named = |row: &[f32]| {
            let found = classes.iter().zip(row).filter(|(_, z)| **z > 0.0);
            Some(found.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" "))
        };
        let mut columns = vec![PredictionColumn::texts("classes", rows().map(named).collect())];
        columns.extend(classes.iter().enumerate().map(|(class, name)| {
            let probability = |row: &[f32]| Some(1.0 / (1.0 + (-row[class]).exp()));
            let name = format!("{PROBABILITY}{name}");
            PredictionColumn::numbers(&name, rows().map(probability).collect())
        }));
        Ok(columns)
    }
}

/// The numbers of the classes that a row has: `3 7`.
fn numbers(has: impl Iterator<Item = bool>) -> String {
    let found = has.enumerate().filter(|(_, has)| *has).map(|(class, _)| class.to_string());
    found.collect::<Vec<_>>().join(" ")
}

/// Outputs and labels of the same rows.
struct Judged<'a> {
    outputs: Matrix,
    labels: &'a Matrix,
}

impl Judged<'_> {
    /// Score and label of each row for a class.
    fn of_class(&self, class: usize) -> Vec<(f32, bool)> {
        let rows = self.outputs.iter_rows().zip(self.labels.iter_rows());
        rows.map(|(scores, labels)| (scores[class], labels[class] > 0.5)).collect()
    }

    fn mean_average_precision(&self) -> Option<f64> {
        let classes = 0..self.outputs.columns();
        mean(classes.filter_map(|class| average_precision(&self.of_class(class))))
    }

    /// Mean over the classes that occur or are predicted of `2 TP / (2 TP + FP + FN)`.
    fn macro_f1(&self) -> Option<f64> {
        mean((0..self.outputs.columns()).filter_map(|class| {
            let (mut right, mut all) = (0usize, 0usize);
            for (score, label) in self.of_class(class) {
                let predicted = score > 0.0;
                right += usize::from(predicted && label);
                all += usize::from(predicted) + usize::from(label);
            }
            (all > 0).then(|| 2.0 * right as f64 / all as f64)
        }))
    }

    fn exact_match(&self) -> f64 {
        let rows = self.outputs.iter_rows().zip(self.labels.iter_rows());
        let same = |scores: &[f32], labels: &[f32]| {
            scores.iter().zip(labels).all(|(score, label)| (*score > 0.0) == (*label > 0.5))
        };
        let right = rows.filter(|(scores, labels)| same(scores, labels)).count();
        right as f64 / self.outputs.rows() as f64
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Outputs of which only the logits matter.
    fn judged_of(logits: Matrix) -> Outputs {
        Outputs { logits, ..Outputs::default() }
    }

    fn labels() -> Matrix {
        Matrix::new(3, 3, vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    }

    fn outputs() -> Matrix {
        Matrix::new(3, 3, vec![2.0, -1.0, -3.0, 1.0, -2.0, -3.0, -1.0, 3.0, -2.0])
    }

    #[test]
    fn predictions_are_judged_class_by_class() {
        let targets = RowTargets::all(Targets::Labels(labels()));
        let judged = MultiLabel {}.evaluate(&judged_of(outputs()), &targets).unwrap();
        // Class 0: ranked right. Class 1: yes at ranks 1 and 3. Class 2: nobody has it.
        let expected = (1.0 + (1.0 + 2.0 / 3.0) / 2.0) / 2.0;
        let found = judged.metric("mean_average_precision").unwrap();
        assert!((found - expected).abs() < 1e-12, "{found}");
        assert_eq!(judged.metric("exact_match"), Some(2.0 / 3.0));
        assert!((judged.metric("macro_f1").unwrap() - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        let texts = |names: [&str; 3]| names.map(|name| Some(name.to_owned())).to_vec();
        assert_eq!(
            judged.predictions[0],
            PredictionColumn::texts("label", texts(["0", "0 1", "1"]))
        );
        assert_eq!(
            judged.predictions[1],
            PredictionColumn::texts("predicted", texts(["0", "0", "1"]))
        );
    }

    #[test]
    fn without_labels_nothing_is_judged() {
        let judged = MultiLabel {}.evaluate(&judged_of(outputs()), &RowTargets::none(3)).unwrap();
        assert_eq!(judged.metrics, []);
        assert_eq!(judged.predictions.len(), 2);
        let error =
            MultiLabel {}.evaluate(&judged_of(outputs()), &vec![0, 1, 2].into()).unwrap_err();
        assert!(error.to_string().contains("sets of classes"), "{error}");
    }

    #[test]
    fn weights_of_zero_take_rows_out_of_the_loss() {
        let device = Device::flex();
        let data = TensorData::new(outputs().values().to_vec(), [3, 3]);
        let logits = Tensor::<2>::from_data(data, &device);
        let output = ModelOutput::new(logits.clone(), logits);
        let loss = |weights: Option<[f32; 3]>| {
            let weights = weights.map(|it| Tensor::from_floats(it, &device));
            let loss = MultiLabel {}.loss(&output, &Targets::Labels(labels()), weights);
            loss.unwrap().into_scalar::<f64>()
        };
        assert!((loss(None) - loss(Some([1.0; 3]))).abs() < 1e-6);
        let parts = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|it| loss(Some(it)));
        assert!((parts.iter().sum::<f64>() - loss(None)).abs() < 1e-6);
        assert!(parts[1] > parts[0], "a class that is missed costs more: {parts:?}");
    }
}
