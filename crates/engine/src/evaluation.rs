//! Evaluation: one forward pass over a labelled set.

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::DataError;
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::stage::SampleView;

/// Rows of one forward pass; large enough to fill the matrix units, small enough for images.
const ROWS: usize = 256;

/// What the model says of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The sample's class.
    pub class: u32,
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
    /// Mean cross-entropy.
    pub loss: f64,
}

impl Evaluation {
    /// Share of samples whose class was predicted, in [0, 1].
    pub fn accuracy(&self) -> f64 {
        let right = self.predictions.iter().filter(|p| p.class == p.predicted).count();
        right as f64 / self.predictions.len().max(1) as f64
    }

    /// Mean over the classes present of the share of their samples that was predicted.
    pub fn class_accuracy(&self) -> f64 {
        let mut classes = std::collections::BTreeMap::<u32, (usize, usize)>::new();
        for prediction in &self.predictions {
            let (right, all) = classes.entry(prediction.class).or_default();
            *right += usize::from(prediction.class == prediction.predicted);
            *all += 1;
        }
        let sum: f64 = classes.values().map(|&(right, all)| right as f64 / all as f64).sum();
        sum / classes.len().max(1) as f64
    }
}

/// Evaluates `model`, an evaluation copy, on every sample of `set`.
///
/// # Errors
/// If a sample cannot be read.
pub fn evaluate(
    model: &mut Model,
    set: &LabelledSource,
    domain: DomainRole,
    grouping: Grouping,
    device: &Device,
) -> Result<Evaluation, DataError> {
    let rows: Vec<usize> = (0..set.samples.rows()).collect();
    let mut evaluation = Evaluation::default();
    let mut loss = 0.0;
    for chunk in rows.chunks(ROWS) {
        let values = set.samples.values(chunk, SampleView::Plain)?;
        let input = Input::from_values(values, chunk.len(), set.samples.shape(), device);
        let context = Context::evaluate(domain, chunk.len())
            .with_norm(NormPolicy::EVALUATE.grouped(grouping));
        let (_, logits) = model.forward(input, &context);
        let classes = logits.dims()[1];
        let logits = logits.into_data();
        let logits = logits.as_slice::<f32>().expect("networks compute in f32");
        for (&row, logits) in chunk.iter().zip(logits.chunks(classes)) {
            let class = set.labels[row];
            let (predicted, largest) = argmax(logits);
            let sum: f64 = logits.iter().map(|&z| f64::from(z - largest).exp()).sum();
            loss += sum.ln() - f64::from(logits[class as usize] - largest);
            let confidence = (1.0 / sum) as f32;
            evaluation.predictions.push(Prediction { class, predicted, confidence });
        }
    }
    evaluation.loss = loss / rows.len().max(1) as f64;
    Ok(evaluation)
}

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

    fn prediction(class: u32, predicted: u32) -> Prediction {
        Prediction { class, predicted, confidence: 0.5 }
    }

    #[test]
    fn class_accuracy_weighs_classes_alike() {
        let predictions =
            vec![prediction(0, 0), prediction(0, 0), prediction(0, 0), prediction(1, 0)];
        let evaluation = Evaluation { predictions, loss: 0.0 };
        assert_eq!(evaluation.accuracy(), 0.75);
        assert_eq!(evaluation.class_accuracy(), 0.5);
    }

    #[test]
    fn the_first_of_equal_scores_is_predicted() {
        assert_eq!(argmax(&[0.5, 1.0, 1.0]).0, 1);
    }
}
