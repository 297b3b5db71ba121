//! Silhouette of the predicted classes.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{TARGET, features, target_predictions, undefined};
use crate::rows::{Rows, mean, squared_distance};
use crate::subset::at_most;

inventory::submit! {
    Plugin::validator::<Silhouette>(About {
        name: "silhouette",
        summary: "How far apart the predicted classes lie in the target's features",
        paper: "Rousseeuw: Silhouettes: a graphical aid to the interpretation and validation of \
                cluster analysis, Journal of Computational and Applied Mathematics 1987",
    })
}

/// The mean silhouette, in [-1, 1], of target features by predicted class: `(b - a) / max(a, b)`
/// with `a` the mean Euclidean distance to the other samples of the same class and `b` that to the
/// samples of the nearest other class. A sample alone in its class counts 0. Not defined where
/// fewer than two classes are predicted. Groups of the features that cut across the classes score
/// as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Silhouette {
    /// So many target samples at most are compared, drawn by the seed: the time grows with their
    /// square.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
}

impl Default for Silhouette {
    fn default() -> Self {
        Self { maximum_rows: 1000 }
    }
}

impl PluginConfig for Silhouette {}

impl ValidatorPlugin for Silhouette {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Silhouette {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let features = features(view.target, TARGET)?;
        let predicted = target_predictions(view)?;
        let rows = at_most(features.count(), self.maximum_rows, &view.key.named("subset"));
        let classes: Vec<usize> = rows.iter().map(|&row| predicted[row]).collect();
        silhouette(&features.select(&rows), &classes)
            .ok_or_else(|| undefined("fewer than two classes are predicted for the target"))
    }
}

/// The mean silhouette of rows by class, from Euclidean distances; nothing where there are fewer
/// than two classes. `n^2` distances, memory for one sum a row and class.
///
/// # Panics
/// If there is not one class a row.
pub fn silhouette(rows: &Rows, classes: &[usize]) -> Option<f64> {
    assert_eq!(rows.count(), classes.len(), "one class a row");
    let mut names = classes.to_vec();
    names.sort_unstable();
    names.dedup();
    let groups: Vec<usize> = classes
        .iter()
        .map(|class| names.binary_search(class).expect("the names are those of the classes"))
        .collect();
    if names.len() < 2 {
        return None;
    }
    let mut sizes = vec![0_usize; names.len()];
    groups.iter().for_each(|group| sizes[*group] += 1);
    let mut sums = vec![0.0; rows.count() * names.len()];
    for i in 0..rows.count() {
        for j in 0..i {
            let distance = squared_distance(rows.row(i), rows.row(j)).sqrt();
            sums[i * names.len() + groups[j]] += distance;
            sums[j * names.len() + groups[i]] += distance;
        }
    }
    let scores: Vec<f64> = sums
        .chunks_exact(names.len())
        .zip(&groups)
        .map(|(sums, &own)| {
            if sizes[own] == 1 {
                return 0.0;
            }
            let within = sums[own] / (sizes[own] - 1) as f64;
            let nearest = (0..names.len())
                .filter(|group| *group != own)
                .map(|group| sums[group] / sizes[group] as f64)
                .fold(f64::INFINITY, f64::min);
            let largest = within.max(nearest);
            if largest > 0.0 { (nearest - within) / largest } else { 0.0 }
        })
        .collect();
    Some(mean(&scores))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seen, reason};

    #[test]
    fn four_points_on_a_line() {
        let points = Rows::new(1, vec![0.0, 1.0, 10.0, 12.0]);
        let score = silhouette(&points, &[7, 7, 3, 3]).unwrap();
        let expected = (10.0 / 11.0 + 9.0 / 10.0 + 7.5 / 9.5 + 9.5 / 11.5) / 4.0;
        assert!((score - expected).abs() < 1e-12, "{score}");
        // Across the groups: a = 10 and b = (1 + 12) / 2 for the first point, and so on.
        let across = silhouette(&points, &[0, 1, 0, 1]).unwrap();
        let expected =
            (6.5 / 10.0 - 1.0 + 5.0 / 11.0 - 1.0 + 5.5 / 10.0 - 1.0 + 7.0 / 11.0 - 1.0) / 4.0;
        assert!((across - expected).abs() < 1e-12, "{across}");
    }

    #[test]
    fn samples_alone_in_their_class_count_nothing() {
        let points = Rows::new(1, vec![0.0, 5.0]);
        assert_eq!(silhouette(&points, &[0, 1]), Some(0.0));
        // Samples at one place are neither near nor far.
        assert_eq!(silhouette(&Rows::new(1, vec![2.0; 4]), &[0, 0, 1, 1]), Some(0.0));
    }

    #[test]
    fn a_single_class_is_not_scored() {
        let error = Seen::target(2, &[1.0, 0.0, 2.0, 0.0]).score(&Silhouette::default());
        assert_eq!(
            reason(error.unwrap_err()),
            "fewer than two classes are predicted for the target"
        );
    }

    #[test]
    fn logits_that_are_features_are_scored_by_their_largest() {
        let seen = Seen::target(2, &[9.0, 0.0, 9.0, 0.1, 0.0, 9.0, 0.1, 9.0]);
        let score = seen.score(&Silhouette::default()).unwrap();
        assert!(score > 0.98 && score < 1.0, "{score}");
    }
}
