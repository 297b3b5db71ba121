//! Launchers: who starts the runs of an experiment.
//!
//! A launcher runs them in this program or hands them to something that runs programs, such as a
//! cluster's queue. It is given [`Runs`], which knows how an experiment is run and how its runs
//! can be shared out, and adds only how tasks are submitted, looked up and cancelled.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The launcher where an experiment names none: it runs everything in this program.
pub const LOCAL: &str = "local";

/// Starts the runs of an experiment. No run's numbers depend on it. What is given for the queue,
/// for tasks that failed and for cancelling suits a launcher that hands nothing over.
pub trait Launcher: Send + Sync {
    /// What messages call that which runs are handed to, such as `Slurm`.
    fn title(&self) -> &'static str;

    /// Starts the runs: here, or by handing them over.
    ///
    /// # Errors
    /// If they cannot be started, or are run here and one fails.
    fn start(&self, runs: &mut dyn Runs) -> Result<(), LaunchError>;

    /// The tasks of these jobs that wait or run; none where the jobs have been forgotten.
    ///
    /// # Errors
    /// If the queue cannot be asked.
    fn queue(&self, _jobs: &[String]) -> Result<Vec<TaskState>, LaunchError> {
        Ok(Vec::new())
    }

    /// The tasks of these jobs that ended otherwise than well; empty where nobody keeps accounts.
    fn failed(&self, _jobs: &[String]) -> Vec<TaskState> {
        Vec::new()
    }

    /// Cancels jobs, whatever they do.
    ///
    /// # Errors
    /// If that is refused.
    fn cancel(&self, _jobs: &[String]) -> Result<(), LaunchError> {
        Ok(())
    }
}

/// The runs of an experiment, as a launcher sees them.
pub trait Runs {
    /// Runs all of them in this program; returns when the last one has ended.
    ///
    /// # Errors
    /// If they cannot be run, or one fails.
    fn here(&mut self) -> Result<(), LaunchError>;

    /// Shares the runs that have no finished record out among the tasks of job arrays, and gives
    /// each array to `submit`, which answers with the job's id, in an order in which an array
    /// waits for no later one. Notes what was submitted, and cancels it where a later array is
    /// refused.
    ///
    /// # Errors
    /// If the runs are in the queue already, or `submit` fails.
    fn hand_over(&mut self, division: Division, submit: &mut Submit<'_>)
    -> Result<(), LaunchError>;
}

/// Submits one job array and returns its id.
pub type Submit<'a> = dyn FnMut(&Submission<'_>) -> Result<String, LaunchError> + 'a;

/// How runs are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// Largest number of tasks of a job array, at least 1.
    pub tasks: usize,
    /// Processors of a task, at least 1.
    pub processors: usize,
}

/// A job array to submit, among those of the same experiment.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// Folder of the experiment's results, where files of the launcher's own belong.
    pub folder: &'a Path,
    /// Folder of the tasks' output, within it.
    pub logs: &'a Path,
    /// The folder that tasks run in.
    pub working_folder: &'a Path,
    /// The words of the command, up to what differs between tasks.
    pub command: &'a [String],
    /// All job arrays, in the order in which they are submitted.
    pub arrays: &'a [JobArray],
    /// Place of this one among them.
    pub place: usize,
    /// Id of the array before it, if there is one.
    pub before: Option<&'a str>,
}

impl<'a> Submission<'a> {
    /// The array to submit.
    pub fn array(&self) -> &'a JobArray {
        &self.arrays[self.place]
    }

    /// Number of tasks in the arrays before it.
    pub fn tasks_before(&self) -> usize {
        self.arrays[..self.place].iter().map(|array| array.tasks.len()).sum()
    }

    /// The job that this array waits for, and what it waits for.
    pub fn dependency(&self) -> Option<(&'a str, After)> {
        match self.array().after {
            After::Nothing => None,
            after => Some((self.before?, after)),
        }
    }
}

/// One task of a job array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Words that follow the command; none of them has spaces or needs quotes.
    pub arguments: Vec<String>,
    /// Ids of its runs, where they are known beforehand.
    pub runs: Vec<String>,
}

/// What a job array waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// The end of the array before, well or not: it trains first stages that this one begins
    /// with, and trains itself where they are not there.
    End,
    /// The success of the array before, whose scores decide what this one runs.
    Success,
}

/// A job array: one job of several tasks that differ in their last words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobArray {
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// What it waits for.
    pub after: After,
}

/// A task of a job array that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// Id of the job.
    pub job: String,
    /// Place of the task in the array, from 0.
    pub task: usize,
    /// The queue's own word, such as `RUNNING`, `PENDING` or `TIMEOUT`.
    pub state: String,
}

/// Runs could not be started, looked up or cancelled.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The launcher cannot be used here.
    #[error("{message}")]
    Unusable {
        /// What was found.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// It was asked and refused, or answered nonsense.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// [`Runs`] failed.
    #[error(transparent)]
    Runs(Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_knows_its_place_among_the_others() {
        let array = |tasks: usize, after| JobArray {
            tasks: vec![Task { arguments: Vec::new(), runs: Vec::new() }; tasks],
            after,
        };
        let arrays = [array(2, After::Nothing), array(3, After::End), array(1, After::Success)];
        let submission = |place, before| Submission {
            experiment: "x",
            folder: Path::new("results/x"),
            logs: Path::new("results/x/launch"),
            working_folder: Path::new("."),
            command: &[],
            arrays: &arrays,
            place,
            before,
        };
        let first = submission(0, None);
        assert_eq!((first.tasks_before(), first.dependency()), (0, None));
        let last = submission(2, Some("7"));
        assert_eq!((last.tasks_before(), last.array().tasks.len()), (5, 1));
        assert_eq!(last.dependency(), Some(("7", After::Success)));
    }
}
