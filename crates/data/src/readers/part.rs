//! Readers that samples of another reader are made of.

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{Choice, FieldProblem, ReaderKind};
use isthmus_core::dataset::{LabelledSamples, Reader};
use isthmus_core::error::DataError;
use isthmus_core::registry::{self, Kind, Plugin};
use isthmus_core::spec::PluginSpec;
use isthmus_core::targets::TargetKind;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::named::reader_of;

/// The reader that a choice names and its complete configuration, as a descriptor's own is read.
fn resolved(choice: &Choice<ReaderKind>) -> Result<(&'static Plugin, Value), String> {
    let name = &choice.name;
    let plugin =
        registry::find(Kind::Reader, name).ok_or_else(|| format!("there is no reader `{name}`"))?;
    let text = toml::to_string(&choice.config).map_err(|error| error.to_string())?;
    let table = DeTable::parse(&text).map_err(|error| error.message().to_owned())?;
    let table = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    let config = (plugin.resolve)(table).map_err(|problem| problem.message)?;
    Ok((plugin, config))
}

/// Refuses a part that is no reader of samples of a kind with a class each.
pub(super) fn check_part(
    choice: &Choice<ReaderKind>,
    field: &str,
    kind: SampleKind,
) -> Result<(), FieldProblem> {
    let problem = |message: String| FieldProblem { field: field.to_owned(), message };
    let (plugin, config) = resolved(choice).map_err(problem)?;
    let found = (plugin.samples)(&config);
    if !found.contains(&kind) {
        let found = found.first().map_or("nothing".to_owned(), ToString::to_string);
        return Err(problem(format!("`{}` reads {found}, not {kind}", choice.name)));
    }
    match (plugin.targets)(&config) {
        Some(TargetKind::Classes) => Ok(()),
        _ => Err(problem(format!("`{}` does not give each sample one class", choice.name))),
    }
}

/// The reader of a part that was checked.
pub(super) fn part(choice: &Choice<ReaderKind>) -> Box<dyn Reader> {
    let (_, config) = resolved(choice).expect("a part is resolved where it is checked");
    reader_of(&PluginSpec { name: choice.name.clone(), config })
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
