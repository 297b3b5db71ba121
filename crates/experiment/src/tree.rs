//! TOML values that know their place in the text: reading, finding and merging them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// A value with its place.
pub(crate) type Node<'i> = Spanned<DeValue<'i>>;

/// The whole number, unless it does not fit.
pub(crate) fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The number; not finite where the text says `nan` or `inf`.
pub(crate) fn real(number: &DeFloat<'_>) -> Option<f64> {
    number.as_str().parse().ok()
}

/// How a message shows a value: `"text"`, `3`, `a list`.
pub(crate) fn shown(value: &DeValue<'_>) -> String {
    const LONGEST: usize = 40;
    match value {
        DeValue::String(text) if text.chars().count() > LONGEST => {
            format!("\"{}...\"", text.chars().take(LONGEST).collect::<String>())
        }
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => value.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Whether [`shown`] gives the value itself.
pub(crate) fn is_scalar(value: &DeValue<'_>) -> bool {
    !matches!(value, DeValue::Array(_) | DeValue::Table(_))
}

/// The entries of a table in the order of the file.
pub(crate) fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<std::borrow::Cow<'i, str>>, &'t Node<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Where `field` (dotted) of `table` was written, if it was.
pub(crate) fn place_of(table: &Node<'_>, field: &str) -> Option<Range<usize>> {
    let mut node = table;
    for key in field.split('.') {
        node = child(node, key)?;
    }
    Some(node.span())
}

/// The value at a key of a table or at a position of a list.
pub(crate) fn child<'t, 'i>(node: &'t Node<'i>, key: &str) -> Option<&'t Node<'i>> {
    match node.get_ref() {
        DeValue::Table(table) => table.get(key),
        DeValue::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

/// `over` laid upon `base`: tables are merged, everything else is replaced. A table that names
/// another plugin replaces the base's, whose fields would not be its own.
pub(crate) fn merged<'i>(base: Option<&Node<'i>>, over: Option<&Node<'i>>) -> Option<Node<'i>> {
    let (base, over) = match (base, over) {
        (Some(base), Some(over)) => (base, over),
        (one, other) => return one.or(other).cloned(),
    };
    let (DeValue::Table(below), DeValue::Table(above)) = (base.get_ref(), over.get_ref()) else {
        return Some(over.clone());
    };
    let name = |table: &DeTable<'i>| {
        table.get("name").and_then(|name| name.get_ref().as_str().map(str::to_owned))
    };
    if name(above).is_some_and(|above| name(below).as_ref() != Some(&above)) {
        return Some(over.clone());
    }
    let mut table = below.clone();
    for (key, value) in above.iter() {
        let value = merged(below.get(key.get_ref().as_ref()), Some(value));
        if let Some(value) = value {
            table.remove(key.get_ref().as_ref());
            table.insert(key.clone(), value);
        }
    }
    Some(Spanned::new(over.span(), DeValue::Table(table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Node<'_> {
        let table = DeTable::parse(text).unwrap();
        Spanned::new(table.span(), DeValue::Table(table.into_inner()))
    }

    #[test]
    fn merging_keeps_places_and_replaces_other_plugins() {
        let text = "[base]\niterations = 5\n[base.optimizer]\nname = 'sgd'\nlr = 1\n\
                    [same]\noptimizer = { lr = 2 }\n[other]\noptimizer = { name = 'adam' }\n";
        let root = parse(text);
        let same = merged(child(&root, "base"), child(&root, "same")).unwrap();
        assert_eq!(&text[place_of(&same, "optimizer.name").unwrap()], "'sgd'");
        assert_eq!(&text[place_of(&same, "optimizer.lr").unwrap()], "2");
        assert_eq!(&text[place_of(&same, "iterations").unwrap()], "5");
        let other = merged(child(&root, "base"), child(&root, "other")).unwrap();
        assert_eq!(&text[place_of(&other, "optimizer.name").unwrap()], "'adam'");
        assert_eq!(place_of(&other, "optimizer.lr"), None);
    }
}
