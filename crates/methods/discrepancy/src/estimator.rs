//! What the kernel methods share: the estimator, kernel widths, the rows of a batch.

use burn::tensor::{Device, Int, Tensor, TensorData};
use isthmus_core::config::FieldProblem;
use isthmus_core::error::MethodError;
use isthmus_core::layer::Layer;
use isthmus_core::random::Key;
use isthmus_core::step::Joint;
use rand::seq::index;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a maximum mean discrepancy is estimated from a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Over all pairs of rows: unbiased, least variance, any batch sizes.
    #[default]
    Quadratic,
    /// Over a ring of neighbouring rows: unbiased, cheaper, noisier. Where one domain has more
    /// rows in the batch, a random choice of them takes part.
    Linear,
}

/// Refuses batches without rows of one of the domains.
pub(crate) fn require_both(method: &str, joint: &Joint) -> Result<(), MethodError> {
    if joint.source_rows > 0 && joint.target_rows > 0 {
        return Ok(());
    }
    Err(MethodError::Unsuitable(format!(
        "`{method}` needs rows of both domains in a batch, this one has {} of the source and {} of \
         the target",
        joint.source_rows, joint.target_rows
    )))
}

/// Refuses batches that a discrepancy is not defined for.
pub(crate) fn require_rows(method: &str, joint: &Joint) -> Result<(), MethodError> {
    if joint.source_rows >= 2 && joint.target_rows >= 2 {
        return Ok(());
    }
    Err(MethodError::Unsuitable(format!(
        "`{method}` needs at least 2 rows of each domain in a batch, this one has {} of the \
         source and {} of the target: raise `training.batch_size`",
        joint.source_rows, joint.target_rows
    )))
}

/// Refuses an empty list of kernel widths and widths that are not positive.
pub(crate) fn check_widths(widths: &[f64]) -> Result<(), FieldProblem> {
    let problem = |message| Err(FieldProblem { field: "widths".to_owned(), message });
    if widths.is_empty() {
        return problem("`widths` is empty, it must name at least one kernel".to_owned());
    }
    match widths.iter().find(|width| !(width.is_finite() && **width > 0.0)) {
        Some(width) => problem(format!("`widths` contains {width}, every width must be > 0")),
        None => Ok(()),
    }
}

/// Refuses an empty list of layers, names that no model has, and a layer that comes twice.
pub(crate) fn check_layers(layers: &[String]) -> Result<(), FieldProblem> {
    let problem = |message| Err(FieldProblem { field: "layers".to_owned(), message });
    if layers.is_empty() {
        return problem("`layers` is empty, it must name at least one layer".to_owned());
    }
    for (index, layer) in layers.iter().enumerate() {
        if let Err(message) = layer.parse::<Layer>() {
            return problem(message);
        }
        if layers[..index].contains(layer) {
            return problem(format!("`layers` has `{layer}` twice"));
        }
    }
    Ok(())
}

/// Brings source and target to equally many rows, the same ones in every layer.
pub(crate) struct EqualRows {
    source: Option<Tensor<1, Int>>,
    target: Option<Tensor<1, Int>>,
}

impl EqualRows {
    /// Chooses rows of the larger domain by `key`.
    pub fn new(joint: &Joint, key: Key) -> Self {
        let rows = joint.source_rows.min(joint.target_rows);
        let device = joint.features.device();
        let choose = |available: usize| {
            (available > rows).then(|| {
                let mut chosen = index::sample(&mut key.rng(), available, rows).into_vec();
                chosen.sort_unstable();
                index_tensor(&chosen, &device)
            })
        };
        Self { source: choose(joint.source_rows), target: choose(joint.target_rows) }
    }

    /// The chosen rows of both domains.
    pub fn apply(&self, source: Tensor<2>, target: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let select = |tensor: Tensor<2>, rows: &Option<Tensor<1, Int>>| match rows {
            Some(rows) => tensor.select(0, rows.clone()),
            None => tensor,
        };
        (select(source, &self.source), select(target, &self.target))
    }
}

fn index_tensor(indices: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
    let rows = values.len();
    Tensor::from_data(TensorData::new(values, [rows]), device)
}
