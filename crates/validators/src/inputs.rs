//! What validators read from a view, checked.

use isthmus_core::validation::{LabelledOutputs, Matrix, Outputs, ValidationError, ValidationView};

use crate::rows::{Rows, log_sum_exp};

/// An error that says that a score is not defined.
pub(crate) fn undefined(reason: impl Into<String>) -> ValidationError {
    ValidationError::Undefined(reason.into())
}

/// The score, if it is a number.
pub(crate) fn finite(score: f64, name: &str) -> Result<f64, ValidationError> {
    match score.is_finite() {
        true => Ok(score),
        false => Err(undefined(format!("the {name} is {score}: no finite number"))),
    }
}

fn checked(matrix: &Matrix, what: &str) -> Result<Rows, ValidationError> {
    if matrix.rows() == 0 {
        return Err(undefined(format!("there are no {what}")));
    }
    if matrix.columns() == 0 {
        return Err(undefined(format!("the {what} have no columns")));
    }
    match matrix.values().iter().position(|value| !value.is_finite()) {
        None => Ok(Rows::from(matrix)),
        Some(at) => Err(undefined(format!(
            "row {} of the {what} holds {}: the model diverged",
            at / matrix.columns(),
            matrix.values()[at]
        ))),
    }
}

/// The features of some samples: at least one row, all finite.
pub(crate) fn features(outputs: &Outputs, of: &str) -> Result<Rows, ValidationError> {
    checked(&outputs.features, &format!("features of {of} samples"))
}

/// The logits of some samples: at least one row, all finite, a column a class.
pub(crate) fn logits(outputs: &Outputs, classes: usize, of: &str) -> Result<Rows, ValidationError> {
    let logits = checked(&outputs.logits, &format!("logits of {of} samples"))?;
    match logits.columns() == classes {
        true => Ok(logits),
        false => Err(undefined(format!(
            "the logits of {of} samples have {} columns for {classes} classes",
            logits.columns()
        ))),
    }
}

/// The labels of some samples, one for each row of logits, each of a class.
pub(crate) fn labels(
    samples: &LabelledOutputs,
    classes: usize,
    of: &str,
) -> Result<Vec<usize>, ValidationError> {
    if samples.labels.len() != samples.outputs.rows() {
        return Err(undefined(format!(
            "{} {of} samples have {} labels",
            samples.outputs.rows(),
            samples.labels.len()
        )));
    }
    let read = |(row, label): (usize, &u32)| match usize::try_from(*label) {
        Ok(class) if class < classes => Ok(class),
        _ => Err(undefined(format!("{of} sample {row} has label {label} of {classes} classes"))),
    };
    samples.labels.iter().enumerate().map(read).collect()
}

/// What held-out source samples are called in messages.
pub(crate) const SOURCE: &str = "held-out source";
/// What source training samples are called in messages.
pub(crate) const TRAINING: &str = "source training";
/// What target samples are called in messages.
pub(crate) const TARGET: &str = "target";

/// The predicted probabilities of the target samples.
pub(crate) fn target_probabilities(view: &ValidationView<'_>) -> Result<Rows, ValidationError> {
    Ok(logits(view.target, view.classes, TARGET)?.softmax())
}

/// The predicted classes of the target samples.
pub(crate) fn target_predictions(view: &ValidationView<'_>) -> Result<Vec<usize>, ValidationError> {
    Ok(logits(view.target, view.classes, TARGET)?.largest())
}

/// The cross-entropy of each held-out source sample, in nats.
pub(crate) fn source_losses(view: &ValidationView<'_>) -> Result<Vec<f64>, ValidationError> {
    let logits = logits(&view.source.outputs, view.classes, SOURCE)?;
    let labels = labels(view.source, view.classes, SOURCE)?;
    Ok(logits.iter().zip(labels).map(|(row, label)| log_sum_exp(row) - row[label]).collect())
}

/// How many of the classes are among `classes_of_rows`.
pub(crate) fn distinct(classes_of_rows: &[usize]) -> usize {
    classes_of_rows.iter().collect::<std::collections::BTreeSet<_>>().len()
}

/// An error unless two classes are predicted.
pub(crate) fn at_least_two_classes(predictions: &[usize]) -> Result<(), ValidationError> {
    match distinct(predictions) {
        0 | 1 => Err(undefined("fewer than two classes are predicted for the target")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{labelled, reason};

    #[test]
    fn a_value_that_is_no_number_is_found_by_row() {
        let samples = labelled(2, &[1.0, 0.0, 0.0, f32::NAN], &[0, 1]);
        let error = logits(&samples.outputs, 2, TARGET).unwrap_err();
        assert_eq!(
            reason(error),
            "row 1 of the logits of target samples holds NaN: the model diverged"
        );
    }

    #[test]
    fn samples_are_counted_against_labels_and_classes() {
        let none = LabelledOutputs::default();
        assert_eq!(
            reason(logits(&none.outputs, 2, SOURCE).unwrap_err()),
            "there are no logits of held-out source samples"
        );
        let samples = labelled(2, &[1.0, 0.0, 0.0, 1.0], &[0, 2]);
        assert_eq!(
            reason(labels(&samples, 2, SOURCE).unwrap_err()),
            "held-out source sample 1 has label 2 of 2 classes"
        );
        assert_eq!(
            reason(logits(&samples.outputs, 3, SOURCE).unwrap_err()),
            "the logits of held-out source samples have 2 columns for 3 classes"
        );
        let samples = labelled(2, &[1.0, 0.0, 0.0, 1.0], &[0]);
        assert_eq!(
            reason(labels(&samples, 2, SOURCE).unwrap_err()),
            "2 held-out source samples have 1 labels"
        );
    }
}
