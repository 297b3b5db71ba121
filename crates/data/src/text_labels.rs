//! Labels that are texts of a file, to classes.

use std::collections::BTreeSet;

use crate::labels::{Labels, named};

/// The classes of texts. Whole numbers from `first` on count the classes; other whole numbers, such
/// as -1 and 1, are the classes' names, in the order of their values; so are other texts, in
/// alphabetical order. An empty text is no class.
pub(crate) fn text_labels(texts: &[&str], first: i64) -> Labels {
    let numbers: Vec<Option<i64>> = texts.iter().map(|text| whole_number(text)).collect();
    if texts.iter().zip(&numbers).any(|(text, number)| !text.is_empty() && number.is_none()) {
        return named(texts.iter().copied());
    }
    let counted = |number: i64| number.checked_sub(first).and_then(|it| u32::try_from(it).ok());
    if numbers.iter().flatten().all(|number| counted(*number).is_some()) {
        let classes = numbers.into_iter().map(|number| number.and_then(counted)).collect();
        return Labels { classes, names: None };
    }
    // By value; a number that is written in two ways is one class.
    let values: BTreeSet<i64> = numbers.iter().flatten().copied().collect();
    let values: Vec<i64> = values.into_iter().collect();
    let class = |number| values.binary_search(&number).ok().map(|place| place as u32);
    Labels {
        classes: numbers.into_iter().map(|number| number.and_then(class)).collect(),
        names: Some(values.iter().map(i64::to_string).collect()),
    }
}

/// A whole number, also where it is written as `3.0`.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    text.parse().ok().or_else(|| text.parse().ok().filter(exact).map(|number: f64| number as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], first: i64) -> (Vec<Option<u32>>, Option<Vec<String>>) {
        let Labels { classes, names } = text_labels(texts, first);
        (classes, names)
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn numbers_count_and_texts_name_the_classes() {
        assert_eq!(of(&["1", "3.0", "", "2"], 1), (vec![Some(0), Some(2), None, Some(1)], None));
        let (classes, names) = of(&["1", "-1", "+1.0"], 0);
        assert_eq!((classes, names.unwrap()), (vec![Some(1), Some(0), Some(1)], words("-1 1")));
        let (classes, names) = of(&["b", "10", "", "b"], 0);
        assert_eq!(classes, [Some(1), Some(0), None, Some(1)]);
        assert_eq!(names.unwrap(), words("10 b"));
        // Numbers come by value, not by their digits.
        assert_eq!(of(&["10", "9", "-2"], 0).1.unwrap(), words("-2 9 10"));
    }
}
