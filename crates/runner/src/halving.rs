//! Rounds of successive halving: which jobs each has, by the records of those before.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use isthmus_core::spec::MethodSpec;
use isthmus_engine::uses_target_labels;
use isthmus_experiment::{Competitors, Halving};
use isthmus_results::Record;
use isthmus_results::record::{Chosen, RecordState, RunInfo, record_state};

use crate::error::RunError;
use crate::jobs::PlannedJob;

/// What is known of a run of an earlier round.
#[derive(Clone, Debug, PartialEq)]
pub enum RoundOutcome {
    /// The validator's highest score in it.
    Score(f64),
    /// It failed, or the validator could not score it.
    NoScore,
    /// It is neither finished nor failed.
    Unfinished,
}

/// Jobs that are alike but for the seed.
struct Configuration {
    jobs: Vec<usize>,
}

/// Configurations that compete: those of one method on one task, or of all methods on one task.
struct Competition {
    name: String,
    configurations: Vec<Configuration>,
}

/// The jobs of the round at `place`, from 0; `outcome` tells how the runs of earlier rounds came
/// out.
///
/// # Errors
/// If a run of an earlier round is not finished, or no configuration of a method can go on.
pub fn jobs(
    planned: &[PlannedJob],
    halving: &Halving,
    place: usize,
    outcome: &dyn Fn(&PlannedJob) -> Result<RoundOutcome, RunError>,
) -> Result<Vec<PlannedJob>, RunError> {
    let mut staying: Vec<usize> =
        (0..planned.len()).filter(|&index| goes_on(&planned[index], halving)).collect();
    for Competition { name, mut configurations } in competitions(planned, halving) {
        for earlier in 0..place {
            let mut scores = Vec::new();
            for configuration in &configurations {
                let mut outcomes = Vec::new();
                for &job in &configuration.jobs {
                    outcomes.push(outcome(&cut(&planned[job], halving, earlier))?);
                }
                scores.push(mean(&outcomes, earlier)?);
            }
            let survivors = halving.survivors(&scores);
            if survivors.is_empty() {
                return Err(RunError::Round(format!(
                    "nothing of {name} can go on: in round {} every run failed or could not be \
                     scored by `{}`",
                    earlier + 1,
                    halving.validator
                )));
            }
            let mut number = 0..;
            configurations.retain(|_| number.next().is_some_and(|it| survivors.contains(&it)));
        }
        staying.extend(configurations.into_iter().flat_map(|one| one.jobs));
    }
    staying.sort_unstable();
    Ok(staying.into_iter().map(|job| cut(&planned[job], halving, place)).collect())
}

/// How many jobs the round at `place` has if every run can be scored.
pub fn number_of_jobs(planned: &[PlannedJob], halving: &Halving, place: usize) -> usize {
    let of_competitions: usize = competitions(planned, halving)
        .into_iter()
        .map(|competition| {
            let configurations = &competition.configurations;
            let count = halving.in_round(configurations.len(), place);
            let seeds = configurations.iter().map(|one| one.jobs.len()).max().unwrap_or(0);
            count * seeds
        })
        .sum();
    planned.iter().filter(|job| goes_on(job, halving)).count() + of_competitions
}

/// Whether a job goes on whatever its scores: where methods compete, an upper bound does, which would
/// beat them all.
pub(crate) fn goes_on(planned: &PlannedJob, halving: &Halving) -> bool {
    let method = &planned.job.method;
    let upper_bound = || method.stages.iter().any(uses_target_labels);
    halving.always.contains(&method.label)
        || (halving.compete == Competitors::Methods && upper_bound())
}

fn competitions(planned: &[PlannedJob], halving: &Halving) -> Vec<Competition> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut within: HashMap<(usize, String), usize> = HashMap::new();
    let mut all: Vec<Competition> = Vec::new();
    for (index, PlannedJob { job, settings, .. }) in planned.iter().enumerate() {
        if goes_on(&planned[index], halving) {
            continue;
        }
        let label = &job.method.label;
        let settings = serde_json::to_string(settings).expect("settings are plain data");
        let (name, configuration) = match halving.compete {
            Competitors::Settings => (format!("{label}, {}", job.task()), settings),
            Competitors::Methods => (job.task().to_string(), format!("{label} {settings}")),
        };
        let place = *places.entry(name.clone()).or_insert_with(|| {
            all.push(Competition { name, configurations: Vec::new() });
            all.len() - 1
        });
        let configurations = &mut all[place].configurations;
        let number = *within.entry((place, configuration)).or_insert_with(|| {
            configurations.push(Configuration { jobs: Vec::new() });
            configurations.len() - 1
        });
        configurations[number].jobs.push(index);
    }
    all
}

/// The mean over the seeds; none where a seed has no score.
fn mean(outcomes: &[RoundOutcome], place: usize) -> Result<Option<f64>, RunError> {
    let mut sum = 0.0;
    for outcome in outcomes {
        match outcome {
            RoundOutcome::Score(score) => sum += score,
            RoundOutcome::NoScore => return Ok(None),
            RoundOutcome::Unfinished => {
                return Err(RunError::Round(format!(
                    "round {} needs the scores of round {}, and not all of its runs are finished",
                    place + 2,
                    place + 1
                )));
            }
        }
    }
    Ok(Some(sum / outcomes.len() as f64))
}

/// The job as the round at `place` runs it. Rounds before the last stop its last stage early, and
/// their records are those of an experiment of their own: unlike the last round's, they are not
/// results.
fn cut(planned: &PlannedJob, halving: &Halving, place: usize) -> PlannedJob {
    let share = halving.rounds[place];
    if place + 1 == halving.rounds.len() {
        return planned.clone();
    }
    let shorten = |method: &mut MethodSpec| {
        if let Some(stage) = method.stages.last_mut() {
            let steps = Halving::steps(share, stage.training.iterations);
            stage.training.stop_after = Some(steps).filter(|it| *it < stage.training.iterations);
        }
    };
    let mut planned = planned.clone();
    let mut experiment = (*planned.experiment).clone();
    experiment.name = format!("{}-round-{}", experiment.name, place + 1);
    experiment.methods.iter_mut().for_each(shorten);
    planned.experiment = Arc::new(experiment);
    planned.round = Some(place + 1);
    shorten(&mut planned.job.method);
    planned
}

/// How the run of an earlier round came out, by its record.
///
/// # Errors
/// If the record cannot be read.
pub fn outcome(results: &Path, run: &RunInfo, validator: &str) -> Result<RoundOutcome, RunError> {
    match record_state(results, &run.experiment, &run.id)? {
        RecordState::Failed(_) => return Ok(RoundOutcome::NoScore),
        RecordState::Finished => {}
        _ => return Ok(RoundOutcome::Unfinished),
    }
    let record = Record::open(&results.join(&run.experiment).join(&run.id))?;
    let mut chosen = Chosen::default();
    for row in record.metrics.iter().filter(|row| row.stage + 1 == run.stages) {
        chosen.observe(row.step, [(row.metric.as_str(), row.value)]);
    }
    let choice = chosen.by_validator().get(validator);
    Ok(choice.map_or(RoundOutcome::NoScore, |choice| RoundOutcome::Score(choice.score)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::quickstart;

    fn halving() -> Halving {
        Halving {
            validator: "entropy".to_owned(),
            compete: Competitors::Settings,
            always: Vec::new(),
            keep: 0.5,
            rounds: vec![0.1, 0.5, 1.0],
        }
    }

    fn planned() -> Vec<PlannedJob> {
        quickstart("\n[sweep.values]\nmethods.dann.align.0.weight = [1, 2, 3, 4]\n")
    }

    fn weight(job: &PlannedJob) -> Option<f64> {
        job.settings.get("methods.dann.align.0.weight")?.as_f64()
    }

    fn weights(jobs: &[PlannedJob]) -> Vec<f64> {
        jobs.iter().filter_map(weight).collect()
    }

    #[test]
    fn each_round_keeps_the_settings_with_the_highest_mean_over_the_seeds() {
        let planned = planned();
        // The third seed outvotes the others for 4; 3 is second.
        let outcome = |job: &PlannedJob| {
            let base = weight(job).map_or(0.0, |it| if it == 4.0 { -1.0 } else { it });
            let surprise = if weight(job) == Some(4.0) && job.job.seed == 3 { 99.0 } else { 0.0 };
            Ok(RoundOutcome::Score(base + surprise))
        };
        let round = |place| jobs(&planned, &halving(), place, &outcome).unwrap();
        assert_eq!(round(0).len(), planned.len());
        assert_eq!(weights(&round(1)), [3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(weights(&round(2)), [4.0; 3]);
        // The other methods, with a setting each, go on.
        assert_eq!(round(2).len(), 3 * 4);
        for place in 0..3 {
            assert_eq!(number_of_jobs(&planned, &halving(), place), round(place).len());
        }
    }

    #[test]
    fn rounds_stop_early_with_schedules_of_the_full_length_and_the_last_is_the_plain_job() {
        let planned = planned();
        let score = |_: &PlannedJob| Ok(RoundOutcome::Score(0.0));
        let first = &jobs(&planned, &halving(), 0, &score).unwrap()[0];
        let training = &first.job.method.stages[0].training;
        assert_eq!((training.iterations, training.stop_after), (1500, Some(150)));
        assert_eq!(first.experiment.name, "quickstart-round-1");
        let header = first.header("data", "1");
        assert_eq!((header.run.position.method, header.run.round), (0, Some(1)));
        let last = jobs(&planned, &halving(), 2, &score).unwrap();
        assert!(last.iter().all(|job| planned.contains(job)));
    }

    #[test]
    fn methods_compete_with_each_other_and_the_baseline_goes_on() {
        let planned = quickstart("");
        let always = vec!["source-only".to_owned()];
        let halving = Halving { compete: Competitors::Methods, always, ..halving() };
        let labels = |place: usize, outcome: &dyn Fn(&PlannedJob) -> f64| -> Vec<String> {
            let outcome = |job: &PlannedJob| Ok(RoundOutcome::Score(outcome(job)));
            let jobs = jobs(&planned, &halving, place, &outcome).unwrap();
            assert_eq!(jobs.len(), number_of_jobs(&planned, &halving, place));
            let seed = |job: &&PlannedJob| job.job.seed == 1;
            jobs.iter().filter(seed).map(|job| job.job.method.label.clone()).collect()
        };
        let score = |job: &PlannedJob| if job.job.method.label == "mcc" { 2.0 } else { 1.0 };
        assert_eq!(labels(0, &score), ["source-only", "dann", "mcc", "target-only"]);
        // The upper bound competes with nobody.
        assert_eq!(labels(1, &score), ["source-only", "mcc", "target-only"]);
    }

    #[test]
    fn what_failed_does_not_go_on_and_what_is_not_finished_is_waited_for() {
        let planned = planned();
        let failing = |job: &PlannedJob| {
            Ok(match weight(job) {
                Some(value) if value > 1.0 && job.job.seed == 2 => RoundOutcome::NoScore,
                _ => RoundOutcome::Score(0.0),
            })
        };
        let left = jobs(&planned, &halving(), 1, &failing).unwrap();
        assert_eq!(weights(&left), [1.0; 3]);
        let none = |_: &PlannedJob| Ok(RoundOutcome::NoScore);
        let message = jobs(&planned, &halving(), 1, &none).unwrap_err().to_string();
        assert!(message.contains("in round 1 every run failed"), "{message}");
        let unfinished = |_: &PlannedJob| Ok(RoundOutcome::Unfinished);
        let message = jobs(&planned, &halving(), 2, &unfinished).unwrap_err().to_string();
        assert!(message.starts_with("round 2 needs the scores of round 1"), "{message}");
    }
}
