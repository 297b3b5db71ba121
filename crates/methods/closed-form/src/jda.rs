//! Joint distribution adaptation.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_core::validation::Matrix;
use isthmus_linear::{LinearError, Rows};

use crate::alignment::{Alignment, ClosedForm, Domains, predicted};
use crate::low_rank::leading;
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<Jda>(
        About {
            name: "jda",
            summary: "Components in which the domains' means agree, over all and in each class",
            paper: "Long, Wang, Ding, Sun, Yu: Transfer feature learning with joint distribution \
                    adaptation, ICCV 2013",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// As `tca` with the linear kernel, and the means of each class agree too: classes of the target
/// are those that the classifier predicted in the round before. Rows are brought to length 1,
/// before and after they are mapped; eigenvectors have length 1. Acts once, in the last stage: in a first stage on the extractor's features,
/// after a stage that trains on those behind the bottleneck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jda {
    /// Number of components; fewer where the features have no more that vary.
    #[schemars(range(min = 1))]
    pub dimensions: usize,
    /// Weight of the components' size against the distances of the means, above 0.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: f64,
    /// Rounds at most; it ends where no prediction changes. The first one knows no classes.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// What classifies the components, in each round.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for Jda {
    fn default() -> Self {
        Self {
            dimensions: 30,
            regularization: 1.0,
            rounds: 10,
            classifier: Choice::named("nearest-neighbour"),
        }
    }
}

impl PluginConfig for Jda {}

impl FitPlugin for Jda {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

impl Alignment for Jda {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        let (source, target) = (&domains.source.unit_length(), &domains.target.unit_length());
        let classes = domains.classifier.classes;
        let mut pseudo_labels: Option<Vec<u32>> = None;
        let mut round = 0;
        loop {
            round += 1;
            let weights = discrepancy_weights(
                &domains.classes,
                pseudo_labels.as_deref().unwrap_or_default(),
                target.count(),
                classes,
            );
            let found = class_transfer_components(
                source,
                target,
                &weights,
                self.regularization,
                self.dimensions,
            )?;
            let map = Map::linear(found.projection);
            let mapping =
                Mapping { unit_before: true, unit_after: true, ..Mapping::shared(map) }.rounded();
            let mut classifier = domains.classifier.build()?;
            classifier.fit(&Matrix::from(&mapping.source(source)), &domains.classes)?;
            let logits = classifier.logits(&Matrix::from(&mapping.target(target)));
            let now = predicted(&logits);
            let before = pseudo_labels.replace(now);
            let settled = before == pseudo_labels;
            if settled || round == self.rounds {
                let changed = match (&before, &pseudo_labels) {
                    (Some(before), Some(now)) => {
                        let changed = before.iter().zip(now).filter(|(a, b)| a != b).count();
                        changed as f64 / now.len().max(1) as f64
                    }
                    _ => 1.0,
                };
                let measurements = vec![
                    ("rounds".to_owned(), round as f64),
                    ("changed_share".to_owned(), changed),
                    ("dimensions".to_owned(), found.eigenvalues.len() as f64),
                ];
                return Ok((mapping, measurements));
            }
        }
    }
}

/// The rows `a` whose products add up to the weights `M = sum a a'` of all pairs of samples, source
/// first: the difference of the domains' means, weighted by the number of classes, and that of
/// each class, where a domain without the class counts as 0. Without pseudo-labels there are no
/// classes. `M` has the Frobenius norm 1.
///
/// # Panics
/// If a class is not below `classes`.
pub fn discrepancy_weights(
    source: &[u32],
    pseudo_labels: &[u32],
    target_rows: usize,
    classes: usize,
) -> Rows {
    let columns = source.len() + target_rows;
    let count = |labels: &[u32], class: usize| {
        labels.iter().filter(|label| **label as usize == class).count().max(1) as f64
    };
    let mut values: Vec<f64> = Vec::with_capacity((classes + 1) * columns);
    let scale = (classes as f64).sqrt();
    values.extend(std::iter::repeat_n(scale / source.len() as f64, source.len()));
    values.extend(std::iter::repeat_n(-scale / target_rows as f64, target_rows));
    if !pseudo_labels.is_empty() {
        for class in 0..classes {
            for (labels, sign) in [(source, 1.0), (pseudo_labels, -1.0)] {
                let weight = sign / count(labels, class);
                values.extend(
                    labels.iter().map(|label| if *label as usize == class { weight } else { 0.0 }),
                );
            }
        }
    }
    let rows = Rows::new(columns, values);
    let products = rows.times_transposed(&rows);
    let norm = products.values().iter().map(|value| value * value).sum::<f64>().sqrt();
    let factor = 1.0 / norm.sqrt();
    Rows::new(columns, rows.values().iter().map(|value| value * factor).collect())
}

/// What [`class_transfer_components`] finds.
#[derive(Clone, Debug)]
pub struct ClassTransfer {
    /// The eigenvalues `phi`, from the smallest to the largest.
    pub eigenvalues: Vec<f64>,
    /// The eigenvectors, of unit length: the map from features to components,
    /// `[features, components]`.
    pub projection: Rows,
}

/// The eigenvectors `a` of the smallest eigenvalues of
/// `(X M X' + lambda I) a = phi X H X' a`, with the columns of `X` the samples, source first, `M`
/// given by its [`discrepancy_weights`] and `H` centring.
///
/// # Errors
/// If a value is not finite.
///
/// # Panics
/// If `weights` has not a column for each sample, or `lambda` is not above 0.
pub fn class_transfer_components(
    source: &Rows,
    target: &Rows,
    weights: &Rows,
    lambda: f64,
    dimensions: usize,
) -> Result<ClassTransfer, LinearError> {
    assert!(lambda > 0.0, "lambda is above 0");
    let rows = source.above(target);
    rows.check_finite()?;
    let centred = rows.minus(&rows.mean());
    let spread = centred.transposed_times(&centred);
    // The largest of the reciprocals are the smallest.
    let found = leading(&spread, &weights.times(&rows), lambda, dimensions)?.significant();
    let eigenvalues = found.values.iter().map(|value| 1.0 / value).collect();
    Ok(ClassTransfer { eigenvalues, projection: found.vectors.transposed() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, moved, survives};

    #[test]
    fn weights_by_hand() {
        // Means of two and one rows; class 1 is in the source alone.
        let weights = discrepancy_weights(&[0, 1], &[0], 1, 2);
        let m = weights.transposed_times(&weights);
        let root = 2.0_f64.sqrt();
        let rows = [[root * 0.5, root * 0.5, -root], [1.0, 0.0, -1.0], [0.0, 1.0, 0.0]];
        let mut expected = [0.0; 9];
        for row in rows {
            for at in 0..9 {
                expected[at] += row[at / 3] * row[at % 3];
            }
        }
        let norm = expected.iter().map(|value| value * value).sum::<f64>().sqrt();
        for (found, expected) in m.values().iter().zip(expected) {
            assert!((found - expected / norm).abs() < 1e-12);
        }
    }

    #[test]
    fn a_shift_across_the_classes_is_taken_out_in_rounds() {
        let data = moved([1.0; 3], [2.0, 2.0, 0.0]);
        let config = "dimensions = 2\nregularization = 0.01";
        let mut run = Run::new("jda", config, &data).unwrap();
        let mut without = Run::new("shallow-source-only", "", &data).unwrap();
        let (before, after) = (without.target_accuracy(), run.target_accuracy());
        assert!(after > 0.95 && after > before, "{before} to {after}");
        assert!(run.measurements["rounds"] >= 2.0, "{:?}", run.measurements);
        run.check("jda", config);
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives("jda", "");
        survives("jda", "rounds = 1\ndimensions = 1");
    }
}
