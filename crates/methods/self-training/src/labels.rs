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
        let probabilities: Vec<f32> = softmax(logits, 1).to_data().iter::<f32>().collect();
        let label = |row: &[f32]| {
            let (class, &largest) = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
            // A probability that is not a number is no confidence: the comparison is false.
            (f64::from(largest) >= threshold).then_some(class as u32)
        };
        Self(probabilities.chunks(classes.max(1)).map(label).collect())
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
