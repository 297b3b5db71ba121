//! Where classes are in a list of names.

use std::collections::{BTreeMap, BTreeSet};

use crate::labels::class_name;

/// Where the classes of a list are, by name, or by value where all are whole numbers.
pub(crate) struct Places<'a> {
    by_name: BTreeMap<String, u32>,
    /// By value, where all are whole numbers.
    pub by_value: Option<BTreeMap<i64, u32>>,
    /// The list.
    pub names: &'a [String],
}

impl<'a> Places<'a> {
    /// Those of a list.
    pub fn of(names: &'a [String]) -> Self {
        let place = |place: usize| place as u32;
        let by_name =
            names.iter().enumerate().map(|(at, name)| (class_name(name), place(at))).collect();
        let by_value = whole_numbers(names)
            .map(|values| values.into_iter().enumerate().map(|(at, it)| (it, place(at))).collect());
        Self { by_name, by_value, names }
    }

    /// The place of each name, by its own; `None` if one is not there.
    pub fn of_all(&self, own: &[String]) -> Option<BTreeMap<u32, u32>> {
        let by_name = own.iter().map(|name| self.by_name.get(&class_name(name)).copied());
        let places = by_name.collect::<Option<Vec<u32>>>().or_else(|| {
            let by_value = self.by_value.as_ref()?;
            whole_numbers(own)?.iter().map(|value| by_value.get(value).copied()).collect()
        })?;
        Some((0..).zip(places).collect())
    }
}

/// The values of names that are all whole numbers, each its own.
pub(crate) fn whole_numbers(names: &[String]) -> Option<Vec<i64>> {
    let values = names.iter().map(|name| name.parse().ok()).collect::<Option<Vec<i64>>>()?;
    (values.iter().collect::<BTreeSet<_>>().len() == values.len()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_are_found_by_form_or_by_value() {
        let list = names(&["caf\u{e9}", "7"]);
        let found = Places::of(&list).of_all(&names(&["7", "cafe\u{301}"]));
        assert_eq!(found, Some(BTreeMap::from([(0, 1), (1, 0)])));
        assert_eq!(Places::of(&list).of_all(&names(&["07"])), None);
        let digits = names(&["0", "1", "10"]);
        let found = Places::of(&digits).of_all(&names(&["10", "00", "+1"]));
        assert_eq!(found, Some(BTreeMap::from([(0, 2), (1, 0), (2, 1)])));
    }

    #[test]
    fn names_of_one_value_are_no_numbers() {
        assert_eq!(whole_numbers(&names(&["1", "01"])), None);
        assert_eq!(whole_numbers(&names(&["-1", "20"])), Some(vec![-1, 20]));
        assert_eq!(whole_numbers(&names(&["1", "x"])), None);
    }
}
