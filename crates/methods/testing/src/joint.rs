//! One joint batch whose features and logits are leaves of the tape.

use burn::tensor::{Device, Int, Tensor, TensorData};
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::method::{Term, TermLoss, View};
use isthmus_core::random::Key;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Features and logits of some source and target rows, free to move: what a term by itself does
/// to them is its gradient.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Features `[source + target, features]`.
    pub features: Tensor<2>,
    /// Logits `[source + target, classes]`.
    pub logits: Tensor<2>,
    /// Classes of the source rows.
    pub labels: Tensor<1, Int>,
    /// The domains of the rows.
    pub segments: Vec<Segment>,
}

impl Joint {
    /// Normal features and logits; the target's features are moved by 1 and twice as wide.
    pub fn new(source_rows: &[usize], target_rows: usize, features: usize, classes: usize) -> Self {
        let device = Device::flex().autodiff();
        let key = Key::new(7);
        let sources: usize = source_rows.iter().sum();
        let rows = sources + target_rows;
        let draw = |columns: usize, key: Key| {
            let mut rng = key.rng();
            let values: Vec<f32> =
                (0..rows * columns).map(|_| rng.sample::<f32, _>(StandardNormal)).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &device)
        };
        let moved = draw(features, key.named("features"));
        let source = moved.clone().narrow(0, 0, sources);
        let target = moved.narrow(0, sources, target_rows).mul_scalar(2.0).add_scalar(1.0);
        let labels: Vec<i64> = (0..sources).map(|row| (row % classes) as i64).collect();
        let mut segments: Vec<Segment> = source_rows
            .iter()
            .enumerate()
            .map(|(index, &rows)| Segment { domain: DomainRole::Source(index), rows })
            .collect();
        segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        Self {
            features: Tensor::cat(vec![source, target], 0).require_grad(),
            logits: draw(classes, key.named("logits")).require_grad(),
            labels: Tensor::from_data(TensorData::new(labels, [sources]), &device),
            segments,
        }
    }

    /// The batch as a term sees it at `step` of `total_steps`, with measurements.
    pub fn view(&self, step: usize, total_steps: usize) -> View<'_> {
        let [rows, _] = self.features.dims();
        let [source_rows] = self.labels.dims();
        View {
            features: &self.features,
            logits: &self.logits,
            source_labels: &self.labels,
            segments: &self.segments,
            source_rows,
            target_rows: rows - source_rows,
            step,
            total_steps,
            key: Key::new(7).named("step").at(step as u64),
            measure: true,
        }
    }

    /// The term at `step`.
    ///
    /// # Panics
    /// If the term refuses the batch.
    pub fn loss(&self, term: &mut dyn Term, step: usize, total_steps: usize) -> TermLoss {
        match term.loss(&self.view(step, total_steps)) {
            Ok(loss) => loss,
            Err(error) => panic!("the term refuses the batch: {error}"),
        }
    }

    /// The gradient of the term at `step` with respect to features and logits; none where the
    /// term does not depend on them.
    pub fn gradients(
        &self,
        term: &mut dyn Term,
        step: usize,
        total_steps: usize,
    ) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        let gradients = self.loss(term, step, total_steps).loss.backward();
        let of = |tensor: &Tensor<2>| {
            tensor.grad(&gradients).map(|gradient| gradient.to_data().iter::<f32>().collect())
        };
        (of(&self.features), of(&self.logits))
    }

    /// Moves features and logits down the term's gradient, and returns its values on the way.
    pub fn descend(&mut self, term: &mut dyn Term, steps: usize, rate: f64) -> Vec<f64> {
        let mut losses = Vec::new();
        for step in 0..steps {
            let loss = self.loss(term, step, steps).loss;
            losses.push(loss.clone().into_scalar::<f64>());
            let gradients = loss.backward();
            for tensor in [&mut self.features, &mut self.logits] {
                if let Some(gradient) = tensor.grad(&gradients) {
                    let moved = tensor.clone().inner() - gradient.mul_scalar(rate);
                    *tensor = Tensor::from_inner(moved).require_grad();
                }
            }
        }
        losses
    }
}
