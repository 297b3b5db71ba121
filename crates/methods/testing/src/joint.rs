//! One joint batch whose features and logits are leaves of the tape.

use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::method::Term;
use isthmus_core::metric::Measurement;
use isthmus_core::random::Key;
use isthmus_core::step::{self, Step};
use isthmus_core::targets::Targets;
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::problem::TwoDomains;
use crate::workbench::{ModelSpec, Workbench};

/// Features and logits of some source and target rows, free to move: what a term by itself does
/// to them is its gradient.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Features `[source + target, features]`.
    pub features: Tensor<2>,
    /// Logits `[source + target, classes]`.
    pub logits: Tensor<2>,
    /// The extractor's hidden layers `[source + target, size]`; none to begin with.
    pub layers: Vec<Tensor<2>>,
    /// Classes of the source rows.
    pub labels: Vec<u32>,
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
        let draw = |columns: usize, key: Key| normal(rows, columns, key, &device);
        let moved = draw(features, key.named("features"));
        let source = moved.clone().narrow(0, 0, sources);
        let target = moved.narrow(0, sources, target_rows).mul_scalar(2.0).add_scalar(1.0);
        let labels = (0..sources).map(|row| (row % classes) as u32).collect();
        let mut segments: Vec<Segment> = source_rows
            .iter()
            .enumerate()
            .map(|(index, &rows)| Segment { domain: DomainRole::Source(index), rows })
            .collect();
        segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        Self {
            features: Tensor::cat(vec![source, target], 0).require_grad(),
            logits: draw(classes, key.named("logits")).require_grad(),
            layers: Vec::new(),
            labels,
            segments,
        }
    }

    /// The same with features and logits multiplied by these factors; 0 makes all rows one point.
    pub fn scaled(mut self, features: f64, logits: f64) -> Self {
        let scale = |tensor: &Tensor<2>, factor: f64| {
            Tensor::from_inner(tensor.clone().inner().mul_scalar(factor)).require_grad()
        };
        self.features = scale(&self.features, features);
        self.logits = scale(&self.logits, logits);
        self
    }

    /// The same with normal values of hidden layers of these sizes.
    pub fn with_layers(mut self, sizes: &[usize]) -> Self {
        let (rows, device) = (self.features.dims()[0], self.features.device());
        let key = Key::new(7).named("layers");
        let layer = |(index, &size): (usize, &usize)| {
            normal(rows, size, key.at(index as u64), &device).require_grad()
        };
        self.layers = sizes.iter().enumerate().map(layer).collect();
        self
    }

    /// The gradients of the term at the first step with respect to hidden layers, features and
    /// logits, in this order.
    ///
    /// # Panics
    /// If the term does not depend on one of them.
    pub fn layer_gradients(&self, term: &mut dyn Term) -> Vec<Vec<f32>> {
        let gradients = self.loss(term, 0, 1).backward();
        let all = self.layers.iter().chain([&self.features, &self.logits]);
        all.map(|tensor| match tensor.grad(&gradients) {
            Some(gradient) => gradient.to_data().iter::<f32>().collect(),
            None => panic!("the term does not depend on a layer"),
        })
        .collect()
    }

    /// The batch as a term sees it. The inputs are the features: nothing was extracted.
    pub fn batch(&self) -> Rc<step::Joint> {
        let [rows, _] = self.features.dims();
        let source_rows = self.labels.len();
        let target_rows = rows - source_rows;
        Rc::new(step::Joint {
            input: Input::Features(self.features.clone()),
            features: self.features.clone(),
            logits: self.logits.clone(),
            states: None,
            layers: self.layers.clone(),
            targets: Targets::Classes(self.labels.clone()),
            segments: self.segments.clone(),
            source_rows,
            target_rows,
            source_indices: (0..source_rows).collect(),
            target_indices: (0..target_rows).collect(),
        })
    }

    /// The term at step `number` of `total_steps`, with measurements.
    fn evaluate(
        &self,
        term: &mut dyn Term,
        number: usize,
        total_steps: usize,
    ) -> Result<(Tensor<1>, Vec<Measurement>), MethodError> {
        // The batch is free, so the model behind the step is of no account.
        let data = TwoDomains::shifted(4, 4, 0.0);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, total_steps, 0.1);
        let mut step = Step::new(bench.stage(), number, 0, true).with_joint(self.batch());
        let loss = term.loss(&mut step)?;
        Ok((loss, step.into_measurements()))
    }

    /// The term at step `number`.
    ///
    /// # Panics
    /// If the term refuses the batch.
    pub fn loss(&self, term: &mut dyn Term, number: usize, total_steps: usize) -> Tensor<1> {
        match self.evaluate(term, number, total_steps) {
            Ok((loss, _)) => loss,
            Err(error) => panic!("the term refuses the batch: {error}"),
        }
    }

    /// What the term measures at step `number`.
    ///
    /// # Panics
    /// If the term refuses the batch.
    pub fn measured(
        &self,
        term: &mut dyn Term,
        number: usize,
        total_steps: usize,
    ) -> Vec<Measurement> {
        match self.evaluate(term, number, total_steps) {
            Ok((_, measurements)) => measurements,
            Err(error) => panic!("the term refuses the batch: {error}"),
        }
    }

    /// Why the term refuses the batch.
    ///
    /// # Panics
    /// If it does not.
    pub fn refusal(&self, term: &mut dyn Term) -> String {
        match self.evaluate(term, 0, 1) {
            Ok(_) => panic!("the term takes the batch"),
            Err(error) => error.to_string(),
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
        let gradients = self.loss(term, step, total_steps).backward();
        let of = |tensor: &Tensor<2>| {
            tensor.grad(&gradients).map(|gradient| gradient.to_data().iter::<f32>().collect())
        };
        (of(&self.features), of(&self.logits))
    }

    /// Moves features and logits down the term's gradient, and returns its values on the way.
    pub fn descend(&mut self, term: &mut dyn Term, steps: usize, rate: f64) -> Vec<f64> {
        let mut losses = Vec::new();
        for step in 0..steps {
            let loss = self.loss(term, step, steps);
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

/// Standard normal values `[rows, columns]`.
fn normal(rows: usize, columns: usize, key: Key, device: &Device) -> Tensor<2> {
    let mut rng = key.rng();
    let values: Vec<f32> =
        (0..rows * columns).map(|_| rng.sample::<f32, _>(StandardNormal)).collect();
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}
