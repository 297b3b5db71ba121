//! Evaluation: one forward pass over a set of samples, and what labels say of it.

use burn::tensor::{Device, Tensor};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::predictor::Predictor;
use isthmus_core::stage::SampleView;
use isthmus_core::targets::RowTargets;
use isthmus_core::validation::{Matrix, Outputs};

/// Rows of one forward pass; large enough to fill the matrix units, small enough for images.
const ROWS: usize = 256;

/// What the model says of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The sample's class, where it is known.
    pub class: Option<u32>,
    /// The class with the largest probability.
    pub predicted: u32,
    /// That probability, in (0, 1].
    pub confidence: f32,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// A prediction for each sample, in order.
    pub predictions: Vec<Prediction>,
    /// Mean cross-entropy of the samples whose class is known; absent where there are none.
    pub loss: Option<f64>,
    /// Number of classes.
    pub classes: usize,
}

impl Evaluation {
    /// Holds logits `[rows, classes]` against the classes of the rows, as far as they are known.
    pub fn of(logits: &Matrix, targets: &RowTargets) -> Self {
        let mut loss = 0.0;
        let predictions = logits
            .iter_rows()
            .zip(targets.classes())
            .map(|(logits, class)| {
                let (predicted, largest) = argmax(logits);
                let sum: f64 = logits.iter().map(|&z| f64::from(z - largest).exp()).sum();
                if let Some(class) = class {
                    loss += sum.ln() - f64::from(logits[class as usize] - largest);
                }
                Prediction { class, predicted, confidence: (1.0 / sum) as f32 }
            })
            .collect();
        let known = targets.known_rows();
        let loss = (known > 0).then(|| loss / known as f64);
        Self { predictions, loss, classes: logits.columns() }
    }

    /// Each sample whose class is known: its class, and whether that was predicted.
    fn judged(&self) -> impl Iterator<Item = (u32, bool)> {
        let judged = |it: &Prediction| it.class.map(|class| (class, class == it.predicted));
        self.predictions.iter().filter_map(judged)
    }

    /// Share of samples whose class was predicted, in [0, 1], among those whose class is known;
    /// absent where there are none.
    pub fn accuracy(&self) -> Option<f64> {
        let (right, all) = self
            .judged()
            .fold((0, 0), |(right, all), (_, is_right)| (right + usize::from(is_right), all + 1));
        (all > 0).then(|| right as f64 / all as f64)
    }

    /// Mean over the classes present of the share of their samples that was predicted; absent
    /// where no class is known.
    pub fn class_accuracy(&self) -> Option<f64> {
        let mut classes = std::collections::BTreeMap::<u32, (usize, usize)>::new();
        for (class, is_right) in self.judged() {
            let (right, all) = classes.entry(class).or_default();
            *right += usize::from(is_right);
            *all += 1;
        }
        let sum: f64 = classes.values().map(|&(right, all)| right as f64 / all as f64).sum();
        (!classes.is_empty()).then(|| sum / classes.len() as f64)
    }

    /// How many classes the predictions spread over, as a share of all classes, in (0, 1]: the
    /// exponential of the entropy of the histogram of predicted classes, divided by the number of
    /// classes. Small where the model has collapsed; needs no labels.
    pub fn effective_classes(&self) -> f64 {
        let mut counts = vec![0usize; self.classes];
        for prediction in &self.predictions {
            counts[prediction.predicted as usize] += 1;
        }
        let all = self.predictions.len().max(1) as f64;
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

/// Features and logits of the given rows of `samples`.
///
/// # Errors
/// If a sample cannot be read.
pub fn predict(
    predictor: &mut dyn Predictor,
    samples: &dyn SampleSource,
    rows: &[usize],
    domain: DomainRole,
    device: &Device,
) -> Result<Outputs, DataError> {
    let mut outputs = Outputs::default();
    for input in inputs(samples, rows, device) {
        let chunk = predict_input(predictor, input?, domain);
        outputs.features.append(chunk.features);
        outputs.logits.append(chunk.logits);
    }
    Ok(outputs)
}

/// What the extractor of `model`, an evaluation copy, makes of the given rows of `samples`: the
/// features before the bottleneck.
///
/// # Errors
/// If a sample cannot be read.
pub fn extract(
    model: &mut Model,
    samples: &dyn SampleSource,
    rows: &[usize],
    domain: DomainRole,
    grouping: Grouping,
    device: &Device,
) -> Result<Matrix, DataError> {
    let mut features = Matrix::default();
    for input in inputs(samples, rows, device) {
        let input = input?;
        let context = evaluating(domain, input.rows(), grouping);
        features.append(matrix(model.extractor.forward(input, &context)));
    }
    Ok(features)
}

/// The given rows of `samples`, as many at a time as go through a network together.
fn inputs(
    samples: &dyn SampleSource,
    rows: &[usize],
    device: &Device,
) -> impl Iterator<Item = Result<Input, DataError>> {
    rows.chunks(ROWS).map(move |chunk| {
        let values = samples.values(chunk, SampleView::Plain)?;
        Ok(Input::from_values(values, chunk.len(), samples.shape(), device))
    })
}

/// Features and logits of a batch of inputs.
pub(crate) fn predict_input(
    predictor: &mut dyn Predictor,
    input: Input,
    domain: DomainRole,
) -> Outputs {
    let output = predictor.predict(input, domain);
    Outputs { features: matrix(output.features), logits: matrix(output.logits) }
}

fn evaluating(domain: DomainRole, rows: usize, grouping: Grouping) -> Context {
    Context::evaluate(domain, rows).with_norm(NormPolicy::EVALUATE.grouped(grouping))
}

fn matrix(tensor: Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    let values = tensor.into_data().try_to_vec::<f32>().expect("networks compute in f32");
    Matrix::new(rows, columns, values)
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

    fn evaluation(pairs: &[(u32, u32)], classes: usize) -> Evaluation {
        let predictions = pairs
            .iter()
            .map(|&(class, predicted)| Prediction {
                class: Some(class),
                predicted,
                confidence: 0.5,
            })
            .collect();
        Evaluation { predictions, loss: None, classes }
    }

    #[test]
    fn class_accuracy_weighs_classes_alike() {
        let evaluation = evaluation(&[(0, 0), (0, 0), (0, 0), (1, 0)], 2);
        assert_eq!(evaluation.accuracy(), Some(0.75));
        assert_eq!(evaluation.class_accuracy(), Some(0.5));
    }

    #[test]
    fn effective_classes_tell_a_collapsed_model() {
        let even = evaluation(&[(0, 0), (0, 1), (0, 2), (0, 3)], 4);
        assert!((even.effective_classes() - 1.0).abs() < 1e-12);
        let collapsed = evaluation(&[(0, 1), (1, 1), (2, 1), (3, 1)], 4);
        assert!((collapsed.effective_classes() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_first_of_equal_scores_is_predicted() {
        assert_eq!(argmax(&[0.5, 1.0, 1.0]).0, 1);
    }

    #[test]
    fn the_loss_is_the_mean_cross_entropy() {
        let logits = Matrix::new(2, 2, vec![0.0, 0.0, 0.0, 1.0]);
        let evaluation = Evaluation::of(&logits, &vec![0, 1].into());
        let expected = (2f64.ln() + (1.0 + (-1f64).exp()).ln()) / 2.0;
        let loss = evaluation.loss.unwrap();
        assert!((loss - expected).abs() < 1e-7, "{loss}");
        assert_eq!(evaluation.accuracy(), Some(1.0));
    }

    #[test]
    fn samples_without_a_class_are_predicted_and_not_judged() {
        let logits = Matrix::new(2, 2, vec![3.0, 0.0, 0.0, 1.0]);
        let half = Evaluation::of(&logits, &RowTargets::of_classes(&[None, Some(0)]));
        assert_eq!((half.accuracy(), half.class_accuracy()), (Some(0.0), Some(0.0)));
        assert_eq!(half.predictions[0].predicted, 0);
        let blind = Evaluation::of(&logits, &RowTargets::none(2));
        assert_eq!((blind.accuracy(), blind.class_accuracy(), blind.loss), (None, None, None));
        assert_eq!(blind.effective_classes(), half.effective_classes());
    }
}
