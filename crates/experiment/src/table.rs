//! A table as the struct that describes it.

use serde::Deserialize;
use toml::de::{DeValue, ValueDeserializer};

use crate::Diagnostics;
use crate::tree::Node;

/// Deserializes a table that the schema check has seen. serde's own error is told only where the
/// schema found nothing: it knows less.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(
    node: &Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    if !matches!(node.get_ref(), DeValue::Table(_)) {
        return None;
    }
    match T::deserialize(ValueDeserializer::from(node.clone())) {
        Ok(value) => Some(value),
        Err(error) => {
            let span = error.span().unwrap_or_else(|| node.span());
            if !diagnostics.has_error_within(&span) && !diagnostics.has_error_within(&node.span()) {
                diagnostics.error(span, error.message().to_owned());
            }
            None
        }
    }
}
