//! The order of the values that a sweep set.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Settings key by key, as [`by_value`].
pub(crate) fn by_settings(first: &Map<String, Value>, second: &Map<String, Value>) -> Ordering {
    let (one, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (first.iter().collect(), second.iter().collect());
    for ((key, value), (other_key, other_value)) in one.iter().zip(&other) {
        let order = key.cmp(other_key).then_with(|| by_value(value, other_value));
        if order != Ordering::Equal {
            return order;
        }
    }
    first.len().cmp(&second.len())
}

/// Numbers as numbers and before everything else, other values by their text.
pub(crate) fn by_value(first: &Value, second: &Value) -> Ordering {
    match (first.as_f64(), second.as_f64()) {
        (Some(first), Some(second)) => first.total_cmp(&second),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => first.to_string().cmp(&second.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let mut all = [json!("b"), json!(10), json!(9.5), json!(true), json!("a")];
        all.sort_by(by_value);
        assert_eq!(all, [json!(9.5), json!(10), json!("a"), json!("b"), json!(true)]);
        let map = |value: Value| value.as_object().unwrap().clone();
        let (one, other) = (map(json!({ "lr": 2, "a": 1 })), map(json!({ "a": 1, "lr": 10 })));
        assert_eq!(by_settings(&one, &other), Ordering::Less);
    }
}
