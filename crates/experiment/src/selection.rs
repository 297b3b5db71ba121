//! The `[selection]` table: validators, and what is held out for them.

use toml::de::DeValue;

use crate::Diagnostics;
use crate::plugin::{NAME, resolve};
use crate::raw::RawSelection;
use crate::table::read;
use crate::tree::{Node, child};
use isthmus_core::registry::Kind;
use isthmus_core::spec::{PluginSpec, SelectionSpec};

/// The share held out where none is stated.
const DEFAULT_SHARE: f64 = 0.1;

/// Reads `[selection]`.
pub(crate) fn check(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<SelectionSpec> {
    let listed = child(node, "validators")?;
    let DeValue::Array(list) = listed.get_ref() else { return None };
    let mut validators: Vec<PluginSpec> = Vec::new();
    for entry in list.iter() {
        let Some(plugin) = resolve(Kind::Validator, entry, None, None, diagnostics) else {
            continue;
        };
        if validators.iter().any(|earlier| earlier.name == plugin.name) {
            let span = child(entry, NAME).map_or(entry.span(), Node::span);
            diagnostics.error_with(
                span,
                format!("the validator `{}` is there twice", plugin.name),
                "its scores are recorded under its name; run an experiment each to compare settings",
            );
        }
        validators.push(plugin);
    }
    if validators.len() < list.len() {
        return None;
    }
    let raw: RawSelection = read(node, diagnostics)?;
    Some(SelectionSpec {
        validators,
        validation_share: raw.validation_share.unwrap_or(DEFAULT_SHARE),
    })
}
