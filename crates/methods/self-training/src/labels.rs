//! Pseudo-labels of all target training rows, and how batches are drawn from them.

use std::collections::BTreeMap;

use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};
use isthmus_core::error::MethodError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::random::Key;
use rand::RngExt;
use rand::seq::{SliceRandom, index};

/// The name of the state in a checkpoint.
const PATH: &str = "pseudo_labels";

/// What stands for "no label" in a checkpoint.
const NONE: f32 = -1.0;

/// The label of each target training row, where the model was certain enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PseudoLabels(Vec<Option<u32>>);

impl PseudoLabels {
    /// The most probable class of each row of `logits` `[rows, classes]` whose probability is at
    /// least `threshold`.
    pub fn confident(logits: Tensor<2>, threshold: f64) -> Self {
        let [_, classes] = logits.dims();
        let probabilities = probabilities(logits);
        let label = |row: &[f32]| {
            let (class, largest) = largest(row)?;
            // A probability that is not a number is no confidence: the comparison is false.
            (f64::from(largest) >= threshold).then_some(class as u32)
        };
        Self(probabilities.chunks(classes.max(1)).map(label).collect())
    }

    /// The labels of the most certain rows of `logits` `[rows, classes]`: `portion` of all rows, or,
    /// with `per_class`, of those that are predicted as each class, rounded up.
    ///
    /// A threshold `t_c` is the probability that the last of them has. A row gets the class of
    /// largest `p_c / t_c`, if that is at least 1. A class that no row is predicted as is no label.
    pub fn most_certain(logits: Tensor<2>, portion: f64, per_class: bool) -> Self {
        let [_, classes] = logits.dims();
        let probabilities = probabilities(logits);
        let rows = || probabilities.chunks(classes.max(1));
        let mut predicted = vec![Vec::new(); if per_class { classes } else { 1 }];
        for (class, largest) in rows().filter_map(largest) {
            if !largest.is_nan() {
                predicted[if per_class { class } else { 0 }].push(largest);
            }
        }
        let thresholds: Vec<f64> =
            predicted.into_iter().map(|found| least_of_portion(found, portion)).collect();
        let label = |row: &[f32]| {
            let ratio = |class: usize| {
                let threshold = thresholds[if per_class { class } else { 0 }];
                f64::from(row[class]) / threshold
            };
            let class = (0..classes).max_by(|a, b| ratio(*a).total_cmp(&ratio(*b)))?;
            (ratio(class) >= 1.0).then_some(class as u32)
        };
        Self(rows().map(label).collect())
    }

    /// The class of each row that two heads agree on, where the more certain of them gives it at
    /// least the probability `threshold`; logits are `[rows, classes]`.
    pub fn agreed(first: Tensor<2>, second: Tensor<2>, threshold: f64) -> Self {
        let [_, classes] = first.dims();
        let [first, second] = [first, second].map(probabilities);
        let rows = first.chunks(classes.max(1)).zip(second.chunks(classes.max(1)));
        let label = |(first, second): (&[f32], &[f32])| {
            let ((class, own), (other, others)) = (largest(first)?, largest(second)?);
            let certain = [own, others].into_iter().any(|it| f64::from(it) >= threshold);
            (class == other && certain).then_some(class as u32)
        };
        Self(rows.map(label).collect())
    }

    /// The label of a row, if it has one.
    pub fn of(&self, row: usize) -> Option<u32> {
        self.0.get(row).copied().flatten()
    }

    /// The share of rows whose label is another one in `next`; none where there are other rows.
    pub fn changed_share(&self, next: &Self) -> Option<f64> {
        let changed = self.0.iter().zip(&next.0).filter(|(own, next)| own != next).count();
        (self.rows() == next.rows()).then(|| changed as f64 / self.rows().max(1) as f64)
    }

    /// Number of rows, labelled or not.
    pub fn rows(&self) -> usize {
        self.0.len()
    }

    /// The share of rows that have a label; 0 where there are no rows.
    pub fn kept_share(&self) -> f64 {
        self.kept().count() as f64 / self.rows().max(1) as f64
    }

    /// At most `amount` labelled rows with their labels, drawn by `key`.
    ///
    /// Without `class_balanced` all labelled rows are equally likely and none is drawn twice;
    /// with it every class that has any is drawn equally often, its rows at random.
    pub fn draw(&self, amount: usize, class_balanced: bool, key: Key) -> (Vec<usize>, Vec<u32>) {
        let kept: Vec<(usize, u32)> = self.kept().collect();
        let amount = amount.min(kept.len());
        let mut rng = key.rng();
        if class_balanced {
            return draw_balanced(&kept, amount, &mut rng);
        }
        index::sample(&mut rng, kept.len(), amount).into_iter().map(|at| kept[at]).unzip()
    }

    /// The labels as a checkpoint's tensor.
    pub fn to_state(&self) -> NamedTensor {
        let values: Vec<f32> =
            self.0.iter().map(|label| label.map_or(NONE, |class| class as f32)).collect();
        let rows = values.len();
        NamedTensor { path: PATH.to_owned(), data: TensorData::new(values, [rows]) }
    }

    /// The labels of a checkpoint; `method` is who asks, for messages.
    ///
    /// # Errors
    /// If the tensor is another one, or holds what is no class below `classes`.
    pub fn from_state(
        method: &str,
        tensor: &NamedTensor,
        classes: usize,
    ) -> Result<Self, MethodError> {
        let unsuitable = |found: String| {
            MethodError::Unsuitable(format!(
                "the checkpoint of `{method}` holds {found}, expected classes below {classes} \
                 under `{PATH}`"
            ))
        };
        if tensor.path != PATH {
            return Err(unsuitable(format!("`{}`", tensor.path)));
        }
        tensor
            .data
            .iter::<f32>()
            .map(|value| {
                if value == NONE {
                    Ok(None)
                } else if value >= 0.0 && value < classes as f32 && value.fract() == 0.0 {
                    Ok(Some(value as u32))
                } else {
                    Err(unsuitable(format!("the label {value}")))
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The labelled rows of each class that has any, in order.
    pub fn rows_by_class(&self) -> BTreeMap<u32, Vec<usize>> {
        rows_by_class(&self.kept().collect::<Vec<_>>())
    }

    fn kept(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.0.iter().enumerate().filter_map(|(row, label)| label.map(|class| (row, class)))
    }
}

impl FromIterator<Option<u32>> for PseudoLabels {
    fn from_iter<I: IntoIterator<Item = Option<u32>>>(labels: I) -> Self {
        Self(labels.into_iter().collect())
    }
}

fn rows_by_class(kept: &[(usize, u32)]) -> BTreeMap<u32, Vec<usize>> {
    let mut classes = BTreeMap::<u32, Vec<usize>>::new();
    for &(row, class) in kept {
        classes.entry(class).or_default().push(row);
    }
    classes
}

/// Probabilities of all rows, one row after the other.
fn probabilities(logits: Tensor<2>) -> Vec<f32> {
    softmax(logits, 1).to_data().iter::<f32>().collect()
}

/// The most probable class of a row and its probability.
fn largest(row: &[f32]) -> Option<(usize, f32)> {
    let largest = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.map(|(class, probability)| (class, *probability))
}

/// The least of the `portion` largest values; infinite where there are none.
fn least_of_portion(mut values: Vec<f32>, portion: f64) -> f64 {
    values.sort_by(|a, b| b.total_cmp(a));
    let rank = (portion * values.len() as f64).ceil() as usize;
    values[..rank.min(values.len())].last().map_or(f64::INFINITY, |&value| f64::from(value))
}

fn draw_balanced(
    kept: &[(usize, u32)],
    amount: usize,
    rng: &mut impl rand::Rng,
) -> (Vec<usize>, Vec<u32>) {
    let mut order: Vec<(u32, Vec<usize>)> = rows_by_class(kept).into_iter().collect();
    order.shuffle(rng);
    let mut drawn = (Vec::new(), Vec::new());
    for (class, rows) in order.iter().cycle().take(amount) {
        drawn.0.push(rows[rng.random_range(0..rows.len())]);
        drawn.1.push(*class);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use burn::tensor::Device;

    use super::*;

    fn labels(labels: &[i64]) -> PseudoLabels {
        PseudoLabels(labels.iter().map(|&label| u32::try_from(label).ok()).collect())
    }

    #[test]
    fn the_threshold_is_respected_at_its_very_value() {
        // Probabilities of the first class: 1/2, 3/4, 9/10, not a number.
        let odds = [1.0_f32, 3.0, 9.0];
        let mut values: Vec<f32> = odds.iter().flat_map(|odds| [odds.ln(), 0.0]).collect();
        values.extend([f32::NAN, 0.0]);
        let logits = Tensor::<2>::from_data(TensorData::new(values, [4, 2]), &Device::flex());
        let at = |threshold| PseudoLabels::confident(logits.clone(), threshold);
        assert_eq!(at(0.74), labels(&[-1, 0, 0, -1]));
        assert_eq!(at(0.76), labels(&[-1, -1, 0, -1]));
        assert_eq!(at(0.95), labels(&[-1, -1, -1, -1]));
        assert_eq!(at(0.76).kept_share(), 0.25);
        // Equal logits have a probability of exactly one half: at least the threshold.
        assert!(at(0.5).0[0].is_some());
    }

    #[test]
    fn heads_must_agree_and_one_of_them_be_certain() {
        let first = two_classes(&[0.95, 0.95, 0.6, 0.6, 0.05, f32::NAN]);
        let second = two_classes(&[0.6, 0.3, 0.95, 0.7, 0.4, 0.9]);
        let found = PseudoLabels::agreed(first, second, 0.9);
        assert_eq!(found.0[..5], labels(&[0, -1, 0, -1, 1]).0);
    }

    /// Rows whose first class has these probabilities; of two classes.
    fn two_classes(probabilities: &[f32]) -> Tensor<2> {
        let values: Vec<f32> =
            probabilities.iter().flat_map(|p| [(p / (1.0 - p)).ln(), 0.0]).collect();
        Tensor::from_data(TensorData::new(values, [probabilities.len(), 2]), &Device::flex())
    }

    #[test]
    fn a_portion_of_all_rows_leaves_out_the_class_that_is_less_certain() {
        // Certain of the first class, less so of the second.
        let logits = two_classes(&[0.95, 0.9, 0.85, 0.8, 0.4, 0.3, 0.45, 0.35]);
        let of_all = PseudoLabels::most_certain(logits.clone(), 0.5, false);
        assert_eq!(of_all, labels(&[0, 0, 0, 0, -1, -1, -1, -1]));
        // Half of each class: those of the second have at least 0.65.
        let of_each = PseudoLabels::most_certain(logits.clone(), 0.5, true);
        assert_eq!(of_each, labels(&[0, 0, -1, -1, -1, 1, -1, 1]));
        // A portion that is less than one row is one row.
        let of_each = PseudoLabels::most_certain(logits.clone(), 0.01, true);
        assert_eq!(of_each, labels(&[0, -1, -1, -1, -1, 1, -1, -1]));
        assert_eq!(PseudoLabels::most_certain(logits, 1.0, true).kept_share(), 1.0);
    }

    /// The thresholds are 0.95 and 0.55: a row that leans to the first class, but less than that
    /// class's rows do, is of the second.
    #[test]
    fn a_rows_label_is_the_class_most_above_its_threshold() {
        let logits = two_classes(&[0.95, 0.96, 0.45, 0.44, 0.44, 0.51]);
        let found = PseudoLabels::most_certain(logits, 0.3, true);
        assert_eq!(found, labels(&[-1, 0, -1, 1, 1, -1]));
        let logits = two_classes(&[0.99, 0.45, 0.42]);
        assert_eq!(PseudoLabels::most_certain(logits, 1.0, true), labels(&[0, 1, 1]));
    }

    #[test]
    fn rows_that_are_no_numbers_and_classes_that_nothing_predicts_have_no_label() {
        let mut values = vec![f32::NAN, 0.0, 0.0];
        values.extend([1e4, 0.0, 0.0, 0.0, 0.0, -1e4]);
        let logits = Tensor::from_data(TensorData::new(values, [3, 3]), &Device::flex());
        for per_class in [false, true] {
            let found = PseudoLabels::most_certain(logits.clone(), 0.5, per_class);
            assert_eq!(found.0[..2], [None, Some(0)]);
        }
        let none = Tensor::<2>::zeros([0, 3], &Device::flex());
        assert_eq!(PseudoLabels::most_certain(none, 0.5, true).rows(), 0);
    }

    #[test]
    fn rows_without_a_label_are_never_drawn_and_none_twice() {
        let labels = labels(&[-1, 2, 0, -1, 1, 2]);
        for step in 0..20 {
            let (rows, classes) = labels.draw(3, false, Key::new(3).at(step));
            assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), 3);
            for (&row, &class) in rows.iter().zip(&classes) {
                assert_eq!(labels.0[row], Some(class));
            }
        }
        assert_eq!(labels.draw(64, false, Key::new(3)).0.len(), 4);
        let first = labels.draw(3, false, Key::new(3));
        assert_eq!(first, labels.draw(3, false, Key::new(3)));
        assert!((0..20).any(|step| labels.draw(3, false, Key::new(3).at(step)) != first));
    }

    #[test]
    fn balanced_draws_have_as_many_rows_of_a_rare_class() {
        let mut all = vec![0; 98];
        all.extend([1, 1]);
        let labels = labels(&all);
        let (rows, classes) = labels.draw(40, true, Key::new(1));
        assert_eq!(classes.iter().filter(|&&class| class == 1).count(), 20);
        for (&row, &class) in rows.iter().zip(&classes) {
            assert_eq!(labels.0[row], Some(class));
        }
    }

    #[test]
    fn nothing_kept_draws_nothing() {
        let none = labels(&[-1, -1]);
        for class_balanced in [false, true] {
            assert_eq!(none.draw(8, class_balanced, Key::new(1)), (vec![], vec![]));
        }
        assert_eq!(none.kept_share(), 0.0);
        assert_eq!(PseudoLabels::default().kept_share(), 0.0);
    }

    #[test]
    fn a_checkpoint_returns_the_same_labels_and_refuses_others() {
        let labels = labels(&[-1, 2, 0]);
        let state = labels.to_state();
        assert_eq!(PseudoLabels::from_state("pseudo-label", &state, 3).unwrap(), labels);
        let error = PseudoLabels::from_state("pseudo-label", &state, 2).unwrap_err().to_string();
        assert!(error.contains("the label 2"), "{error}");
        let other = NamedTensor { path: "centroids".to_owned(), ..state };
        let error = PseudoLabels::from_state("pseudo-label", &other, 3).unwrap_err().to_string();
        assert!(error.contains("`centroids`"), "{error}");
    }
}
