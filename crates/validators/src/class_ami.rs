//! Agreement of predicted classes with clusters.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{TARGET, at_least_two_classes, features, target_predictions, undefined};
use crate::k_means::k_means;
use crate::mutual_information::adjusted_mutual_information;
use crate::subset::at_most;

inventory::submit! {
    Plugin::validator::<ClassAmi>(About {
        name: "class-ami",
        summary: "Agreement of predicted classes with clusters of the target's features",
        paper: "Robbiano et al., Adversarial branch architecture search for unsupervised domain \
                adaptation, WACV 2022; Vinh, Epps, Bailey: Information theoretic measures for \
                clusterings comparison, JMLR 2010",
    })
}

/// The adjusted mutual information of the classes that are predicted for target samples and the
/// clusters, as many as there are classes, that k-means finds in their features: 1 where both
/// divide the samples alike, about 0 where they have nothing to do with each other. Not defined
/// where fewer than two classes are predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassAmi {
    /// Divides each sample's features by their Euclidean norm before they are clustered.
    pub unit_length: bool,
    /// Starts of k-means, by k-means++ with the seed; the smallest sum of squares is taken.
    #[schemars(range(min = 1))]
    pub restarts: usize,
    /// So many target samples at most are clustered, drawn by the seed.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
}

impl Default for ClassAmi {
    fn default() -> Self {
        Self { unit_length: false, restarts: 3, maximum_rows: 2000 }
    }
}

impl PluginConfig for ClassAmi {}

impl ValidatorPlugin for ClassAmi {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for ClassAmi {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let mut features = features(view.target, TARGET)?;
        let predicted = target_predictions(view)?;
        let rows = at_most(features.count(), self.maximum_rows, &view.key.named("subset"));
        features = features.select(&rows);
        if self.unit_length {
            features = features.unit_length();
        }
        let classes: Vec<usize> = rows.iter().map(|&row| predicted[row]).collect();
        at_least_two_classes(&classes)?;
        if features.count() < view.classes {
            return Err(undefined(format!(
                "{} target samples cannot be divided into {} clusters",
                features.count(),
                view.classes
            )));
        }
        let key = view.key.named("k-means");
        let clusters = k_means(&features, view.classes, self.restarts, &key);
        adjusted_mutual_information(&clusters.labels, &classes)
            .ok_or_else(|| undefined("all target samples are in one cluster"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_core::random::Key;
    use isthmus_core::validation::Outputs;

    use crate::testing::{Seen, blobs, matrix, normal, reason};

    #[test]
    fn predictions_that_follow_the_clusters_score_one() {
        let (features, _) = blobs(&[0, 1, 2], 30, 3, 20.0, 0.0, &Key::new(1));
        let mut seen =
            Seen { target: Outputs::new(matrix(&features), matrix(&features)), ..Seen::default() };
        let score = seen.score(&ClassAmi::default()).unwrap();
        assert!((score - 1.0).abs() < 1e-12, "{score}");
        seen.target.logits = matrix(&normal(90, 3, &Key::new(2)));
        let score = seen.score(&ClassAmi::default()).unwrap();
        assert!(score.abs() < 0.1, "{score}");
    }

    #[test]
    fn lengths_are_left_out_where_features_are_brought_to_one() {
        // Two directions, each near and far: two clusters by length, or two by direction.
        let features = [1.0, 0.01, 0.01, 1.0, 50.0, 0.5, 49.0, 10.0];
        let mut seen = Seen::target(2, &features);
        seen.target.logits = isthmus_core::validation::Matrix::new(
            4,
            2,
            vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0],
        );
        let score =
            |unit_length| seen.score(&ClassAmi { unit_length, ..ClassAmi::default() }).unwrap();
        assert!(score(true) > 0.99 && score(false) < 0.5, "{} {}", score(true), score(false));
    }

    #[test]
    fn few_classes_and_few_samples_are_not_scored() {
        let error = Seen::target(2, &[1.0, 0.0, 2.0, 0.0]).score(&ClassAmi::default()).unwrap_err();
        assert_eq!(reason(error), "fewer than two classes are predicted for the target");
        let logits = [1.0, 0.0, 0.0, 0.0, 2.0, 0.0];
        let error = Seen::target(3, &logits).score(&ClassAmi::default()).unwrap_err();
        assert_eq!(reason(error), "2 target samples cannot be divided into 3 clusters");
        let mut one_place = Seen::target(2, &[1.0, 0.0, 0.0, 1.0]);
        one_place.target.features = isthmus_core::validation::Matrix::new(2, 1, vec![3.0, 3.0]);
        let error = one_place.score(&ClassAmi::default()).unwrap_err();
        assert_eq!(reason(error), "all target samples are in one cluster");
    }
}
