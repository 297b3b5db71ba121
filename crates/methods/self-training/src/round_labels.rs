//! The labels of a round, and how a method keeps them between steps.

use isthmus_core::error::MethodError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::step::Step;

use crate::labels::PseudoLabels;

/// The labels of the round that a stage is in; none before the first one.
pub(crate) struct RoundLabels {
    /// The method's name, for messages.
    method: &'static str,
    classes: usize,
    labels: Option<PseudoLabels>,
}

impl RoundLabels {
    /// No labels yet, of so many classes.
    pub fn new(method: &'static str, classes: usize) -> Self {
        Self { method, classes, labels: None }
    }

    /// Begins a round with labels.
    pub fn begin(&mut self, labels: PseudoLabels) {
        self.labels = Some(labels);
    }

    /// The labels of the round that `step` is in.
    pub fn at(&self, step: &Step<'_>) -> Result<&PseudoLabels, MethodError> {
        let (number, rows) = (step.number, step.stage.data.target_rows());
        let method = self.method;
        match &self.labels {
            Some(labels) if labels.rows() == rows => Ok(labels),
            Some(labels) => Err(MethodError::Checkpoint(format!(
                "it holds pseudo-labels for `{method}` of {} target samples, there are {rows}",
                labels.rows()
            ))),
            None => Err(MethodError::Checkpoint(format!(
                "that of step {number} holds no pseudo-labels for `{method}`"
            ))),
        }
    }

    /// The labels of rows at the round that `step` is in, for a method that labels every row.
    pub fn of_rows(&self, step: &Step<'_>, rows: &[usize]) -> Result<Vec<u32>, MethodError> {
        let labels = self.at(step)?;
        let label = |row: &usize| {
            labels.of(*row).ok_or_else(|| {
                MethodError::Checkpoint(format!(
                    "it holds no label of target sample {row} for `{}`",
                    self.method
                ))
            })
        };
        rows.iter().map(label).collect()
    }

    /// The share of rows whose label is another one in `next`; none before the first round.
    pub fn changed_share(&self, next: &PseudoLabels) -> Option<f64> {
        self.labels.as_ref()?.changed_share(next)
    }

    /// The labels as a checkpoint's tensors.
    pub fn state(&self) -> Vec<NamedTensor> {
        self.labels.iter().map(PseudoLabels::to_state).collect()
    }

    /// Takes a checkpoint's tensors back.
    pub fn load_state(&mut self, state: &[NamedTensor]) -> Result<(), MethodError> {
        self.labels = match state {
            [] => None,
            [labels] => Some(PseudoLabels::from_state(self.method, labels, self.classes)?),
            more => {
                return Err(MethodError::Checkpoint(format!(
                    "it holds {} tensors for `{}`, expected one",
                    more.len(),
                    self.method
                )));
            }
        };
        Ok(())
    }
}
