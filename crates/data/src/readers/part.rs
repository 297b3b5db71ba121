//! Readers that samples of another reader are made of.

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{Choice, FieldProblem, ReaderKind};
use isthmus_core::dataset::{LabelledSamples, Reader};
use isthmus_core::error::DataError;
use isthmus_core::registry::{self, Kind};
use isthmus_core::spec::PluginSpec;
use isthmus_core::targets::TargetKind;
use isthmus_experiment::checked_again;

use super::named::reader_of;

fn spec(choice: &Choice<ReaderKind>) -> PluginSpec {
    PluginSpec { name: choice.name.clone(), config: choice.config.clone() }
}

/// Refuses a part that is no reader of samples of a kind with a class each.
pub(super) fn check_part(
    choice: &Choice<ReaderKind>,
    field: &str,
    kind: SampleKind,
) -> Result<(), FieldProblem> {
    let problem = |message: String| FieldProblem { field: field.to_owned(), message };
    let checked = checked_again(Kind::Reader, &spec(choice)).map_err(|diagnostics| {
        let messages = diagnostics.iter().map(|one| one.message.clone());
        problem(messages.collect::<Vec<_>>().join("; "))
    })?;
    let plugin = registry::find(Kind::Reader, &choice.name)
        .ok_or_else(|| problem(format!("there is no reader `{}`", choice.name)))?;
    let found = (plugin.samples)(&checked.config);
    if !found.contains(&kind) {
        let found = found.first().map_or("nothing".to_owned(), ToString::to_string);
        return Err(problem(format!("`{}` reads {found}, not {kind}", choice.name)));
    }
    match (plugin.targets)(&checked.config) {
        Some(TargetKind::Classes) => Ok(()),
        _ => Err(problem(format!("`{}` does not give each sample one class", choice.name))),
    }
}

/// The reader of a part that was checked.
pub(super) fn part(choice: &Choice<ReaderKind>) -> Box<dyn Reader> {
    let spec = spec(choice);
    let config = checked_again(Kind::Reader, &spec).map_or(spec.config, |checked| checked.config);
    reader_of(&PluginSpec { name: spec.name, config })
}

/// What samples are made of.
pub(super) struct Parts {
    /// The rows of the part that have a class.
    pub rows: Vec<usize>,
    /// Their classes.
    pub classes: Vec<u32>,
    /// Number of classes.
    pub count: usize,
    /// Their names, where the part has any.
    pub names: Option<Vec<String>>,
}

/// The rows of a part that have a class; `reader` is its name.
pub(super) fn parts(read: &LabelledSamples, reader: &str) -> Result<Parts, DataError> {
    let classes: Vec<u32> = read.targets.classes().into_iter().flatten().collect();
    let Some(&last) = classes.iter().max() else {
        return Err(DataError::Mismatch(format!("the reader `{reader}` gives no sample a class")));
    };
    let count = read.class_names.as_ref().map_or(last as usize + 1, Vec::len);
    if last as usize >= count {
        return Err(DataError::Mismatch(format!(
            "the reader `{reader}` names {count} classes and gives the label {last}"
        )));
    }
    Ok(Parts { rows: read.targets.known(), classes, count, names: read.class_names.clone() })
}
