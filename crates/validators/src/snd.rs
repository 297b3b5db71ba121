//! Soft neighbourhood density.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{target_probabilities, undefined};
use crate::rows::{Rows, dot, mean};
use crate::subset::at_most;

inventory::submit! {
    Plugin::validator::<Snd>(About {
        name: "snd",
        summary: "How many neighbours target samples have among the predictions",
        paper: "Saito et al., Tune it the right way: unsupervised validation of domain adaptation \
                via soft neighborhood density, ICCV 2021",
    })
}

/// Mean entropy, in nats, of the softmax over the cosine similarities of a target sample's
/// predicted probabilities to those of all others, divided by the temperature: large, up to `ln(n -
/// 1)`, where samples have many close neighbours. The best score of all has a model that gives
/// every sample the same prediction, and one that is unsure of all samples comes near it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Snd {
    /// Divides the similarities; above 0.
    #[schemars(range(min = 0.000001))]
    pub temperature: f64,
    /// So many target samples at most are compared, drawn by the seed: the time grows with their
    /// square.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
}

impl Default for Snd {
    fn default() -> Self {
        Self { temperature: 0.05, maximum_rows: 2000 }
    }
}

impl PluginConfig for Snd {}

impl ValidatorPlugin for Snd {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Snd {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let probabilities = target_probabilities(view)?;
        let rows = at_most(probabilities.count(), self.maximum_rows, &view.key.named("subset"));
        soft_neighborhood_density(&probabilities.select(&rows), self.temperature)
            .ok_or_else(|| undefined("a single target sample has no neighbours"))
    }
}

/// The mean entropy, in nats, of each row's softmax over its cosine similarities to the other rows
/// divided by `temperature`. One row at a time: `n^2` products, memory for `n` of them. Nothing
/// for fewer than two rows.
pub fn soft_neighborhood_density(probabilities: &Rows, temperature: f64) -> Option<f64> {
    let unit = probabilities.unit_length();
    if unit.count() < 2 {
        return None;
    }
    let mut similarities = Vec::with_capacity(unit.count());
    let mut entropies = Vec::with_capacity(unit.count());
    for (position, row) in unit.iter().enumerate() {
        similarities.clear();
        let others = unit.iter().enumerate().filter(|(other, _)| *other != position);
        similarities.extend(others.map(|(_, other)| dot(row, other) / temperature));
        // With e = exp(s - largest), z = sum e, p = e / z: -sum p ln p = ln z + largest - sum p s.
        let largest = similarities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut normaliser, mut weighted) = (0.0, 0.0);
        for similarity in &similarities {
            let exponential = (similarity - largest).exp();
            normaliser += exponential;
            weighted += exponential * similarity;
        }
        entropies.push(normaliser.ln() + largest - weighted / normaliser);
    }
    Some(mean(&entropies))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seen;

    #[test]
    fn two_groups_are_neighbours_of_their_own() {
        // Three samples of each class: two neighbours at similarity 1, three at 0.
        let logits = [900.0, 0.0, 900.0, 0.0, 900.0, 0.0, 0.0, 900.0, 0.0, 900.0, 0.0, 900.0];
        let score = Seen::target(2, &logits).score(&Snd { temperature: 1.0, ..Snd::default() });
        let sum = 2.0 * 1.0_f64.exp() + 3.0;
        let (near, far) = (1.0_f64.exp() / sum, 1.0 / sum);
        let expected = -2.0 * near * near.ln() - 3.0 * far * far.ln();
        assert!((score.unwrap() - expected).abs() < 1e-12);
        // At the default temperature, only the two that are near count.
        let score = Seen::target(2, &logits).score(&Snd::default()).unwrap();
        assert!((score - 2.0_f64.ln()).abs() < 1e-6, "{score}");
    }

    #[test]
    fn a_collapsed_model_has_the_best_density_of_all() {
        let score = Seen::target(2, &[900.0, 0.0].repeat(9)).score(&Snd::default()).unwrap();
        assert!((score - 8.0_f64.ln()).abs() < 1e-12, "{score}");
    }

    #[test]
    fn large_sets_are_thinned_and_single_samples_refused() {
        let config = Snd { maximum_rows: 5, ..Snd::default() };
        let score = Seen::target(2, &[900.0, 0.0].repeat(9)).score(&config).unwrap();
        assert!((score - 4.0_f64.ln()).abs() < 1e-12, "{score}");
        assert!(Seen::target(2, &[1.0, 0.0]).score(&Snd::default()).is_err());
    }
}
