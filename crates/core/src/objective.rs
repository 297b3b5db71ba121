//! What a model is trained to predict on labelled rows, and how its predictions are judged.

use burn::tensor::Tensor;

use crate::error::MethodError;
use crate::metric::Measurement;
use crate::metric::Metrics;
use crate::model::ModelOutput;
use crate::targets::{RowTargets, Targets};
use crate::validation::Outputs;

/// What the outputs of the classifier stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// Something else than scores of classes.
    #[default]
    Other,
    /// One score for each class, of which a sample has one.
    Classes,
    /// One score for each class, and a last one for samples of no class of the source.
    OpenClasses,
}

impl OutputKind {
    /// Whether a method or validator that needs outputs of the kind `needed` can work with these.
    pub fn serves(self, needed: Self) -> bool {
        self >= needed
    }
}

/// The loss on labelled rows, and the metrics of predictions. Methods add to the loss; they do not
/// replace it.
pub trait Objective: Send + Sync {
    /// Number of outputs of the classifier for a task with `classes` classes.
    fn outputs(&self, classes: usize) -> usize;

    /// Whether it reads outputs in time in place of one row a sample: the model then gives
    /// [`ModelOutput::states`], and predictions have [`Outputs::states`].
    fn reads_states(&self) -> bool {
        false
    }

    /// Name of the loss in records.
    fn loss_name(&self) -> &'static str;

    /// Mean loss of the rows of `output`, shape `[1]`. `weights` `[rows]` multiplies the loss of
    /// each row; the sum is divided by the number of rows, so weights of mean 1 keep its scale.
    ///
    /// # Errors
    /// If the objective does not take such targets.
    fn loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError>;

    /// The metrics that [`evaluate`](Self::evaluate) gives, the primary one first: tables show it,
    /// the oracle chooses by it.
    fn metrics(&self) -> Metrics;

    /// Judges outputs by the targets that are known. A metric that needs targets
    /// is absent where none is known.
    ///
    /// # Errors
    /// If the objective does not take such targets.
    fn evaluate(&self, outputs: &Outputs, targets: &RowTargets) -> Result<Evaluation, MethodError>;

    /// What `isthmus predict` writes of samples, column by column; `classes` are the names of the
    /// classes, of the numbers or of the symbols that targets are made of.
    ///
    /// # Errors
    /// If the outputs are not those of a model with this objective.
    fn describe(
        &self,
        outputs: &Outputs,
        classes: &[String],
    ) -> Result<Vec<PredictionColumn>, MethodError>;
}

/// What an objective says of predictions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The metrics that are defined, by name, and what needs no targets.
    pub metrics: Vec<Measurement>,
    /// What is predicted of each row, column by column.
    pub predictions: Vec<PredictionColumn>,
}

impl Evaluation {
    /// The value of a metric, where it is defined.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(found, _)| found == name).map(|(_, value)| *value)
    }
}

/// One column of the predictions of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionColumn {
    /// Its heading.
    pub name: String,
    /// One value a row.
    pub values: PredictionValues,
}

/// The values of a column of predictions; absent where a target is not known.
#[derive(Clone, Debug, PartialEq)]
pub enum PredictionValues {
    /// Classes by number.
    Classes(Vec<Option<u32>>),
    /// Numbers.
    Numbers(Vec<Option<f32>>),
    /// Texts, such as sets of classes and sequences.
    Texts(Vec<Option<String>>),
}

impl PredictionColumn {
    /// A column of classes.
    pub fn classes(name: &str, values: Vec<Option<u32>>) -> Self {
        Self { name: name.to_owned(), values: PredictionValues::Classes(values) }
    }

    /// A column of texts.
    pub fn texts(name: &str, values: Vec<Option<String>>) -> Self {
        Self { name: name.to_owned(), values: PredictionValues::Texts(values) }
    }

    /// A column of numbers.
    pub fn numbers(name: &str, values: Vec<Option<f32>>) -> Self {
        Self { name: name.to_owned(), values: PredictionValues::Numbers(values) }
    }
}

/// The error of an objective for targets that it does not take.
pub fn unsuitable_targets(objective: &str, expected: &str, found: &Targets) -> MethodError {
    MethodError::Unsuitable(format!(
        "the objective `{objective}` takes {expected} as targets, this data set has {}",
        found.kind()
    ))
}
