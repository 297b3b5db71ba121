//! Optimal transport of the source's rows.

use isthmus_core::config::{Choice, FieldProblem, ShallowClassifierKind};
use isthmus_core::method::Fit;
use isthmus_core::metric::Measurement;
use isthmus_core::prelude::*;
use isthmus_core::registry::FitPlugin;
use isthmus_linear::Rows;
use isthmus_linear::kernel::squared_distances;
use isthmus_linear::rows::mean;
use isthmus_losses::discrepancy::{HostMatrix, Sinkhorn, exact_plan, sinkhorn_plan};

use crate::alignment::{Alignment, ClosedForm, Domains};
use crate::class_plans::{ClassPenalty, ClassedRows, group_lasso_plan, power_penalty_plan};
use crate::mapping::{Map, Mapping};

inventory::submit! {
    Plugin::fit::<OptimalTransport>(
        About {
            name: "optimal-transport",
            summary: "Moves each source row to where the cheapest plan of transport sends it",
            paper: "Courty, Flamary, Tuia, Rakotomamonjy: Optimal transport for domain adaptation, \
                    TPAMI 2017; out of sample: Ferradans, Papadakis, Peyré, Aujol: Regularized \
                    discrete optimal transport, SIAM Journal on Imaging Sciences 2014",
        },
        Needs::NOTHING.last().of_classes(),
    )
}

/// Which plan is taken between source and target rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportPlan {
    /// The one of least cost.
    Exact,
    /// The one of least cost and entropy, which spreads each row over several.
    #[default]
    Entropic,
    /// Entropic, with the Euclidean norms of what each class sends to each target row as a penalty
    /// (l1-l2): what a class sends to a row comes from many of its own.
    GroupLasso,
    /// Entropic, with the square roots of how much each class sends to each target row as a penalty
    /// (l1/2-l1): a row receives from few classes.
    PowerPenalty,
}

/// Moves each source row to the mean of the target rows that a plan of transport sends it to,
/// `x_i -> sum_j P_ij t_j / sum_j P_ij`, and fits a shallow classifier there; the target stays as it
/// is. The plan `P` minimises `sum_ij P_ij |s_i - t_j|^2` between equally heavy source rows and
/// equally heavy target rows, with what `plan` adds. A source row that the plan has not seen moves as
/// the nearest one that it has.
///
/// Every row has to go somewhere: where the classes' shares differ from domain to domain, some go to
/// rows of another class. Acts once, in the last stage: in a first stage on the extractor's features,
/// after a stage that trains on those behind the bottleneck. Several sources count as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimalTransport {
    /// Which plan is taken: `exact`, `entropic`, `group-lasso` or `power-penalty`. The exact one takes
    /// time with the cube of the number of rows or more: half a minute for a thousand rows a domain.
    pub plan: TransportPlan,
    /// Of all but `exact`: weight of the plan's entropy, as a share of the mean cost of a pair.
    /// Absent: 0.05.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: Option<f64>,
    /// Of `group-lasso` and `power-penalty`: weight of the classes' penalty, as a share of the mean
    /// cost of a pair. Absent: 0.5 and 0.1.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub class_regularization: Option<f64>,
    /// What classifies the features.
    pub classifier: Choice<ShallowClassifierKind>,
}

impl Default for OptimalTransport {
    fn default() -> Self {
        Self {
            plan: TransportPlan::Entropic,
            regularization: None,
            class_regularization: None,
            classifier: Choice::named("nearest-neighbour"),
        }
    }
}

impl PluginConfig for OptimalTransport {
    fn check(&self) -> Result<(), FieldProblem> {
        let problem = |field: &str, of: &str| {
            Err(FieldProblem {
                field: field.to_owned(),
                message: format!("the `plan` has none: it is a setting of {of}; remove it"),
            })
        };
        let of_classes =
            matches!(self.plan, TransportPlan::GroupLasso | TransportPlan::PowerPenalty);
        if self.regularization.is_some() && self.plan == TransportPlan::Exact {
            return problem("regularization", "plans with entropy");
        }
        if self.class_regularization.is_some() && !of_classes {
            return problem("class_regularization", "`group-lasso` and `power-penalty`");
        }
        Ok(())
    }
}

impl FitPlugin for OptimalTransport {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Fit>, MethodError> {
        ClosedForm::boxed(self.clone(), &self.classifier, context)
    }
}

/// Sweeps of an entropic plan at most.
const SWEEPS: usize = 2000;
/// Share of the mass that may be in the wrong place.
const TOLERANCE: f64 = 1e-5;
/// Rounds of a plan with classes at most, as POT has them.
const ROUNDS: usize = 10;
/// The smallest mean cost that is divided by: of equal rows it would be 0.
const SMALLEST: f64 = 1e-12;
/// Added to the share of a target row's mass that a class sends, before the root is taken.
const OFFSET: f64 = 1e-3;

impl Alignment for OptimalTransport {
    fn align(&self, domains: &Domains<'_>) -> Result<(Mapping, Vec<Measurement>), MethodError> {
        let (source, target) = (&domains.source, &domains.target);
        let costs = transport_costs(source, target);
        let rows = ClassedRows { labels: &domains.classes, classes: domains.classifier.classes };
        let plan = self.plan(&costs, rows);
        let mapped = barycentres(&plan, target);
        let displacements = difference(&mapped, source);
        let cost: f64 = costs.values.iter().zip(&plan.values).map(|(cost, mass)| cost * mass).sum();
        let measurements = vec![
            ("transport_cost".to_owned(), cost),
            ("misplaced_mass".to_owned(), misplaced(&plan)),
        ];
        let map = Map::Displaced { rows: source.clone(), displacements };
        Ok((Mapping::of_each(map, Map::Identity), measurements))
    }
}

impl OptimalTransport {
    fn plan(&self, costs: &HostMatrix, rows: ClassedRows<'_>) -> HostMatrix {
        let unit = mean(&costs.values).max(SMALLEST);
        let epsilon = unit * self.regularization.unwrap_or(0.05);
        let sinkhorn = Sinkhorn { epsilon, sweeps: SWEEPS, tolerance: TOLERANCE };
        let penalty = |weight: f64| {
            let weight = unit * self.class_regularization.unwrap_or(weight);
            ClassPenalty { weight, sinkhorn, rounds: ROUNDS }
        };
        match self.plan {
            TransportPlan::Exact => exact_plan(costs),
            TransportPlan::Entropic => sinkhorn_plan(costs, sinkhorn).plan,
            TransportPlan::GroupLasso => group_lasso_plan(costs, rows, penalty(0.5)),
            TransportPlan::PowerPenalty => {
                // By shares of a target row's mass the weight means the same for any number of rows.
                let columns = costs.columns as f64;
                let own = penalty(0.1);
                let own = ClassPenalty { weight: own.weight / columns.sqrt(), ..own };
                power_penalty_plan(costs, rows, own, OFFSET / columns)
            }
        }
    }
}

/// Squared distances of all source rows (rows) to all target rows (columns).
pub(crate) fn transport_costs(source: &Rows, target: &Rows) -> HostMatrix {
    let values = squared_distances(source, target).values().to_vec();
    HostMatrix { rows: source.count(), columns: target.count(), values }
}

/// The mean of the target rows that each source row is sent to.
///
/// # Panics
/// If the plan has not a column for each target row.
pub(crate) fn barycentres(plan: &HostMatrix, target: &Rows) -> Rows {
    let mut shares = plan.values.clone();
    for line in shares.chunks_exact_mut(plan.columns) {
        let mass: f64 = line.iter().sum();
        line.iter_mut().for_each(|share| *share /= mass);
    }
    Rows::new(plan.columns, shares).times(target)
}

fn difference(a: &Rows, b: &Rows) -> Rows {
    let values = a.values().iter().zip(b.values());
    Rows::new(a.columns(), values.map(|(a, b)| a - b).collect())
}

/// The share of the mass by which target rows receive too much or too little.
fn misplaced(plan: &HostMatrix) -> f64 {
    let wanted = 1.0 / plan.columns as f64;
    let received = (0..plan.columns)
        .map(|column| plan.values.iter().skip(column).step_by(plan.columns).sum::<f64>());
    received.map(|mass| (mass - wanted).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, assert_peers, moved, normal, problem, small, survives};
    use isthmus_testing::config_error;

    const PLANS: [&str; 4] = ["exact", "entropic", "group-lasso", "power-penalty"];

    #[test]
    fn rows_go_to_the_mean_of_where_they_are_sent() {
        let plan = HostMatrix { rows: 2, columns: 2, values: vec![0.5, 0.0, 0.125, 0.375] };
        let target = Rows::new(1, vec![8.0, 16.0]);
        assert_eq!(barycentres(&plan, &target).values(), [8.0, 14.0]);
        assert!((misplaced(&plan) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn rows_go_where_pot_sends_them() {
        let (source, target) = small();
        let costs = transport_costs(&source, &target);
        let exact = [
            2.1, -0.5, 0.6, 1.44, 0.6, -0.3, -0.1, 0.9, 1.7, 1.5, 0.2, 0.9, 1.0, 1.38, -0.72, 0.54,
            1.62, 0.1,
        ];
        assert_peers(barycentres(&exact_plan(&costs), &target).values(), &exact, 1e-9);
        let entropic = [
            1.907446, -0.275509, 0.696274, 1.347159, 0.778209, -0.510234, -0.097374, 0.898872,
            1.69866, 1.744707, -0.084985, 0.775574, 0.909202, 1.468482, -0.575266, 0.668859,
            1.414931, 0.194992,
        ];
        let settings = Sinkhorn { epsilon: 0.5, sweeps: 20_000, tolerance: 1e-12 };
        let plan = sinkhorn_plan(&costs, settings).plan;
        assert_peers(barycentres(&plan, &target).values(), &entropic, 2e-6);
    }

    #[test]
    fn a_target_that_is_moved_is_classified_better_by_every_plan() {
        let data = moved([0.6, 2.0, 1.0], [2.0, 1.0, 0.0]);
        let mut without = Run::new("shallow-source-only", "", &data).unwrap();
        let before = without.target_accuracy();
        assert!(before < 0.75, "{before}");
        for plan in PLANS {
            let config = format!("plan = \"{plan}\"");
            let mut run = Run::new("optimal-transport", &config, &data).unwrap();
            let after = run.target_accuracy();
            assert!(after > 0.95, "{plan}: {before} to {after}");
            assert!(run.measurements["misplaced_mass"] < 1e-3, "{:?}", run.measurements);
            run.check("optimal-transport", &config);
        }
    }

    #[test]
    fn equal_domains_stay_where_they_are_by_the_exact_plan() {
        let rows = normal(12, 3, 1);
        let labels: Vec<u32> = (0..12).map(|row| row % 2).collect();
        let data = problem(2, (&rows, &labels), (&rows, &labels));
        let run = Run::new("optimal-transport", "plan = \"exact\"", &data).unwrap();
        assert!(run.measurements["transport_cost"] < 1e-10);
    }

    #[test]
    fn the_power_penalty_keeps_classes_apart() {
        // Target rows between the classes' clusters: with entropy alone both send to them.
        let source = Rows::new(1, vec![-1.2, -1.0, -0.8, 0.8, 1.0, 1.2]);
        let target = Rows::new(1, vec![-1.1, -0.9, -0.1, 0.1, 0.9, 1.1]);
        let labels = [0, 0, 0, 1, 1, 1];
        let mixed = |plan: TransportPlan| {
            let config = OptimalTransport {
                plan,
                regularization: Some(0.5),
                class_regularization: Some(1.0),
                ..OptimalTransport::default()
            };
            let found = config.plan(
                &transport_costs(&source, &target),
                ClassedRows { labels: &labels, classes: 2 },
            );
            let sent = |rows: std::ops::Range<usize>| -> Vec<f64> {
                (0..6).map(|j| rows.clone().map(|i| found.values[6 * i + j]).sum()).collect()
            };
            sent(0..3).iter().zip(sent(3..6)).map(|(a, b)| a.min(b)).sum::<f64>()
        };
        let entropic = mixed(TransportPlan::Entropic);
        let penalised = mixed(TransportPlan::PowerPenalty);
        assert!(penalised < 0.8 * entropic, "{penalised} of {entropic}");
    }

    #[test]
    fn what_is_degenerate_gives_a_finite_answer_or_an_error() {
        for plan in PLANS {
            survives("optimal-transport", &format!("plan = \"{plan}\""));
        }
    }

    #[test]
    fn settings_of_another_plan_are_refused() {
        let error = config_error("optimal-transport", "plan = \"exact\"\nregularization = 0.1");
        assert!(error.contains("of plans with entropy"), "{error}");
        let error = config_error("optimal-transport", "class_regularization = 0.1");
        assert!(error.contains("of `group-lasso` and `power-penalty`"), "{error}");
    }
}
