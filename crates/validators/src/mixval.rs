//! Consistency of predictions between target samples.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{Matrix, Outputs, ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_core::config::FieldProblem;
use isthmus_core::random::Key;
use rand::RngExt;

use crate::inputs::{at_least_two_classes, logits, target_predictions, undefined};
use crate::rows::mean;
use crate::subset::at_most;

inventory::submit! {
    Plugin::validator::<Mixval>(About {
        name: "mixval",
        summary: "Agreement of predictions for mixed target samples with those of the larger part",
        paper: "Hu et al., Mixed samples as probes for unsupervised model selection in domain \
                adaptation, NeurIPS 2023",
    })
}

/// Target samples are mixed in pairs, `w x_i + (1 - w) x_j` with `w` the `mixing_weight`. The score
/// is the share of mixtures, in [0, 1], for which the model predicts the class that it predicts for
/// `x_i`, the larger part. A target sample is mixed with one of the same predicted class, which
/// shows whether classes hang together, and with one of another, which shows whether the boundary
/// lies between them; both partners are drawn by the seed. By default the score is the mean of the
/// two shares. The paper adds up ranks of the two shares among checkpoints; here every checkpoint
/// is scored on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mixval {
    /// Weight of the larger part of a mixture, above 0.5 and below 1.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub mixing_weight: f64,
    /// Which target samples are mixed.
    pub pairs: Pairs,
    /// So many mixtures of each kind at most are predicted, drawn by the seed.
    #[schemars(range(min = 1))]
    pub maximum_pairs: usize,
}

impl Default for Mixval {
    fn default() -> Self {
        Self { mixing_weight: 0.55, pairs: Pairs::Both, maximum_pairs: 2000 }
    }
}

/// Which target samples are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// Samples of the same predicted class, and samples of different ones; the mean of both shares.
    /// Not defined where fewer than two classes are predicted.
    Both,
    /// Samples of the same predicted class. A model that gives every sample one class scores 1.
    WithinClasses,
    /// Samples of different predicted classes. Not defined where fewer than two are predicted.
    BetweenClasses,
}

impl PluginConfig for Mixval {
    fn check(&self) -> Result<(), FieldProblem> {
        match self.mixing_weight > 0.5 && self.mixing_weight < 1.0 {
            true => Ok(()),
            false => Err(FieldProblem {
                field: "mixing_weight".to_owned(),
                message: format!("{}, expected a number above 0.5 and below 1", self.mixing_weight),
            }),
        }
    }
}

impl ValidatorPlugin for Mixval {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Mixval {
    fn mixes_samples(&self) -> bool {
        true
    }

    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let predicted = target_predictions(view)?;
        if self.pairs != Pairs::WithinClasses {
            at_least_two_classes(&predicted)?;
        }
        let kinds = match self.pairs {
            Pairs::WithinClasses => &[true][..],
            Pairs::BetweenClasses => &[false],
            Pairs::Both => &[true, false],
        };
        let rows = at_most(predicted.len(), self.maximum_pairs, &view.key.named("subset"));
        let partners = Partners::new(&predicted);
        let mut pairs = Vec::new();
        let mut counts = Vec::new();
        for &within in kinds {
            let before = pairs.len();
            let key = view.key.named(if within { "within" } else { "between" });
            pairs.extend(rows.iter().filter_map(|&row| {
                partners.draw(row, within, &key.at(row as u64)).map(|partner| (row, partner))
            }));
            counts.push(pairs.len() - before);
        }
        if counts.contains(&0) {
            return Err(undefined("no two target samples are predicted to be of the same class"));
        }
        // Validators are configured in 64 bits, inputs have 32.
        let mixed = view.mixed.mixed_logits(&pairs, self.mixing_weight as f32)?;
        let mixed = Outputs::new(Matrix::default(), mixed);
        let mixed = logits(&mixed, view.classes, "mixed target")?.largest();
        let agree: Vec<f64> = mixed
            .iter()
            .zip(&pairs)
            .map(|(mixed, (row, _))| if *mixed == predicted[*row] { 1.0 } else { 0.0 })
            .collect();
        let mut rest = agree.as_slice();
        let mut shares = Vec::new();
        for count in counts {
            let (kind, after) = rest.split_at(count);
            shares.push(mean(kind));
            rest = after;
        }
        Ok(mean(&shares))
    }
}

/// Target samples ordered by predicted class, to draw partners from.
struct Partners {
    order: Vec<usize>,
    /// Each sample's place in the order.
    places: Vec<usize>,
    /// The places of each sample's class.
    classes: Vec<std::ops::Range<usize>>,
}

impl Partners {
    fn new(predicted: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..predicted.len()).collect();
        order.sort_by_key(|&row| predicted[row]);
        let mut places = vec![0; order.len()];
        let mut classes = vec![0..0; order.len()];
        let mut start = 0;
        for class in order.chunk_by(|&a, &b| predicted[a] == predicted[b]) {
            let end = start + class.len();
            for (place, &row) in (start..end).zip(class) {
                places[row] = place;
                classes[row] = start..end;
            }
            start = end;
        }
        Self { order, places, classes }
    }

    /// Another sample of the same class, or one of another class, if there is one.
    fn draw(&self, row: usize, within: bool, key: &Key) -> Option<usize> {
        let class = &self.classes[row];
        let (choices, left_out) = match within {
            true => (class.len() - 1, self.places[row]..self.places[row] + 1),
            false => (self.order.len() - class.len(), class.clone()),
        };
        if choices == 0 {
            return None;
        }
        let first = if within { class.start } else { 0 };
        let place = first + key.rng().random_range(0..choices);
        Some(self.order[if place < left_out.start { place } else { place + left_out.len() }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seen, reason};
    use isthmus_core::error::DataError;
    use isthmus_core::validation::MixedPredictions;

    /// A model on one input: class 1 above the threshold.
    struct Threshold {
        inputs: Vec<f32>,
        at: f32,
    }

    impl Threshold {
        fn logits(&self, inputs: impl Iterator<Item = f32>) -> Vec<f32> {
            inputs.flat_map(|x| [0.0, x - self.at]).collect()
        }

        fn score(&self, config: &Mixval) -> Result<f64, ValidationError> {
            let logits = self.logits(self.inputs.iter().copied());
            Seen::target(2, &logits).score_mixed(config, self)
        }
    }

    impl MixedPredictions for Threshold {
        fn mixed_logits(&self, pairs: &[(usize, usize)], weight: f32) -> Result<Matrix, DataError> {
            let mixed = pairs
                .iter()
                .map(|(i, j)| weight * self.inputs[*i] + (1.0 - weight) * self.inputs[*j]);
            let logits = self.logits(mixed);
            Ok(Matrix::new(pairs.len(), 2, logits))
        }
    }

    fn config(pairs: Pairs) -> Mixval {
        Mixval { pairs, ..Mixval::default() }
    }

    #[test]
    fn a_boundary_in_the_middle_is_consistent() {
        let inputs = vec![-1.1, -1.0, -0.95, 0.95, 1.0, 1.1];
        let middle = Threshold { inputs: inputs.clone(), at: 0.0 };
        assert_eq!(middle.score(&Mixval::default()).unwrap(), 1.0);
        // All mixtures of two classes lie between -0.3 and 0.3: above the threshold.
        let aside = Threshold { inputs, at: -0.8 };
        assert_eq!(aside.score(&config(Pairs::WithinClasses)).unwrap(), 1.0);
        assert_eq!(aside.score(&config(Pairs::BetweenClasses)).unwrap(), 0.5);
        assert_eq!(aside.score(&Mixval::default()).unwrap(), 0.75);
    }

    #[test]
    fn a_single_class_is_consistent_within_and_undefined_between() {
        let one = Threshold { inputs: vec![-1.0, 1.0, 2.0], at: -9.0 };
        assert_eq!(one.score(&config(Pairs::WithinClasses)).unwrap(), 1.0);
        for pairs in [Pairs::Both, Pairs::BetweenClasses] {
            assert_eq!(
                reason(one.score(&config(pairs)).unwrap_err()),
                "fewer than two classes are predicted for the target"
            );
        }
        let two = Threshold { inputs: vec![-1.0, 1.0], at: 0.0 };
        assert_eq!(two.score(&config(Pairs::BetweenClasses)).unwrap(), 1.0);
        assert!(reason(two.score(&Mixval::default()).unwrap_err()).starts_with("no two target"));
    }

    #[test]
    fn partners_are_of_the_class_asked_for_and_never_the_sample_itself() {
        let classes = [2, 0, 2, 1, 0, 2];
        let partners = Partners::new(&classes);
        for row in 0..classes.len() {
            for draw in 0..20 {
                let key = Key::new(draw);
                if let Some(partner) = partners.draw(row, true, &key) {
                    assert!(partner != row && classes[partner] == classes[row]);
                } else {
                    assert_eq!(row, 3, "the only one of its class");
                }
                assert_ne!(classes[partners.draw(row, false, &key).unwrap()], classes[row]);
            }
        }
    }

    #[test]
    fn the_weight_names_one_larger_part() {
        for (mixing_weight, right) in [(0.5, false), (0.55, true), (1.0, false)] {
            assert_eq!(Mixval { mixing_weight, ..Mixval::default() }.check().is_ok(), right);
        }
    }
}
