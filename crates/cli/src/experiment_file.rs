//! An experiment file from its path to the checked experiment.

use std::fs;
use std::path::PathBuf;

use isthmus_core::error::DataError;
use isthmus_core::spec::Experiment;
use isthmus_experiment::{
    Checked, Diagnostic, Diagnostics, Severity, Sweep, is_device, parse, span_of, with_overrides,
};
use isthmus_runner::{RunError, Source};

use crate::args::{FileArguments, LauncherArguments, RunArguments};
use crate::datasets;
use crate::failure::Failure;
use crate::page::Page;
use crate::report;

/// The setting with every `=` inside a quoted part of its key written as an escape: the first `=`
/// that is left ends the key.
fn with_quoted_signs(setting: &str) -> String {
    let mut written = String::with_capacity(setting.len());
    let mut quote = None;
    let mut escaped = false;
    for (place, character) in setting.char_indices() {
        match (quote, character) {
            (None, '=') => return written + &setting[place..],
            (None, '"' | '\'') => {
                quote = Some(character);
                written.push('"');
            }
            // What a literal text holds as it is, a quoted one escapes.
            (Some('\''), '"' | '\\') => written.extend(['\\', character]),
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                written.push(character);
                continue;
            }
            (Some(open), _) if character == open && !escaped => {
                quote = None;
                written.push('"');
            }
            (Some(_), '=') => written.push_str("\\u003D"),
            _ => written.push(character),
        }
        escaped = false;
    }
    // There is no `=` to end the key: the setting is refused as it was written.
    setting.to_owned()
}

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
        let mut settings: Vec<String> =
            arguments.settings().iter().map(|setting| with_quoted_signs(setting)).collect();
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
    fn problem_at(&self, key: &str, message: impl Into<String>, help: Option<String>) -> Failure {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            span: span_of(&self.text, key),
            message: message.into(),
            help,
        };
        Failure::Experiment {
            file: self.path.clone(),
            text: self.text.clone(),
            changed: self.changed,
            diagnostics: diagnostic.into(),
        }
    }

    /// What is run.
    pub fn source(&self) -> Source<'_> {
        Source { experiment: &self.experiment, sweep: self.sweep.as_ref(), path: &self.path }
    }

    /// Why the experiment cannot be run, told at the place in the file where it is its fault.
    pub fn failed(&self, error: RunError) -> Failure {
        match error {
            RunError::Data(error) => self.unfit(error),
            RunError::WeightsFrom(error) => {
                self.problem_at(error.key(), error.to_string(), error.help())
            }
            other => other.into(),
        }
    }

    /// Why the data cannot be used. Where its parts do not fit each other, it is the file that put
    /// them together.
    pub fn unfit(&self, error: DataError) -> Failure {
        match error {
            DataError::Mismatch(message) => self.problem_at("data.tasks", message, None),
            other => Failure::input(other.to_string()),
        }
    }

    /// The warnings as text; empty where there are none.
    pub fn warnings(&self, page: &Page) -> String {
        let name = report::source_name(&self.path, self.changed);
        report::diagnostics(&name, &self.text, &self.warnings, page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&str; 14] = [
        "a",
        "a.b",
        "a b",
        "a=b",
        "=",
        "a \"b\"",
        "it's",
        "a\\b",
        "\\",
        "日本語",
        "é = 1",
        "#",
        "a, b",
        "[x]",
    ];

    #[test]
    fn a_key_may_hold_any_sign_in_quotes() {
        for label in LABELS {
            let basic = format!("\"{}\"", label.replace('\\', "\\\\").replace('"', "\\\""));
            let mut forms = vec![basic];
            if !label.contains('\'') {
                forms.push(format!("'{label}'"));
            }
            for form in forms {
                let setting = with_quoted_signs(&format!("methods.{form}.x = \"y = z\""));
                let text = with_overrides("", std::slice::from_ref(&setting)).unwrap();
                let table: toml::Table = text.parse().unwrap_or_else(|it| panic!("{text}: {it}"));
                assert_eq!(
                    table["methods"][label]["x"].as_str(),
                    Some("y = z"),
                    "{setting}: {text}"
                );
            }
        }
        assert_eq!(with_quoted_signs("name=a\"b"), "name=a\"b");
        assert_eq!(with_quoted_signs("a.\"b"), "a.\"b");
    }
}
