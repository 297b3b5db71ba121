//! The runs shared out among the tasks of job arrays.

use isthmus_core::launcher::{After, JobArray, Task};
use isthmus_runner::{Part, range};

/// A run and the stage that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The run's id.
    pub id: String,
    /// The id of its first stage where another run begins with it too.
    pub first_stage: Option<String>,
}

/// Arrays of at most `most` tasks each for `runs`, told by their ids: those that train a first
/// stage for others come before these.
pub fn of_runs(runs: &[Run], most: usize, round: Option<usize>) -> Vec<JobArray> {
    let mut begun = Vec::new();
    let (first, second): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| match &run.first_stage {
            Some(stage) if begun.contains(&stage) => false,
            Some(stage) => {
                begun.push(stage);
                true
            }
            None => true,
        });
    let array = |runs: Vec<&Run>, after| {
        let of = most.min(runs.len());
        let tasks = (1..=of).map(|number| {
            let ids: Vec<String> = runs[range(Part { number, of }, runs.len())]
                .iter()
                .map(|run| run.id.clone())
                .collect();
            let mut arguments = of_round(round);
            arguments.extend(["--only".to_owned(), ids.join(",")]);
            Task { arguments, runs: ids }
        });
        JobArray { tasks: tasks.collect(), after }
    };
    let mut arrays = vec![array(first, After::Nothing), array(second, After::End)];
    arrays.retain(|array| !array.tasks.is_empty());
    arrays
}

/// The array of a round of successive halving, counted from 1, with at most `count` runs: which
/// they are shows when the round before is finished.
pub fn of_later_round(number: usize, count: usize, most: usize) -> JobArray {
    let of = most.min(count);
    let tasks = (1..=of).map(|part| {
        let mut arguments = of_round(Some(number));
        arguments.extend(["--part".to_owned(), format!("{part}/{of}")]);
        Task { arguments, runs: Vec::new() }
    });
    JobArray { tasks: tasks.collect(), after: After::Success }
}

fn of_round(round: Option<usize>) -> Vec<String> {
    round.map_or_else(Vec::new, |round| vec!["--round".to_owned(), round.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(all: &[(&str, Option<&str>)]) -> Vec<Run> {
        let run = |(id, stage): &(&str, Option<&str>)| Run {
            id: (*id).to_owned(),
            first_stage: stage.map(str::to_owned),
        };
        all.iter().map(run).collect()
    }

    fn told(array: &JobArray) -> Vec<String> {
        array.tasks.iter().map(|task| task.arguments.join(" ")).collect()
    }

    #[test]
    fn runs_are_shared_out_in_order() {
        let all = runs(&[("a", None), ("b", None), ("c", None)]);
        let arrays = of_runs(&all, 2, None);
        assert_eq!(arrays.len(), 1);
        assert_eq!(arrays[0].after, After::Nothing);
        assert_eq!(told(&arrays[0]), ["--only a", "--only b,c"]);
        assert_eq!(arrays[0].tasks[1].runs, ["b", "c"]);
        assert_eq!(told(&of_runs(&all, 9, Some(1))[0])[2], "--round 1 --only c");
        assert!(of_runs(&[], 9, None).is_empty());
    }

    #[test]
    fn a_shared_first_stage_is_trained_before_the_runs_that_begin_with_it() {
        let all = runs(&[("a", Some("s")), ("b", Some("s")), ("c", None), ("d", Some("t"))]);
        let arrays = of_runs(&all, 9, None);
        assert_eq!(told(&arrays[0]), ["--only a", "--only c", "--only d"]);
        assert_eq!(told(&arrays[1]), ["--only b"]);
        assert_eq!(arrays[1].after, After::End);
    }

    #[test]
    fn a_later_round_finds_its_runs_out_by_itself() {
        let array = of_later_round(2, 5, 3);
        assert_eq!(told(&array)[2], "--round 2 --part 3/3");
        assert_eq!((array.tasks.len(), array.after), (3, After::Success));
        assert_eq!(of_later_round(3, 2, 9).tasks.len(), 2);
    }
}
