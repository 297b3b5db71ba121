//! The text of an experiment file: changed by `--set`, parsed, searched for places.

use std::ops::Range;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_edit::{DocumentMut, Item, Key, Table, Value};

use crate::Diagnostics;
use crate::tree::{Node, child};

/// A `--set key=value` that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OverrideError {
    /// There is no `=`.
    #[error("`{0}` is not of the form key=value")]
    Form(String),
    /// The key is not a dotted TOML key.
    #[error("`{0}` is not a dotted key, such as `training.optimizer.lr` or `data.tasks.0`")]
    Key(String),
    /// A list is addressed by something else than one of its positions.
    #[error("`{key}`: `{part}` is not a position of a list of {length}")]
    Position {
        /// The whole key.
        key: String,
        /// The part at fault.
        part: String,
        /// Number of elements of the list.
        length: usize,
    },
    /// A value that is neither table nor list has parts below it.
    #[error("`{key}`: there is nothing below `{part}`, which is a plain value")]
    Plain {
        /// The whole key.
        key: String,
        /// The plain value's own key.
        part: String,
    },
}

/// Changes an experiment file's text as `--set key=value` asks, in order. Keys are dotted,
/// positions in lists are numbers; a value is TOML, or a bare string where it is not. A text that
/// is not TOML is returned as it is: [`parse`](super::parse) says what is wrong with it.
///
/// # Errors
/// If a setting has no `=`, its key is not one, or it leads through a plain value.
pub fn with_overrides(text: &str, settings: &[String]) -> Result<String, OverrideError> {
    let mut values = Vec::new();
    for setting in settings {
        let (key, value) =
            setting.split_once('=').ok_or_else(|| OverrideError::Form(setting.clone()))?;
        let value = value.trim();
        values.push((key, value.parse::<Value>().unwrap_or_else(|_| Value::from(value))));
    }
    with_values(text, values)
}

/// The text with the values set at these dotted keys, in order; [`with_overrides`] for values that
/// are known already.
pub(crate) fn with_values<'k>(
    text: &str,
    values: impl IntoIterator<Item = (&'k str, Value)>,
) -> Result<String, OverrideError> {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return Ok(text.to_owned()) };
    for (key, value) in values {
        let path = Key::parse(key).map_err(|_| OverrideError::Key(key.to_owned()))?;
        set(document.as_item_mut(), key, &path, value)?;
    }
    Ok(document.to_string())
}

fn set(root: &mut Item, whole: &str, path: &[Key], value: Value) -> Result<(), OverrideError> {
    let mut item = root;
    for (depth, part) in path.iter().enumerate() {
        let name = part.get();
        let position = |length: usize| {
            name.parse().ok().filter(|position| *position < length).ok_or_else(|| {
                OverrideError::Position { key: whole.to_owned(), part: name.to_owned(), length }
            })
        };
        item = match item {
            Item::Value(Value::Array(list)) => {
                let position: usize = position(list.len())?;
                // `Array` gives out values, not items: what is below is set in a copy.
                let mut element = Item::Value(list.remove(position));
                set(&mut element, whole, &path[depth + 1..], value)?;
                if let Ok(element) = element.into_value() {
                    list.insert_formatted(position, element);
                }
                return Ok(());
            }
            Item::ArrayOfTables(list) => {
                let position: usize = position(list.len())?;
                let Some(table) = list.get_mut(position) else { return Ok(()) };
                let mut element = Item::Table(std::mem::take(table));
                let result = set(&mut element, whole, &path[depth + 1..], value);
                if let (Item::Table(changed), Some(table)) = (element, list.get_mut(position)) {
                    *table = changed;
                }
                return result;
            }
            Item::Table(table) => table.entry(name).or_insert_with(|| missing(depth, path)),
            Item::Value(Value::InlineTable(_)) => {
                let Some(table) = item.as_table_like_mut() else { return Ok(()) };
                table.entry(name).or_insert(Item::Value(Value::InlineTable(Default::default())))
            }
            Item::Value(_) | Item::None => {
                let above: Vec<&str> = path[..depth].iter().map(Key::get).collect();
                return Err(OverrideError::Plain { key: whole.to_owned(), part: above.join(".") });
            }
        };
    }
    *item = Item::Value(value);
    Ok(())
}

/// What is put where a key leads through or to nothing.
fn missing(depth: usize, path: &[Key]) -> Item {
    if depth + 1 < path.len() {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    } else {
        Item::Value(Value::from(0))
    }
}

/// The text as a tree of values with places.
pub(crate) fn tree<'t>(text: &'t str, diagnostics: &mut Diagnostics) -> Option<Node<'t>> {
    match DeTable::parse(text) {
        Ok(table) => Some(Spanned::new(table.span(), DeValue::Table(table.into_inner()))),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            diagnostics.error(span, format!("this is not TOML: {}", error.message()));
            None
        }
    }
}

/// Where a dotted key (`data.tasks.1`) was written, or the nearest table above it that was; for
/// problems that show only while an experiment runs. Empty at 0 where nothing of it was written.
pub fn span_of(text: &str, key: &str) -> Range<usize> {
    let Ok(path) = Key::parse(key) else { return 0..0 };
    let Some(root) = tree(text, &mut Diagnostics::default()) else { return 0..0 };
    let mut node = &root;
    for part in &path {
        match child(node, part.get()) {
            Some(below) => node = below,
            None => break,
        }
    }
    node.span()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = 'x'\nseeds = [1, 2]\n[training]\niterations = 5 # few\n\
                        [[methods.a.stages]]\nalign = [{ name = 'dann' }]\n";

    fn set_all(settings: &[&str]) -> Result<String, OverrideError> {
        let settings: Vec<String> = settings.iter().map(|&one| one.to_owned()).collect();
        with_overrides(TEXT, &settings)
    }

    fn read(text: &str, key: &str) -> String {
        text[span_of(text, key)].trim().to_owned()
    }

    #[test]
    fn values_are_replaced_added_and_found_in_lists() {
        let text = set_all(&[
            "training.iterations=7",
            "device=gpu:1",
            "seeds.1 = 9",
            "methods.a.stages.0.align.0.trade_off=0.5",
            "methods.\"b+c\".align=[{ name = \"mcc\" }]",
            "training.optimizer.lr=1e-3",
            "name=true",
        ])
        .unwrap();
        assert_eq!(read(&text, "training.iterations"), "7");
        assert_eq!(read(&text, "device"), "\"gpu:1\"");
        assert_eq!(read(&text, "seeds"), "[1, 9]");
        assert_eq!(read(&text, "methods.a.stages.0.align.0.trade_off"), "0.5");
        assert_eq!(read(&text, "methods.\"b+c\".align.0.name"), "\"mcc\"");
        assert_eq!(read(&text, "training.optimizer.lr"), "1e-3");
        assert_eq!(read(&text, "name"), "true");
    }

    #[test]
    fn settings_that_lead_nowhere_are_refused() {
        assert!(matches!(set_all(&["iterations"]), Err(OverrideError::Form(_))));
        assert!(matches!(set_all(&["a b=1"]), Err(OverrideError::Key(_))));
        assert!(matches!(set_all(&["seeds.7=1"]), Err(OverrideError::Position { length: 2, .. })));
        assert!(matches!(set_all(&["seeds.x=1"]), Err(OverrideError::Position { .. })));
        let error = set_all(&["training.iterations.x=1"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`training.iterations.x`: there is nothing below `training.iterations`, which is a \
             plain value"
        );
    }

    #[test]
    fn a_text_that_is_not_toml_is_left_to_the_parser() {
        assert_eq!(with_overrides("a = ", &["b=1".to_owned()]).unwrap(), "a = ");
        let mut diagnostics = Diagnostics::default();
        assert!(tree("a = ", &mut diagnostics).is_none());
        assert_eq!(diagnostics.errors(), 1);
    }

    #[test]
    fn places_fall_back_to_what_is_above() {
        assert_eq!(read(TEXT, "training.optimizer.lr"), "[training]");
        assert_eq!(span_of(TEXT, "nothing"), 0..0);
    }
}
