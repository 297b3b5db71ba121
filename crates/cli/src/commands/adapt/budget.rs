//! What the methods cost on this machine, and how many steps of which fit the budget.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use isthmus_results::Record;
use isthmus_results::record::Event;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pair::Pair;
use super::portfolio::{BASELINE, Portfolio};
use crate::args::AdaptArguments;
use crate::failure::Failure;

/// Steps of the run that measures what a method costs.
const PROBED: usize = 20;
/// Fewer steps train nothing.
const FEWEST: usize = 100;
/// Most seeds that are run.
const SEEDS: usize = 3;
/// Share of the budget that is planned; evaluations and writing take the rest.
const PLANNED: f64 = 0.7;

/// What is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Steps of each stage.
    pub steps: usize,
    /// Number of seeds.
    pub seeds: usize,
    /// Whether only half of the methods are trained to the end.
    pub halving: bool,
    /// Labels of methods for which the budget does not suffice.
    pub left_out: Vec<String>,
    /// What it is expected to take, in seconds.
    pub seconds: f64,
}

/// What one method costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    label: &'static str,
    /// Seconds of a run that do not depend on the number of steps.
    fixed: f64,
    /// Seconds of one step of each of its stages together.
    step: f64,
}

/// A budget and what it is for.
pub(super) struct Budget<'a> {
    pub folder: &'a Path,
    pub arguments: &'a AdaptArguments,
    pub pair: &'a Pair,
    pub portfolio: &'a Portfolio,
}

impl Budget<'_> {
    /// Runs a few steps of each method by `run`, which is given an experiment, and fits the methods
    /// to the budget.
    ///
    /// # Errors
    /// If the runs fail.
    pub fn plan(&self, run: impl Fn(&str) -> Result<PathBuf, Failure>) -> Result<Plan, Failure> {
        let probe =
            Plan { steps: PROBED, seeds: 1, halving: false, left_out: Vec::new(), seconds: 0.0 };
        let text = self.portfolio.experiment("probe", self.pair, self.arguments, &probe);
        let path = self.folder.join("probe/plan.json");
        let asked = Asked { experiment: &text, budget: self.arguments.budget };
        if let Some(plan) = asked.planned_before(&path) {
            return Ok(plan);
        }
        let started = Instant::now();
        run(&text)?;
        let spent = started.elapsed().as_secs_f64();
        let records = super::records(&self.folder.join("probe/results/probe"))?;
        let costs = self.costs(&records)?;
        let side_by_side = self.side_by_side(&records, spent);
        let seconds = (self.arguments.budget.as_secs_f64() - spent).max(1.0) * side_by_side;
        let plan = fit(costs, seconds * PLANNED, self.portfolio.most_steps, side_by_side);
        asked.keep(&path, &plan)?;
        Ok(plan)
    }

    fn costs(&self, records: &[Record]) -> Result<Vec<Cost>, Failure> {
        let mut costs = Vec::new();
        for candidate in &self.portfolio.candidates {
            let record = records.iter().find(|record| record.run.method == candidate.label);
            // A method that failed in the first steps would fail again.
            let Some(record) = record else { continue };
            let step = stage_seconds(record)? / PROBED as f64;
            let fixed = (seconds_of(record)? - step * PROBED as f64).max(0.0);
            costs.push(Cost { label: candidate.label, fixed, step });
        }
        Ok(costs)
    }

    /// How much faster all runs are together than one after the other.
    fn side_by_side(&self, records: &[Record], spent: f64) -> f64 {
        let own: f64 = records.iter().filter_map(|record| seconds_of(record).ok()).sum();
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        (own / spent).clamp(1.0, processors)
    }
}

/// What a plan was made for. An interrupted command goes on with the plan that it began with:
/// another one, of another measurement, would begin anew.
#[derive(Serialize)]
struct Asked<'a> {
    experiment: &'a str,
    budget: Duration,
}

impl Asked<'_> {
    /// The plan that a file holds, if it was made for the same.
    fn planned_before(&self, path: &Path) -> Option<Plan> {
        let kept: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let same = kept["asked"] == serde_json::to_value(self).ok()?;
        same.then(|| serde_json::from_value(kept["plan"].clone()).ok()).flatten()
    }

    fn keep(&self, path: &Path, plan: &Plan) -> Result<(), Failure> {
        let kept = json!({ "asked": self, "plan": plan });
        fs::write(path, format!("{kept:#}\n")).map_err(Failure::file("cannot write", path))
    }
}

/// Seconds that a run took.
fn seconds_of(record: &Record) -> Result<f64, Failure> {
    let file = record.environment().map_err(|error| Failure::Work(error.to_string()))?;
    let finished = file.finished.unwrap_or(file.started);
    Ok(finished.duration_since(file.started).as_secs_f64())
}

/// Seconds of training, all stages together.
fn stage_seconds(record: &Record) -> Result<f64, Failure> {
    let events = record.events().map_err(|error| Failure::Work(error.to_string()))?;
    let of_stages = events.iter().filter_map(|timed| match timed.event {
        Event::StageFinished { seconds, .. } => Some(seconds),
        _ => None,
    });
    Ok(of_stages.sum())
}

/// The plan for so many seconds of one run after the other: as many steps as are of use, then seeds;
/// with less time halving, then fewer steps, then without the dearest methods.
fn fit(mut costs: Vec<Cost>, seconds: f64, most_steps: usize, side_by_side: f64) -> Plan {
    let mut left_out = Vec::new();
    loop {
        for (seeds, halving) in (1..=SEEDS).rev().map(|seeds| (seeds, false)).chain([(1, true)]) {
            let needed = cost(&costs, most_steps, seeds, halving);
            if needed <= seconds {
                let seconds = needed / side_by_side;
                return Plan { steps: most_steps, seeds, halving, left_out, seconds };
            }
        }
        // What does not depend on the number of steps is paid in any case.
        let fixed = cost(&costs, 0, 1, true);
        let step = cost(&costs, 1, 1, true) - fixed;
        let steps = ((seconds - fixed) / step.max(f64::MIN_POSITIVE)).floor();
        let dearest = costs
            .iter()
            .enumerate()
            .filter(|(_, cost)| cost.label != BASELINE)
            .max_by(|(_, a), (_, b)| a.total().total_cmp(&b.total()))
            .map(|(place, _)| place);
        // The baseline and two more: with fewer there is nothing to choose.
        match dearest.filter(|_| steps < FEWEST as f64 && costs.len() > 3) {
            Some(place) => left_out.push(costs.remove(place).label.to_owned()),
            None => {
                let steps = (steps.max(FEWEST as f64) as usize).min(most_steps);
                let seconds = cost(&costs, steps, 1, true) / side_by_side;
                return Plan { steps, seeds: 1, halving: true, left_out, seconds };
            }
        }
    }
}

impl Cost {
    fn total(&self) -> f64 {
        self.fixed + FEWEST as f64 * self.step
    }
}

/// Seconds of all runs, one after the other; with halving, a quarter of the steps of all and the whole
/// of the dearer half.
fn cost(costs: &[Cost], steps: usize, seeds: usize, halving: bool) -> f64 {
    let run = |cost: &Cost, share: f64| cost.fixed + share * steps as f64 * cost.step;
    let one_seed: f64 = if halving {
        let mut whole: Vec<f64> = costs.iter().map(|cost| run(cost, 1.0)).collect();
        whole.sort_by(|a, b| b.total_cmp(a));
        let kept = costs.len().div_ceil(2) + 1;
        costs.iter().map(|cost| run(cost, 0.25)).sum::<f64>() + whole.iter().take(kept).sum::<f64>()
    } else {
        costs.iter().map(|cost| run(cost, 1.0)).sum()
    };
    one_seed * seeds as f64
}

impl Plan {
    /// What is planned, in a sentence.
    pub fn told(&self) -> String {
        let seeds =
            if self.seeds == 1 { "one seed".to_owned() } else { format!("{} seeds", self.seeds) };
        let halving = if self.halving {
            "; after a quarter of them the better half of the methods goes on"
        } else {
            ""
        };
        let left_out = match self.left_out.as_slice() {
            [] => String::new(),
            labels => format!("; no time for {}", labels.join(", ")),
        };
        format!(
            "{} steps a stage, {seeds}{halving}{left_out}: about {:.0} s",
            self.steps, self.seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs() -> Vec<Cost> {
        [("source-only", 0.001), ("dann", 0.01), ("mcc", 0.002), ("bnm", 0.002)]
            .map(|(label, step)| Cost { label, fixed: 0.1, step })
            .to_vec()
    }

    #[test]
    fn time_goes_into_seeds_then_halving_then_fewer_steps_then_fewer_methods() {
        let plan = |seconds: f64| fit(costs(), seconds, 1000, 1.0);
        let rich = plan(100.0);
        assert_eq!((rich.steps, rich.seeds, rich.halving), (1000, 3, false));
        assert!((rich.seconds - 3.0 * 15.4).abs() < 1e-9, "{}", rich.seconds);
        let enough = plan(20.0);
        assert_eq!((enough.steps, enough.seeds, enough.halving), (1000, 1, false));
        let short = plan(10.0);
        assert!(short.halving && (FEWEST..1000).contains(&short.steps), "{short:?}");
        assert!(short.seconds <= 10.0 && short.left_out.is_empty(), "{short:?}");
        let poor = plan(1.5);
        assert_eq!(poor.left_out, ["dann"]);
        assert!(poor.steps >= FEWEST);
        // The baseline and two more stay, whatever they take.
        let none = plan(0.01);
        assert_eq!((none.left_out.len(), none.steps), (1, FEWEST));
    }
}
