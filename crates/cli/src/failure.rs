//! Why a command failed, and what it says then.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use isthmus_core::launcher::LaunchError;
use isthmus_experiment::{Diagnostics, OverrideError};
use isthmus_runner::{RunError, WeightsFromError};
use thiserror::Error;

use crate::page::Page;
use crate::report;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// An experiment file cannot be run.
    #[error("{}: {diagnostics}", file.display())]
    Experiment {
        /// The file.
        file: PathBuf,
        /// The text that the places refer to.
        text: String,
        /// Whether the text was changed by `--set`.
        changed: bool,
        /// What is wrong with it.
        diagnostics: Diagnostics,
    },
    /// A setting of the command line cannot be applied.
    #[error("--set {0}")]
    Setting(#[from] OverrideError),
    /// Something else that the user wrote is wrong.
    #[error("{message}")]
    Input {
        /// What was found and what was expected.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A file of the user's cannot be read or written.
    #[error("{action} {}: {source}", file.display())]
    File {
        /// What was tried, e.g. `cannot read`.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The run was asked to end before its time.
    #[error("{0}")]
    Interrupted(String),
    /// The input was right, and what it asked for failed.
    #[error("{0}")]
    Work(String),
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Unusable { message, help } => Self::input_with(message, help),
            LaunchError::Refused(message) => Self::Work(message),
            LaunchError::File { file, source } => {
                Self::File { action: "cannot write", file, source }
            }
            // What failed here comes back as it was.
            LaunchError::Runs(error) => match error.downcast::<Self>() {
                Ok(failure) => *failure,
                Err(other) => Self::Work(other.to_string()),
            },
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Input { message, help } => Self::Input { message, help },
            RunError::WeightsFrom(error) => (*error).into(),
            RunError::Data(_) | RunError::Features(_) => Self::input(error.to_string()),
            RunError::Job(_)
            | RunError::Record(_)
            | RunError::Round(_)
            | RunError::Processes { .. } => Self::Work(error.to_string()),
        }
    }
}

impl From<WeightsFromError> for Failure {
    fn from(error: WeightsFromError) -> Self {
        Self::Input { message: error.to_string(), help: error.help() }
    }
}

impl From<Failure> for LaunchError {
    fn from(failure: Failure) -> Self {
        Self::Runs(Box::new(failure))
    }
}

impl Failure {
    /// Wrong input with nothing to advise.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input { message: message.into(), help: None }
    }

    /// Wrong input with advice.
    pub fn input_with(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Input { message: message.into(), help: Some(help.into()) }
    }

    /// A closure for `map_err` that names the action and the file.
    pub fn file(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::File { action, file, source }
    }

    /// 1 for work that failed, 2 for wrong input, 130 for work that was interrupted.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Work(_) => ExitCode::from(1),
            Self::Interrupted(_) => ExitCode::from(isthmus_runner::INTERRUPTED),
            Self::Experiment { .. } | Self::Setting(_) | Self::Input { .. } | Self::File { .. } => {
                ExitCode::from(2)
            }
        }
    }

    /// The text for standard error.
    pub fn shown(&self, page: &Page) -> String {
        match self {
            Self::Experiment { file, text, changed, diagnostics } => {
                report::diagnostics(&report::source_name(file, *changed), text, diagnostics, page)
            }
            Self::Input { message, help: Some(help) } => {
                format!("error: {message}\n{}", page.wrapped(&format!("help: {help}"), 2))
            }
            Self::Interrupted(text) => format!("{text}\n"),
            other => format!("error: {other}\n"),
        }
    }
}
