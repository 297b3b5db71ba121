//! Joint distribution optimal transport.

use isthmus_core::config::{Choice, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::subset::spread;
use isthmus_linear::svm::{one_against_the_rest, one_hot};
use isthmus_linear::{LinearError, LinearScores, Rows};
use isthmus_losses::discrepancy::{HostMatrix, exact_plan};

use crate::alignment::{Adaptation, ClosedForm, Domains};
use crate::fitted::Fitted;
use crate::linear_svm::of_scores;
use crate::mapping::{Map, Mapping};
use crate::optimal_transport::transport_costs;

inventory::submit! {
    Plugin::fit::<Jdot>(
        About {
            name: "jdot",
            summary: "A linear classifier of the target, fitted to labels that a plan of transport brings",
            paper: "Courty, Flamary, Habrard, Rakotomamonjy: Joint distribution optimal transportation \
                    for domain adaptation, NeurIPS 2017",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Finds a classifier `f` of the target and a plan `P` between source and target rows that together
/// have the least
///
/// ```text
/// sum_ij P_ij [ feature_weight |s_i - t_j|^2 / d + sum_k max(0, 1 - y_ik f_k(t_j))^2 ]
///     + sum_k |w_k|^2 / (2 cost n_t)
/// ```
///
/// with `d` the largest squared distance, `y_ik` 1 where source row `i` is of class `k` and -1
/// elsewhere, and `f_k` linear. In turns: with the plan held, `f` is a linear support vector machine
/// on target rows with the labels that they receive; with `f` held, the plan is the exact one. The
/// sum falls until the plan stays, or `rounds` are over. The first plan is that of the features alone.
///
/// It needs target rows in as many classes as the source, in similar shares: labels are moved whole.
/// Acts once, in the last stage: in a first stage on the extractor's features, after a stage that
/// trains on those behind the bottleneck. Several sources count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jdot {
    /// How much distances of features count beside losses, alpha in the paper; above 0.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub feature_weight: f64,
    /// What a target row inside the margin costs, as of the classifier `linear-svm`; above 0.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub cost: f64,
    /// Rounds at most.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// Plans are between so many rows of each domain at most, spread evenly over them; time grows with
    /// the cube of this number. All rows are predicted.
    #[schemars(range(min = 1))]
    pub maximum_rows: usize,
}

impl Default for Jdot {
    fn default() -> Self {
        Self { feature_weight: 1.0, cost: 1.0, rounds: 10, maximum_rows: 1000 }
    }
}

impl PluginConfig for Jdot {}

impl FitPlugin for Jdot {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        // What holds the scores; they are fitted here.
        let classifier: Choice<ShallowClassifierKind> = Choice::named("linear-svm");
        ClosedForm::boxed(self.clone(), &classifier, context)
    }
}

impl Adaptation for Jdot {
    fn adapt(&self, domains: &Domains<'_>) -> Result<(Fitted, Vec<Measurement>), MethodError> {
        let classes = domains.classifier.classes;
        let labels = domains.classes.iter().map(|&class| class as usize);
        let labels = one_hot(labels, classes, 1.0);
        let some = |rows: &Rows| spread(rows, self.maximum_rows);
        let (source, target) = (some(&domains.source), some(&domains.target));
        let found = self.solve(&source, &some(&labels), &target)?;
        let measurements = vec![
            ("rounds".to_owned(), found.objectives.len() as f64),
            ("objective".to_owned(), found.objectives.last().copied().unwrap_or_default()),
        ];
        let classifier = of_scores(found.scores, classes);
        Ok((Fitted { mapping: Mapping::shared(Map::Identity), classifier }, measurements))
    }
}

/// A classifier, and what it cost.
struct JointTransport {
    scores: LinearScores,
    /// What is minimised, after each round's classifier.
    objectives: Vec<f64>,
}

impl Jdot {
    fn solve(
        &self,
        source: &Rows,
        labels: &Rows,
        target: &Rows,
    ) -> Result<JointTransport, LinearError> {
        let mut features = transport_costs(source, target);
        let largest = features.values.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 {
            let factor = self.feature_weight / largest;
            features.values.iter_mut().for_each(|cost| *cost *= factor);
        }
        let mut plan = exact_plan(&features);
        let mut objectives = Vec::with_capacity(self.rounds);
        loop {
            let counts = received(&plan, labels, self.cost * target.count() as f64);
            let scores = one_against_the_rest(target, &counts)?;
            let costs = joint_costs(&features, labels, &scores, target);
            let size: f64 = scores.weights.values().iter().map(|weight| weight * weight).sum();
            let transport: f64 =
                costs.values.iter().zip(&plan.values).map(|(cost, mass)| cost * mass).sum();
            objectives.push(transport + size / (2.0 * self.cost * target.count() as f64));
            if objectives.len() == self.rounds {
                return Ok(JointTransport { scores, objectives });
            }
            let next = exact_plan(&costs);
            if next == plan {
                return Ok(JointTransport { scores, objectives });
            }
            plan = next;
        }
    }
}

/// How much each target row receives of each class, times `factor`: `[target rows, classes]`.
fn received(plan: &HostMatrix, labels: &Rows, factor: f64) -> Rows {
    let masses = plan.values.iter().map(|mass| mass * factor).collect();
    Rows::new(plan.columns, masses).transposed_times(labels)
}

/// `features + sum_k max(0, 1 - y_ik f_k(t_j))^2`, over the classes that have a score.
fn joint_costs(
    features: &HostMatrix,
    labels: &Rows,
    scores: &LinearScores,
    target: &Rows,
) -> HostMatrix {
    let found = scores.of(target);
    let hinge = |sign: f64, score: f64| (1.0 - sign * score).max(0.0).powi(2);
    // The loss of each target row, were it of no class; and what it is less for each class.
    let none: Vec<f64> =
        found.iter().map(|row| row.iter().map(|score| hinge(-1.0, *score)).sum()).collect();
    let mut costs = features.clone();
    for (line, labels) in costs.values.chunks_mut(features.columns).zip(labels.iter()) {
        let own = scores.classes.iter().position(|&class| labels[class] > 0.0);
        for ((cost, none), row) in line.iter_mut().zip(&none).zip(found.iter()) {
            let change = own.map_or(0.0, |own| hinge(1.0, row[own]) - hinge(-1.0, row[own]));
            *cost += none + change;
        }
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, assert_peers, moved, normal, small, survives_alone};
    use isthmus_testing::SMALL_LABELS;

    #[test]
    fn costs_by_hand() {
        // Scores 2 and -0.5 at the only target row; source rows of classes 0, 1 and of 2, which has
        // no score.
        let scores = LinearScores {
            classes: vec![0, 1],
            weights: Rows::new(1, vec![2.0, -0.5]),
            biases: vec![0.0, 0.0],
        };
        let labels = one_hot([0, 1, 2].into_iter(), 3, 1.0);
        let features = HostMatrix { rows: 3, columns: 1, values: vec![0.0, 0.5, 0.0] };
        let found = joint_costs(&features, &labels, &scores, &Rows::new(1, vec![1.0]));
        assert_eq!(found.values, [0.25, 9.0 + 2.25 + 0.5, 9.0 + 0.25]);
        let plan = HostMatrix { rows: 3, columns: 1, values: vec![1.0 / 3.0; 3] };
        let counts = received(&plan, &labels, 3.0);
        assert!(counts.values().iter().all(|count| (count - 1.0).abs() < 1e-12));
    }

    #[test]
    fn the_rounds_are_those_of_pot_and_scipy() {
        let (source, target) = small();
        let labels = one_hot(SMALL_LABELS.iter().map(|&label| label as usize), 3, 1.0);
        let jdot = Jdot { feature_weight: 0.5, rounds: 3, ..Jdot::default() };
        let found = jdot.solve(&source, &labels, &target).unwrap();
        assert_peers(&found.objectives, &[1.567286, 1.162727, 1.012674], 1e-5);
        let weights = [
            0.569439, -0.547837, 0.227624, -0.468356, 0.159353, 0.467383, -0.084859, 0.255525,
            -0.729174,
        ];
        assert_peers(found.scores.weights.values(), &weights, 1e-4);
    }

    #[test]
    fn the_sum_falls_from_round_to_round() {
        let labels = one_hot((0..30).map(|row| row % 3), 3, 1.0);
        let (source, target) = (normal(30, 4, 1), normal(24, 4, 2));
        let jdot = Jdot { feature_weight: 0.5, ..Jdot::default() };
        let found = jdot.solve(&source, &labels, &target).unwrap();
        assert!(found.objectives.len() > 1);
        let falls = found.objectives.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9);
        assert!(falls, "{:?}", found.objectives);
    }

    #[test]
    fn a_target_that_is_moved_is_classified_better() {
        let data = moved([0.6, 2.0, 1.0], [2.0, 1.0, 0.0]);
        let alone = "classifier = { name = \"linear-svm\" }";
        let mut without = Run::new("shallow-source-only", alone, &data).unwrap();
        let mut with = Run::new("jdot", "", &data).unwrap();
        let (before, after) = (without.target_accuracy(), with.target_accuracy());
        assert!(before < 0.75 && after > 0.95, "{before} to {after}");
        with.check("jdot", "");
        let mut few = Run::new("jdot", "maximum_rows = 20", &data).unwrap();
        assert!(few.target_accuracy() > 0.9, "{}", few.target_accuracy());
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        survives_alone("jdot", "");
        survives_alone("jdot", "rounds = 1\ncost = 1e-4\nmaximum_rows = 3");
    }
}
