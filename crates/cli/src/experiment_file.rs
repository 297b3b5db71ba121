//! An experiment file from its path to the checked experiment.

use std::fs;
use std::path::PathBuf;

use isthmus_core::spec::{
    Checked, Diagnostic, Diagnostics, Experiment, Severity, Sweep, is_device, parse, span_of,
    with_overrides,
};

use crate::args::{FileArguments, LauncherArguments, RunArguments};
use crate::datasets;
use crate::failure::Failure;
use crate::page::Page;
use crate::report;

/// A checked experiment and the text that it was written as.
#[derive(Clone, Debug)]
pub struct ExperimentFile {
    /// The experiment.
    pub experiment: Experiment,
    /// The variants of it that a sweep asks for.
    pub sweep: Option<Sweep>,
    /// The file.
    pub path: PathBuf,
    /// Its text, changed by `--set`.
    pub text: String,
    /// Whether `--set` changed it.
    pub changed: bool,
    warnings: Diagnostics,
}

impl ExperimentFile {
    /// Reads and checks a file; `device` replaces the file's.
    ///
    /// # Errors
    /// If it cannot be read, a setting cannot be applied, or it has mistakes.
    pub fn load(arguments: &FileArguments, device: Option<&str>) -> Result<Self, Failure> {
        Self::read(arguments, device, &LauncherArguments::default())
    }

    /// As [`load`](Self::load), with the launcher of the command line.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_to_run(arguments: &RunArguments) -> Result<Self, Failure> {
        Self::read(&arguments.experiment, arguments.device.as_deref(), &arguments.launcher)
    }

    fn read(
        arguments: &FileArguments,
        device: Option<&str>,
        launcher: &LauncherArguments,
    ) -> Result<Self, Failure> {
        let path = arguments.file.clone();
        let text = fs::read_to_string(&path).map_err(Failure::file("cannot read", &path))?;
        if let Some(device) = device.filter(|device| !is_device(device)) {
            return Err(Failure::input(format!(
                "--device {device}: it must be `cpu`, `gpu` or `gpu:N` (such as `gpu:1`)"
            )));
        }
        let mut settings = arguments.settings();
        settings.extend(device.map(|device| format!("device={device}")));
        let text_set = with_overrides(&text, &settings)?;
        let text = with_overrides(&text_set, &launcher.settings(&text_set))?;
        let changed = !settings.is_empty() || text != text_set;
        match parse(&text, &datasets::known(&path)?) {
            Ok(Checked { experiment, sweep, warnings }) => {
                Ok(Self { experiment, sweep, path, text, changed, warnings })
            }
            Err(diagnostics) => Err(Failure::Experiment { file: path, text, changed, diagnostics }),
        }
    }

    /// A problem that shows only when the experiment runs (in its data, for instance), told at the
    /// place where the dotted key `key` was written.
    pub fn problem_at(&self, key: &str, message: impl Into<String>) -> Failure {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            span: span_of(&self.text, key),
            message: message.into(),
            help: None,
        };
        Failure::Experiment {
            file: self.path.clone(),
            text: self.text.clone(),
            changed: self.changed,
            diagnostics: diagnostic.into(),
        }
    }

    /// The warnings as text; empty where there are none.
    pub fn warnings(&self, page: &Page) -> String {
        let name = report::source_name(&self.path, self.changed);
        report::diagnostics(&name, &self.text, &self.warnings, page)
    }
}
