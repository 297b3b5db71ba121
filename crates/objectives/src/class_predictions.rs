//! Predictions of classes, held against the classes that are known.

use std::collections::BTreeMap;

use isthmus_core::objective::PredictionColumn;
use isthmus_core::validation::Matrix;

use crate::auroc::macro_auroc;

/// Bins of the calibration error (Guo et al., "On calibration of modern neural networks", 2017).
const BINS: usize = 15;

/// Begins the name of a column of probabilities; the class's name follows.
pub(crate) const PROBABILITY: &str = "p_";

/// The prediction of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClassPrediction {
    /// The sample's class, where it is known.
    pub class: Option<u32>,
    /// The class with the largest probability; the first of equals.
    pub predicted: u32,
    /// That probability, in (0, 1].
    pub confidence: f32,
}

/// The predictions of all samples of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClassPredictions {
    /// One a sample, in order.
    pub rows: Vec<ClassPrediction>,
    /// Mean cross-entropy of the samples whose class is known; absent where there are none.
    pub loss: Option<f64>,
    /// Number of classes.
    classes: usize,
}

/// What `isthmus predict` writes of scores of classes: the class, and the probability of each.
/// `names` are those of the columns of `logits`; `predicted` is the column of each row's class.
pub(crate) fn describe(
    logits: &Matrix,
    names: &[String],
    predicted: impl Iterator<Item = u32>,
) -> Vec<PredictionColumn> {
    let name = |class: u32| names.get(class as usize).cloned();
    let mut columns = vec![PredictionColumn::texts("class", predicted.map(name).collect())];
    let probabilities: Vec<Vec<f64>> = logits.iter_rows().map(softmax).collect();
    columns.extend(names.iter().enumerate().map(|(class, name)| {
        let values = probabilities.iter().map(|row| Some(row[class] as f32)).collect();
        PredictionColumn::numbers(&format!("{PROBABILITY}{name}"), values)
    }));
    columns
}

/// The probabilities of a row of logits.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    let (_, largest) = argmax(logits);
    let powers: Vec<f64> = logits.iter().map(|&z| f64::from(z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

impl ClassPredictions {
    /// Holds logits `[rows, classes]` against the classes of the rows, as far as they are known.
    pub fn of(logits: &Matrix, classes: &[Option<u32>]) -> Self {
        let (mut loss, mut known) = (0.0, 0usize);
        let rows = logits
            .iter_rows()
            .zip(classes)
            .map(|(logits, &class)| {
                let (predicted, largest) = argmax(logits);
                let sum: f64 = logits.iter().map(|&z| f64::from(z - largest).exp()).sum();
                if let Some(class) = class {
                    loss += sum.ln() - f64::from(logits[class as usize] - largest);
                    known += 1;
                }
                ClassPrediction { class, predicted, confidence: (1.0 / sum) as f32 }
            })
            .collect();
        let loss = (known > 0).then(|| loss / known as f64);
        Self { rows, loss, classes: logits.columns() }
    }

    /// The same, where a sample is of the last, unknown, class too if no other class has a
    /// probability above `threshold`.
    pub fn of_open(logits: &Matrix, classes: &[Option<u32>], threshold: f64) -> Self {
        let mut found = Self::of(logits, classes);
        for (row, logits) in found.rows.iter_mut().zip(logits.iter_rows()) {
            let unknown = logits.len() - 1;
            if row.predicted as usize != unknown && f64::from(row.confidence) <= threshold {
                row.predicted = unknown as u32;
                row.confidence = softmax(logits)[unknown] as f32;
            }
        }
        found
    }

    /// The columns of a record's predictions.
    pub fn columns(&self) -> Vec<PredictionColumn> {
        let rows = || self.rows.iter();
        vec![
            PredictionColumn::classes("label", rows().map(|row| row.class).collect()),
            PredictionColumn::classes("predicted", rows().map(|it| Some(it.predicted)).collect()),
            PredictionColumn::numbers("confidence", rows().map(|it| Some(it.confidence)).collect()),
        ]
    }

    /// Each sample whose class is known: its class, and its prediction.
    fn judged(&self) -> impl Iterator<Item = (u32, &ClassPrediction)> {
        self.rows.iter().filter_map(|row| row.class.map(|class| (class, row)))
    }

    /// Share of samples whose class was predicted, in [0, 1].
    pub fn accuracy(&self) -> Option<f64> {
        let (mut right, mut all) = (0usize, 0usize);
        for (class, row) in self.judged() {
            right += usize::from(class == row.predicted);
            all += 1;
        }
        (all > 0).then(|| right as f64 / all as f64)
    }

    /// Balanced accuracy: mean over the classes present of the share of their samples that was
    /// predicted.
    pub fn class_accuracy(&self) -> Option<f64> {
        self.class_accuracy_of(|_| true)
    }

    /// The same of those classes only that `counts` tells.
    pub fn class_accuracy_of(&self, counts: impl Fn(u32) -> bool) -> Option<f64> {
        let mut classes = BTreeMap::<u32, (usize, usize)>::new();
        for (class, row) in self.judged().filter(|(class, _)| counts(*class)) {
            let (right, all) = classes.entry(class).or_default();
            *right += usize::from(class == row.predicted);
            *all += 1;
        }
        let sum: f64 = classes.values().map(|&(right, all)| right as f64 / all as f64).sum();
        (!classes.is_empty()).then(|| sum / classes.len() as f64)
    }

    /// Mean over the classes that occur or are predicted of `2 TP / (2 TP + FP + FN)`.
    pub fn macro_f1(&self) -> Option<f64> {
        // True positives, and samples that have the class or are given it.
        let mut classes = BTreeMap::<u32, (usize, usize)>::new();
        for (class, row) in self.judged() {
            classes.entry(class).or_default().1 += 1;
            let (right, all) = classes.entry(row.predicted).or_default();
            *right += usize::from(class == row.predicted);
            *all += 1;
        }
        let sum: f64 = classes.values().map(|&(right, all)| 2.0 * right as f64 / all as f64).sum();
        (!classes.is_empty()).then(|| sum / classes.len() as f64)
    }

    /// Expected calibration error: the mean distance between confidence and accuracy in bins of
    /// equal width of the confidence, each weighted by its samples.
    pub fn calibration_error(&self) -> Option<f64> {
        let mut bins = [(0.0f64, 0.0f64); BINS];
        let mut all = 0usize;
        for (class, row) in self.judged() {
            let confidence = f64::from(row.confidence);
            let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            bins[bin].0 += confidence;
            bins[bin].1 += f64::from(u8::from(class == row.predicted));
            all += 1;
        }
        let distance: f64 = bins.iter().map(|(confidence, right)| (confidence - right).abs()).sum();
        (all > 0).then(|| distance / all as f64)
    }

    /// Mean area under the curve of each class against the rest, of the samples whose class is
    /// known; `logits` are those of the predictions.
    pub fn auroc(&self, logits: &Matrix) -> Option<f64> {
        let known = self.rows.iter().zip(logits.iter_rows());
        let known = known.filter_map(|(row, logits)| Some((softmax(logits), row.class?)));
        let (scores, classes): (Vec<Vec<f64>>, Vec<u32>) = known.unzip();
        macro_auroc(&scores, &classes)
    }

    /// How many classes the predictions spread over, as a share of all classes, in (0, 1]: the
    /// exponential of the entropy of the histogram of predicted classes, divided by the number of
    /// classes. Small where the model has collapsed; needs no labels.
    pub fn effective_classes(&self) -> f64 {
        let mut counts = vec![0usize; self.classes];
        for row in &self.rows {
            counts[row.predicted as usize] += 1;
        }
        let all = self.rows.len().max(1) as f64;
        let entropy: f64 = counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| {
                let share = count as f64 / all;
                -share * share.ln()
            })
            .sum();
        entropy.exp() / self.classes.max(1) as f64
    }
}

/// Position and value of the largest number; the first of equals.
fn argmax(values: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, &value) in (0..).zip(values) {
        if value > best.1 {
            best = (index, value);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(pairs: &[(u32, u32)], classes: usize) -> ClassPredictions {
        let rows = pairs
            .iter()
            .map(|&(class, predicted)| ClassPrediction {
                class: Some(class),
                predicted,
                confidence: 0.5,
            })
            .collect();
        ClassPredictions { rows, loss: None, classes }
    }

    #[test]
    fn classes_count_alike_where_a_metric_says_so() {
        let found = predictions(&[(0, 0), (0, 0), (0, 0), (1, 0)], 2);
        assert_eq!(found.accuracy(), Some(0.75));
        assert_eq!(found.class_accuracy(), Some(0.5));
        // F1 of class 0: 6 / 7; of class 1, which is never predicted: 0.
        assert!((found.macro_f1().unwrap() - 3.0 / 7.0).abs() < 1e-12);
    }

    /// As scikit-learn: `f1_score([0, 1, 2, 2, 1], [0, 2, 2, 1, 1], average="macro")` is 2 / 3.
    #[test]
    fn macro_f1_is_that_of_scikit_learn() {
        let found = predictions(&[(0, 0), (1, 2), (2, 2), (2, 1), (1, 1)], 3);
        assert!((found.macro_f1().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn calibration_is_the_distance_of_confidence_and_accuracy_by_bin() {
        let row = |class, predicted, confidence| ClassPrediction {
            class: Some(class),
            predicted,
            confidence,
        };
        // One bin: confidence 0.9 on average, half of it right. Another: 0.6, all right.
        let rows = vec![row(0, 0, 0.9), row(1, 0, 0.9), row(1, 1, 0.6)];
        let found = ClassPredictions { rows, loss: None, classes: 2 };
        let expected = (2.0 * (0.9 - 0.5) + 0.4) / 3.0;
        assert!((found.calibration_error().unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn effective_classes_tell_a_collapsed_model() {
        let even = predictions(&[(0, 0), (0, 1), (0, 2), (0, 3)], 4);
        assert!((even.effective_classes() - 1.0).abs() < 1e-12);
        let collapsed = predictions(&[(0, 1), (1, 1), (2, 1), (3, 1)], 4);
        assert!((collapsed.effective_classes() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_first_of_equal_scores_is_predicted() {
        assert_eq!(argmax(&[0.5, 1.0, 1.0]).0, 1);
    }

    #[test]
    fn the_loss_is_the_mean_cross_entropy() {
        let logits = Matrix::new(2, 2, vec![0.0, 0.0, 0.0, 1.0]);
        let found = ClassPredictions::of(&logits, &[Some(0), Some(1)]);
        let expected = (2f64.ln() + (1.0 + (-1f64).exp()).ln()) / 2.0;
        let loss = found.loss.unwrap();
        assert!((loss - expected).abs() < 1e-7, "{loss}");
        assert_eq!(found.accuracy(), Some(1.0));
    }

    #[test]
    fn samples_without_a_class_are_predicted_and_not_judged() {
        let logits = Matrix::new(2, 2, vec![3.0, 0.0, 0.0, 1.0]);
        let half = ClassPredictions::of(&logits, &[None, Some(0)]);
        assert_eq!((half.accuracy(), half.class_accuracy()), (Some(0.0), Some(0.0)));
        assert_eq!(half.rows[0].predicted, 0);
        let blind = ClassPredictions::of(&logits, &[None, None]);
        assert_eq!((blind.accuracy(), blind.loss), (None, None));
        assert_eq!((blind.macro_f1(), blind.calibration_error()), (None, None));
        assert_eq!(blind.effective_classes(), half.effective_classes());
    }
}
