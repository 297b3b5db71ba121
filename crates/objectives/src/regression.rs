//! Numbers.

use burn::tensor::{Tensor, TensorData};
use isthmus_core::config::{FieldProblem, PluginConfig};
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
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::classes::defined;

inventory::submit! {
    Plugin::objective::<Regression>(About {
        name: "regression",
        summary: "Numbers for each sample: judged by the mean absolute error",
        paper: "",
    })
}

/// How far a prediction is from its target, in standard deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionLoss {
    /// The square of the difference.
    #[default]
    Squared,
    /// The absolute difference.
    Absolute,
    /// Half the square up to 1, the absolute difference minus one half beyond (Huber, 1964).
    Huber,
}

/// The distance of the classifier's outputs from the numbers of the source rows. What is predicted
/// is `mean + deviation * output`, so that the network computes in numbers around 0; errors are
/// told in the unit of the targets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Regression {
    /// The distance that is minimised.
    pub loss: RegressionLoss,
    /// What an output of 0 predicts: one number, or one for each column of the targets. About the
    /// mean of the source's targets. Absent: 0.
    pub mean: Vec<f64>,
    /// What an output of 1 adds to it: one number, or one for each column. About the standard
    /// deviation of the source's targets. Absent: 1.
    pub deviation: Vec<f64>,
}

impl PluginConfig for Regression {
    fn check(&self) -> Result<(), FieldProblem> {
        let wrong = self.deviation.iter().find(|value| !value.is_finite() || **value <= 0.0);
        if let Some(value) = wrong {
            let message = format!("`deviation` multiplies: {value} must be finite and > 0");
            return Err(FieldProblem { field: "deviation".to_owned(), message });
        }
        if let Some(value) = self.mean.iter().find(|value| !value.is_finite()) {
            let message = format!("`mean` has {value}, which is not finite");
            return Err(FieldProblem { field: "mean".to_owned(), message });
        }
        Ok(())
    }
}

impl ObjectivePlugin for Regression {
    const TARGETS: TargetKind = TargetKind::Values;
    const OUTPUTS: OutputKind = OutputKind::Other;

    fn build(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
}

impl Regression {
    /// Mean and deviation of each of `columns` columns.
    fn scale(&self, columns: usize) -> Result<Vec<(f64, f64)>, MethodError> {
        let spread = |field: &str, values: &[f64], absent: f64| match values {
            [] => Ok(vec![absent; columns]),
            [one] => Ok(vec![*one; columns]),
            all if all.len() == columns => Ok(all.to_vec()),
            all => Err(MethodError::Unsuitable(format!(
                "`objective.{field}` has {} numbers, the targets have {columns}: give one, or one \
                 for each",
                all.len()
            ))),
        };
        let means = spread("mean", &self.mean, 0.0)?;
        Ok(means.into_iter().zip(spread("deviation", &self.deviation, 1.0)?).collect())
    }

    /// What is predicted, in the unit of the targets.
    fn predicted(&self, outputs: &Matrix) -> Result<Matrix, MethodError> {
        let scale = self.scale(outputs.columns())?;
        let in_unit = |(output, (mean, deviation)): (&f32, &(f64, f64))| {
            (mean + deviation * f64::from(*output)) as f32
        };
        let rows = outputs.iter_rows().flat_map(|row| row.iter().zip(&scale).map(in_unit));
        Ok(Matrix::new(outputs.rows(), outputs.columns(), rows.collect()))
    }
}

impl Objective for Regression {
    fn outputs(&self, classes: usize) -> usize {
        classes
    }

    fn loss_name(&self) -> &'static str {
        "regression_loss"
    }

    fn loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError> {
        let Targets::Values(values) = targets else {
            return Err(unsuitable_targets("regression", "numbers", targets));
        };
        let scale = self.scale(values.columns())?;
        let standard = |(value, (mean, deviation)): (&f32, &(f64, f64))| {
            ((f64::from(*value) - mean) / deviation) as f32
        };
        let data: Vec<f32> =
            values.iter_rows().flat_map(|row| row.iter().zip(&scale).map(standard)).collect();
        let data = TensorData::new(data, [values.rows(), values.columns()]);
        let difference = output.logits.clone() - Tensor::from_data(data, &output.logits.device());
        let losses = match self.loss {
            RegressionLoss::Squared => difference.square(),
            RegressionLoss::Absolute => difference.abs(),
            RegressionLoss::Huber => {
                // min(|d|, 1) (|d| - min(|d|, 1) / 2)
                let size = difference.abs();
                let near = size.clone().clamp_max(1.0);
                near.clone() * (size - near.mul_scalar(0.5))
            }
        };
        let losses = losses.mean_dim(1).squeeze_dim::<1>(1);
        Ok(match weights {
            None => losses.mean(),
            Some(weights) => (losses * weights).mean(),
        })
    }

    fn metrics(&self) -> Metrics {
        let error = |name: &str, title: &str| {
            MetricInfo::new(name, Direction::Lower, Unit::Plain { decimals: 2 }, title)
        };
        let share = Unit::Plain { decimals: 3 };
        Metrics::new(
            error("mae", "mean absolute error"),
            [
                error("rmse", "root mean squared error"),
                MetricInfo::new("r2", Direction::Higher, share, "R²"),
            ],
        )
    }

    fn evaluate(&self, outputs: &Outputs, targets: &RowTargets) -> Result<Evaluation, MethodError> {
        let outputs = &outputs.logits;
        let predicted = self.predicted(outputs)?;
        let known = targets.known();
        let values = match targets.targets() {
            Targets::Values(values) => Some(values),
            _ if known.is_empty() => None,
            other => return Err(unsuitable_targets("regression", "numbers", other)),
        };
        let errors = values
            .filter(|_| !known.is_empty())
            .map(|values| Errors::of(&predicted.select(&known), values));
        let metrics = [
            ("mae", errors.as_ref().map(|it| it.absolute)),
            ("rmse", errors.as_ref().map(|it| it.squared.sqrt())),
            ("r2", errors.as_ref().and_then(|it| it.explained)),
        ];
        let mut predictions = Vec::new();
        for column in 0..outputs.columns() {
            let name = |what: &str| match outputs.columns() {
                1 => what.to_owned(),
                _ => format!("{what}_{column}"),
            };
            let mut given = vec![None; outputs.rows()];
            for (row, values) in known.iter().zip(values.iter().flat_map(|it| it.iter_rows())) {
                given[*row] = Some(values[column]);
            }
            predictions.push(PredictionColumn::numbers(&name("value"), given));
            let predicted = predicted.iter_rows().map(|row| Some(row[column])).collect();
            predictions.push(PredictionColumn::numbers(&name("predicted"), predicted));
        }
        Ok(Evaluation { metrics: defined(metrics), predictions })
    }

    fn describe(
        &self,
        outputs: &Outputs,
        classes: &[String],
    ) -> Result<Vec<PredictionColumn>, MethodError> {
        let predicted = self.predicted(&outputs.logits)?;
        let column = |(place, name): (usize, &String)| {
            let values = predicted.iter_rows().map(|row| Some(row[place])).collect();
            PredictionColumn::numbers(name, values)
        };
        Ok(classes.iter().enumerate().map(column).collect())
    }
}

/// Errors over all rows and columns.
struct Errors {
    /// Mean absolute error.
    absolute: f64,
    /// Mean squared error.
    squared: f64,
    /// Mean over the columns of the share of variance that is explained; absent where a column
    /// does not vary.
    explained: Option<f64>,
}

impl Errors {
    fn of(predicted: &Matrix, values: &Matrix) -> Self {
        let count = values.values().len() as f64;
        let pairs = || predicted.values().iter().zip(values.values());
        let difference = |(found, value): (&f32, &f32)| f64::from(*found) - f64::from(*value);
        let explained = (0..values.columns()).map(|column| {
            let of = |matrix: &Matrix| -> Vec<f64> {
                matrix.iter_rows().map(|row| f64::from(row[column])).collect()
            };
            let (found, values) = (of(predicted), of(values));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let total: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let rest: f64 = found.iter().zip(&values).map(|(a, b)| (a - b).powi(2)).sum();
            (total > 0.0).then(|| 1.0 - rest / total)
        });
        let explained: Option<Vec<f64>> = explained.collect();
        Self {
            absolute: pairs().map(|pair| difference(pair).abs()).sum::<f64>() / count,
            squared: pairs().map(|pair| difference(pair).powi(2)).sum::<f64>() / count,
            explained: explained.map(|it| it.iter().sum::<f64>() / it.len() as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Outputs of which only the logits matter.
    fn judged_of(logits: Matrix) -> Outputs {
        Outputs { logits, ..Outputs::default() }
    }

    fn targets(values: &[f32]) -> Targets {
        Targets::Values(Matrix::new(values.len(), 1, values.to_vec()))
    }

    /// As scikit-learn: `r2_score([3, -0.5, 2, 7], [2.5, 0.0, 2, 8])` is 0.9486,
    /// `mean_absolute_error` of them 0.5, `root_mean_squared_error` 0.6124.
    #[test]
    fn errors_are_those_of_scikit_learn_in_the_unit_of_the_targets() {
        let targets = RowTargets::all(targets(&[3.0, -0.5, 2.0, 7.0]));
        let objective =
            Regression { mean: vec![2.0], deviation: vec![2.0], ..Regression::default() };
        let outputs = Matrix::new(4, 1, vec![0.25, -1.0, 0.0, 3.0]);
        let judged = objective.evaluate(&judged_of(outputs.clone()), &targets).unwrap();
        let metric = |name: &str| judged.metric(name).unwrap();
        assert!((metric("mae") - 0.5).abs() < 1e-9);
        assert!((metric("rmse") - 0.612_372_435).abs() < 1e-8);
        assert!((metric("r2") - 0.948_608_137).abs() < 1e-8);
        let predicted = [2.5, 0.0, 2.0, 8.0].map(Some).to_vec();
        assert_eq!(judged.predictions[1], PredictionColumn::numbers("predicted", predicted));
    }

    #[test]
    fn losses_are_of_standardised_numbers() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[0.0], [2.0]], &device);
        let output = ModelOutput::new(logits.clone(), logits);
        // Targets are 0.5 and -1 deviations from the mean: differences of 0.5 and 3.
        let targets = targets(&[11.0, 8.0]);
        let loss = |loss, weights: Option<[f32; 2]>| {
            let objective = Regression { loss, mean: vec![10.0], deviation: vec![2.0] };
            let weights = weights.map(|it| Tensor::from_floats(it, &device));
            objective.loss(&output, &targets, weights).unwrap().into_scalar::<f64>()
        };
        assert!((loss(RegressionLoss::Squared, None) - (0.25 + 9.0) / 2.0).abs() < 1e-6);
        assert!((loss(RegressionLoss::Absolute, None) - 1.75).abs() < 1e-6);
        assert!((loss(RegressionLoss::Huber, None) - (0.125 + 2.5) / 2.0).abs() < 1e-6);
        assert!((loss(RegressionLoss::Squared, Some([2.0, 0.0])) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_scale_of_another_size_and_constant_targets_are_told() {
        let objective = Regression { mean: vec![1.0, 2.0, 3.0], ..Regression::default() };
        let outputs = Matrix::new(2, 2, vec![0.0; 4]);
        let error = objective
            .evaluate(&judged_of(outputs.clone()), &RowTargets::none(2))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`objective.mean` has 3 numbers, the targets have 2"), "{error}");
        let constant = RowTargets::all(targets(&[1.0, 1.0]));
        let outputs = Matrix::new(2, 1, vec![1.0, 2.0]);
        let judged =
            Regression::default().evaluate(&judged_of(outputs.clone()), &constant).unwrap();
        assert_eq!(judged.metric("r2"), None);
        assert_eq!(judged.metric("mae"), Some(0.5));
    }

    #[test]
    fn deviations_that_divide_by_nothing_are_refused() {
        let zero = Regression { deviation: vec![0.0], ..Regression::default() };
        assert_eq!(zero.check().unwrap_err().field, "deviation");
    }
}
