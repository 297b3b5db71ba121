//! Slurm's commands.

use std::process::Command;

use isthmus_core::launcher::{LaunchError, TaskState};

/// Runs a command of Slurm and returns what it answers.
///
/// # Errors
/// If it is not there or refuses.
fn slurm(program: &str, arguments: &[String]) -> Result<String, LaunchError> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| LaunchError::Unusable {
            message: format!("cannot run `{program}`: {error}"),
            help: "the launcher `slurm` needs Slurm's commands on this machine; `--launcher \
                   local` runs the experiment here"
                .to_owned(),
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let cause = String::from_utf8_lossy(&output.stderr);
    Err(LaunchError::Refused(format!("`{program}` failed: {}", cause.trim())))
}

/// Submits a job; returns its id.
///
/// # Errors
/// If Slurm refuses it.
pub fn submit(arguments: &[String]) -> Result<String, LaunchError> {
    let mut all = vec!["--parsable".to_owned()];
    all.extend_from_slice(arguments);
    let answer = slurm("sbatch", &all)?;
    // `12`, or `12;cluster` where there are several.
    let id = answer.trim().split(';').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(LaunchError::Refused(format!(
            "`sbatch` answered `{}`, not a job id",
            answer.trim()
        )));
    }
    Ok(id.to_owned())
}

/// The tasks of these jobs that wait or run; none where Slurm has forgotten the jobs.
///
/// # Errors
/// If the queue cannot be asked.
pub fn queue(jobs: &[String]) -> Result<Vec<TaskState>, LaunchError> {
    // A job that has left the queue is an error if it is asked for by its id.
    let format = "--format=%F %K %T".to_owned();
    let answer = slurm("squeue", &["--noheader".to_owned(), "--array".to_owned(), format])?;
    Ok(parsed(&answer, jobs))
}

/// The tasks of these jobs that ended, where Slurm keeps accounts; empty where it does not.
pub fn accounts(jobs: &[String]) -> Vec<TaskState> {
    let arguments = ["--noheader", "--allocations", "--parsable2", "--format=JobID,State"];
    let mut all: Vec<String> = arguments.map(str::to_owned).to_vec();
    all.push(format!("--jobs={}", jobs.join(",")));
    match slurm("sacct", &all) {
        Ok(answer) => parsed(&answer.replace(['_', '|'], " "), jobs),
        Err(error) => {
            tracing::debug!(%error, "Slurm keeps no accounts");
            Vec::new()
        }
    }
}

/// Reads lines `job task state`; a state may go on (`CANCELLED by 0`).
fn parsed(answer: &str, jobs: &[String]) -> Vec<TaskState> {
    answer
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (job, task, state) = (words.next()?, words.next()?, words.next()?);
            let task = task.parse().ok()?;
            let known = jobs.iter().any(|known| known == job);
            known.then(|| TaskState { job: job.to_owned(), task, state: state.to_owned() })
        })
        .collect()
}

/// Cancels jobs, whatever they do.
///
/// # Errors
/// If Slurm refuses.
pub fn cancel(jobs: &[String]) -> Result<(), LaunchError> {
    slurm("scancel", jobs).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_other_jobs_left_out() {
        let state =
            |task, state: &str| TaskState { job: "7".to_owned(), task, state: state.to_owned() };
        let queue = "7 0 RUNNING\n7 1 PENDING\n8 0 RUNNING\n9 N/A RUNNING\n";
        let jobs = ["7".to_owned()];
        assert_eq!(parsed(queue, &jobs), [state(0, "RUNNING"), state(1, "PENDING")]);
        let accounts =
            "7_0|CANCELLED by 0\n7_1|TIMEOUT\n7_[2-5]|PENDING\n".replace(['_', '|'], " ");
        assert_eq!(parsed(&accounts, &jobs), [state(0, "CANCELLED"), state(1, "TIMEOUT")]);
    }
}
