//! Labels that are texts of a file, to classes.

use std::collections::BTreeMap;

use crate::labels::{Labels, class_name};

/// The classes of texts. Whole numbers from `first` on count the classes; other whole numbers, such
/// as -1 and 1, are the classes' names, in the order of their values; so are other texts, in
/// alphabetical order.
pub(crate) fn text_labels(texts: &[Option<String>], first: i64) -> Labels {
    let numbers: Vec<Option<i64>> =
        texts.iter().map(|text| text.as_deref().and_then(whole_number)).collect();
    let known = || texts.iter().flatten();
    let all_numbers = numbers.iter().flatten().count() == known().count();
    let count_from = |number: &i64| number.checked_sub(first).and_then(|it| u32::try_from(it).ok());
    if all_numbers && numbers.iter().flatten().all(|number| count_from(number).is_some()) {
        let classes = numbers.iter().map(|number| number.as_ref().and_then(count_from)).collect();
        return Labels { classes, names: None };
    }
    // Numbers by value, texts by their letters; a number written in two ways is one class.
    let key = |text: &String| match whole_number(text) {
        Some(number) if all_numbers => (number, number.to_string()),
        _ => (0, class_name(text)),
    };
    let mut places: BTreeMap<(i64, String), u32> = known().map(|text| (key(text), 0)).collect();
    for (place, class) in places.values_mut().zip(0..) {
        *place = class;
    }
    let classes = texts.iter().map(|text| text.as_ref().map(|text| places[&key(text)])).collect();
    let names = places.into_keys().map(|(_, name)| name).collect();
    Labels { classes, names: Some(names) }
}

/// A whole number, also where it is written as `3.0`.
fn whole_number(text: &str) -> Option<i64> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    text.parse().ok().or_else(|| text.parse().ok().filter(exact).map(|number: f64| number as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], first: i64) -> (Vec<Option<u32>>, Option<Vec<String>>) {
        let text = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
        let Labels { classes, names } =
            text_labels(&texts.iter().map(text).collect::<Vec<_>>(), first);
        (classes, names)
    }

    #[test]
    fn numbers_count_and_texts_name_the_classes() {
        assert_eq!(of(&["1", "3.0", "", "2"], 1), (vec![Some(0), Some(2), None, Some(1)], None));
        let (classes, names) = of(&["1", "-1", "+1.0"], 0);
        assert_eq!((classes, names.unwrap()), (vec![Some(1), Some(0), Some(1)], words("-1 1")));
        let (classes, names) = of(&["b", "10", "b"], 0);
        assert_eq!((classes, names.unwrap()), (vec![Some(1), Some(0), Some(1)], words("10 b")));
        // Numbers come by value, not by their digits.
        assert_eq!(of(&["10", "9", "-2"], 0).1.unwrap(), words("-2 9 10"));
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }
}
