//! Small samples for the tests of validators.

use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::validation::{
    LabelledOutputs, Matrix, MixedPredictions, Outputs, ValidationError, ValidationView, Validator,
};
use rand_distr::{Distribution, StandardNormal};

use crate::rows::Rows;

/// Standard normal numbers.
pub(crate) fn normal(count: usize, columns: usize, key: &Key) -> Rows {
    let values: Vec<f64> = StandardNormal.sample_iter(key.rng()).take(count * columns).collect();
    Rows::new(columns, values)
}

/// All values moved.
pub(crate) fn shifted(rows: &Rows, by: f64) -> Rows {
    Rows::new(rows.columns(), rows.values().iter().map(|value| value + by).collect())
}

/// `each` rows of unit variance around the centre of each class: `apart` at the class's position,
/// and `offset` everywhere.
pub(crate) fn blobs(
    classes: &[usize],
    each: usize,
    columns: usize,
    apart: f64,
    offset: f64,
    key: &Key,
) -> (Rows, Vec<usize>) {
    let mut values = normal(classes.len() * each, columns, key).values().to_vec();
    let mut labels = Vec::new();
    for (row, values) in values.chunks_exact_mut(columns).enumerate() {
        let class = row % classes.len();
        labels.push(classes[class]);
        values[class % columns] += apart;
        values.iter_mut().for_each(|value| *value += offset);
    }
    (Rows::new(columns, values), labels)
}

/// As 32-bit numbers.
pub(crate) fn matrix(rows: &Rows) -> Matrix {
    let values = rows.values().iter().map(|value| *value as f32).collect();
    Matrix::new(rows.count(), rows.columns(), values)
}

/// Samples of these logits, which are their features too.
pub(crate) fn labelled(columns: usize, logits: &[f32], labels: &[u32]) -> LabelledOutputs {
    let logits = Matrix::new(logits.len() / columns, columns, logits.to_vec());
    LabelledOutputs { outputs: Outputs::new(logits.clone(), logits), labels: labels.to_vec() }
}

/// Samples of one feature, 400 of each domain; the target lies above the source. The model is wrong where `wrong` says so.
pub(crate) fn shifted_target(wrong: impl Fn(f64) -> bool) -> Seen {
    let (held_out, training) = (normal(400, 1, &Key::new(1)), normal(400, 1, &Key::new(2)));
    let target = shifted(&normal(400, 1, &Key::new(3)), 1.0);
    let logits: Vec<f32> = held_out
        .values()
        .iter()
        .flat_map(|x| if wrong(*x) { [0.0, 1.0] } else { [1.0, 0.0] })
        .collect();
    let mut source = labelled(2, &logits, &[0; 400]);
    source.outputs.features = matrix(&held_out);
    let features = |rows| Outputs { features: matrix(&rows), ..Outputs::default() };
    Seen {
        source,
        source_training: LabelledOutputs { outputs: features(training), labels: Vec::new() },
        target: features(target),
    }
}

/// The reason why a score is not defined.
pub(crate) fn reason(error: ValidationError) -> String {
    match error {
        ValidationError::Undefined(reason) => reason,
        ValidationError::Data(error) => panic!("not a matter of data: {error}"),
    }
}

/// No mixtures.
struct Unmixed;

impl MixedPredictions for Unmixed {
    fn mixed_logits(&self, _: &[(usize, usize)], _: f32) -> Result<Matrix, DataError> {
        Err(DataError::Mismatch("no mixtures here".to_owned()))
    }
}

/// A model's outputs; what a test leaves out is empty.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) source: LabelledOutputs,
    pub(crate) source_training: LabelledOutputs,
    pub(crate) target: Outputs,
}

impl Seen {
    /// Target samples of these logits, which are their features too.
    pub(crate) fn target(columns: usize, logits: &[f32]) -> Self {
        Self { target: labelled(columns, logits, &[]).outputs, ..Self::default() }
    }

    /// The score by a validator, for as many classes as there are target or source logits.
    pub(crate) fn score(&self, validator: &dyn Validator) -> Result<f64, ValidationError> {
        self.score_mixed(validator, &Unmixed)
    }

    pub(crate) fn score_mixed(
        &self,
        validator: &dyn Validator,
        mixed: &dyn MixedPredictions,
    ) -> Result<f64, ValidationError> {
        let view = ValidationView {
            classes: self.target.logits.columns().max(self.source.outputs.logits.columns()),
            source: &self.source,
            source_training: &self.source_training,
            target: &self.target,
            mixed,
            key: Key::new(1),
        };
        validator.score(&view)
    }
}
