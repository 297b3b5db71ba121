//! Nuclear norm of the predictions on the target.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use isthmus_linear::eigenvalues;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{finite, target_probabilities};
use crate::rows::{Rows, add_scaled, dot};

inventory::submit! {
    Plugin::validator::<Bnm>(About {
        name: "bnm",
        summary: "Nuclear norm of the predictions on the target",
        paper: "Cui et al., Towards discriminability and diversity: batch nuclear-norm \
                maximization under label insufficient situations, CVPR 2020",
    })
}

/// The nuclear norm (sum of singular values) of the matrix of predicted probabilities of the
/// target, divided by the number of samples. It is large where predictions are certain and of many
/// classes; at most `sqrt(K / n)` where there are `n >= K` samples, so that scores of different
/// numbers of samples do not compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bnm {}

impl PluginConfig for Bnm {}

impl ValidatorPlugin for Bnm {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Bnm {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let probabilities = target_probabilities(view)?;
        finite(nuclear_norm(&probabilities) / probabilities.count() as f64, "nuclear norm")
    }
}

/// The sum of the singular values: the square roots of the eigenvalues of the smaller one of the
/// two products of the matrix with its transpose.
pub fn nuclear_norm(rows: &Rows) -> f64 {
    let (count, columns) = (rows.count(), rows.columns());
    let size = count.min(columns);
    let mut product = vec![0.0; size * size];
    if columns <= count {
        for row in rows.iter() {
            for (line, value) in product.chunks_exact_mut(size).zip(row) {
                add_scaled(line, row, *value);
            }
        }
    } else {
        for (i, line) in product.chunks_exact_mut(size).enumerate() {
            for (j, entry) in line.iter_mut().enumerate() {
                *entry = dot(rows.row(i), rows.row(j));
            }
        }
    }
    eigenvalues(&Rows::new(size, product)).into_iter().map(|value| value.max(0.0).sqrt()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seen, normal};
    use isthmus_core::random::Key;

    #[test]
    fn classes_in_equal_parts_have_the_largest_norm() {
        // Two of each class: singular values sqrt(2) twice, over 4.
        let seen = Seen::target(2, &[900.0, 0.0, 900.0, 0.0, 0.0, 900.0, 0.0, 900.0]);
        let score = seen.score(&Bnm::default()).unwrap();
        assert!((score - 2.0 * 2.0_f64.sqrt() / 4.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn a_collapsed_model_has_rank_one() {
        let score = Seen::target(2, &[900.0, 0.0, 900.0, 0.0]).score(&Bnm::default()).unwrap();
        assert!((score - 2.0_f64.sqrt() / 2.0).abs() < 1e-7, "{score}");
    }

    #[test]
    fn tall_and_wide_matrices_have_the_norm_of_their_transpose() {
        let rows = normal(5, 3, &Key::new(1));
        let mut transpose = vec![0.0; 15];
        for (row, values) in rows.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                transpose[column * 5 + row] = *value;
            }
        }
        let other = nuclear_norm(&Rows::new(5, transpose));
        assert!((nuclear_norm(&rows) - other).abs() < 1e-10);
    }
}
