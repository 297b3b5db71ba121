//! What methods that weigh source rows once share: features in, weights of rows kept.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use isthmus_core::context::Context;
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::{NamedTensor, copy_values};
use isthmus_core::prelude::*;
use isthmus_core::step::Joint;
use isthmus_linear::Rows;
use isthmus_linear::rows::mean;

/// The path of the weights in a checkpoint.
pub(crate) const WEIGHTS: &str = "weights";

/// A way to weigh source rows by their features.
pub(crate) trait Weigh: Send + 'static {
    /// A weight for each source row, of any mean above 0. The sources' rows follow each other, as
    /// `sources` says.
    fn weights(
        &self,
        source: &Rows,
        sources: &[Range<usize>],
        target: &Rows,
    ) -> Result<Vec<f64>, MethodError>;
}

/// Weights of mean 1.
///
/// # Errors
/// If a feature is not finite, or there are no weights.
pub(crate) fn checked_weights(
    weigh: &impl Weigh,
    source: &Rows,
    sources: &[Range<usize>],
    target: &Rows,
) -> Result<Vec<f32>, MethodError> {
    source.above(target).check_finite()?;
    let weights = weigh.weights(source, sources, target)?;
    let mean = mean(&weights);
    Ok(weights.into_iter().map(|weight| (weight / mean) as f32).collect())
}

/// A term that weighs source rows, before the first step and once.
pub(crate) struct RowWeights<W> {
    weigh: W,
    /// Whether an earlier stage has trained the model.
    trained: bool,
    /// One for each training row of the sources, of mean 1.
    of_rows: Vec<f32>,
    /// The rows of each source.
    sources: Vec<Range<usize>>,
}

impl<W: Weigh> RowWeights<W> {
    pub(crate) fn new(weigh: W, context: &MethodContext) -> Self {
        Self { weigh, trained: context.trained, of_rows: Vec::new(), sources: Vec::new() }
    }
}

impl<W: Weigh> Method for RowWeights<W> {
    fn state(&self) -> Vec<NamedTensor> {
        let data = TensorData::new(self.of_rows.clone(), [self.of_rows.len()]);
        vec![NamedTensor { path: WEIGHTS.to_owned(), data }]
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        copy_values(&state, WEIGHTS, &mut self.of_rows)
    }
}

impl<W: Weigh> Term for RowWeights<W> {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let trained = self.trained;
        let forward = |model: &mut Model, input: Input, context: &Context| {
            let features = model.known_features(trained, input, context);
            let [_, columns] = features.dims();
            Rows::new(columns, features.into_data().iter::<f64>().collect())
        };
        let joined = |parts: Vec<Rows>| parts.into_iter().reduce(|all, part| all.above(&part));
        let source = joined(stage.source_pass(forward)?);
        let target = joined(stage.target_pass(forward)?);
        if let (Some(source), Some(target)) = (source, target) {
            self.sources = stage.data.source_ranges();
            self.of_rows = checked_weights(&self.weigh, &source, &self.sources, &target)?;
        }
        Ok(())
    }

    fn source_weights(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Option<Tensor<1>>, MethodError> {
        let weights: Vec<f32> = joint.source_indices.iter().map(|&row| self.of_rows[row]).collect();
        if step.measure {
            let squares: f32 = self.of_rows.iter().map(|weight| weight * weight).sum();
            // Kish's effective sample size, as a share of the samples.
            step.note("effective_share", f64::from(self.of_rows.len() as f32 / squares));
            for (number, rows) in self.sources.iter().enumerate().filter(|_| self.sources.len() > 1)
            {
                let own = &self.of_rows[rows.clone()];
                let mean = own.iter().sum::<f32>() / own.len().max(1) as f32;
                step.note(&format!("source_{}_weight", number + 1), f64::from(mean));
            }
        }
        let data = TensorData::new(weights, [joint.source_rows]);
        Ok(Some(Tensor::from_data(data, &joint.features.device())))
    }

    /// Nothing is added: the weights are all.
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        Ok(Tensor::zeros([1], &step.stage.device))
    }
}
