//! What a data set holds, as text.

use isthmus_data::{Overview, SetOverview};

use crate::commands::check::{aligned, shown};
use crate::page::Page;

/// Classes that are listed; of more, the first ones.
const MOST: usize = 60;

/// Sets, classes and their balance.
pub(super) fn text(read: &Overview, page: &Page) -> String {
    let mut rows = vec![words(&["domain", "samples", "without target", "samples are"])];
    for set in &read.sets {
        rows.push(vec![
            heading(set),
            set.rows.to_string(),
            set.unlabelled.to_string(),
            set.shape.clone(),
        ]);
    }
    let mut text = aligned(&rows);
    text.push('\n');
    let has_counts = |set: &&SetOverview| !set.counts.is_empty();
    let sets: Vec<&SetOverview> = read.sets.iter().filter(has_counts).collect();
    if sets.is_empty() {
        let names: Vec<String> = read.classes.iter().map(|name| shown(name)).collect();
        if !names.is_empty() {
            text.push_str(&page.wrapped(&format!("to predict: {}", names.join(", ")), 0));
        }
        return text;
    }
    for part in parts(&sets, read, page) {
        text.push_str(&aligned(&class_rows(part, read)));
        text.push('\n');
    }
    for set in sets {
        text.push_str(&page.wrapped(&balance(set, &read.classes), 0));
    }
    text
}

/// Number of samples by class and set.
fn class_rows(sets: &[&SetOverview], read: &Overview) -> Vec<Vec<String>> {
    let mut rows = vec![row(sets, "class".to_owned(), &|set| heading(set))];
    for (class, name) in read.classes.iter().enumerate().take(MOST) {
        rows.push(row(sets, shown(name), &|set| set.counts[class].to_string()));
    }
    if read.classes.len() > MOST {
        let more = format!("and {} more", read.classes.len() - MOST);
        rows.push(row(sets, more, &|_| String::new()));
    }
    rows.push(row(sets, "all".to_owned(), &|set| set.counts.iter().sum::<usize>().to_string()));
    rows
}

/// The sets in parts whose tables are no wider than the page, the classes repeated in each.
fn parts<'s, 'r>(
    sets: &'s [&'r SetOverview],
    read: &Overview,
    page: &Page,
) -> Vec<&'s [&'r SetOverview]> {
    let fits = |part: &[&SetOverview]| {
        let rows = aligned(&class_rows(part, read));
        rows.lines().all(|line| line.chars().count() <= page.width)
    };
    let mut parts = Vec::new();
    let mut rest = sets;
    while !rest.is_empty() {
        let mut size = rest.len();
        while size > 1 && !fits(&rest[..size]) {
            size -= 1;
        }
        let (part, after) = rest.split_at(size);
        parts.push(part);
        rest = after;
    }
    parts
}

/// A set's name: the domain, and `train` or `test`.
pub(super) fn heading(set: &SetOverview) -> String {
    match set.part {
        Some(part) => format!("{} ({part})", shown(&set.domain)),
        None => shown(&set.domain),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn row(sets: &[&SetOverview], first: String, cell: &dyn Fn(&SetOverview) -> String) -> Vec<String> {
    std::iter::once(first).chain(sets.iter().map(|set| cell(set))).collect()
}

/// How unequal the classes of a set are, in a sentence.
fn balance(set: &SetOverview, classes: &[String]) -> String {
    let of = |(class, count): (usize, &usize)| (*count, class);
    let present = || set.counts.iter().enumerate().map(of).filter(|(count, _)| *count > 0);
    let absent = set.counts.len() - present().count();
    let (Some((least, small)), Some((most, large))) = (present().min(), present().max()) else {
        return format!("{}: no sample has a class.", heading(set));
    };
    let mut text = if least == most {
        format!("{}: {most} of each class", heading(set))
    } else {
        format!(
            "{}: `{}` has most samples ({most}), `{}` fewest ({least}), {:.1} times as many",
            heading(set),
            shown(&classes[large]),
            shown(&classes[small]),
            most as f64 / least as f64
        )
    };
    if absent > 0 {
        let names: Vec<String> = (0..set.counts.len())
            .filter(|&class| set.counts[class] == 0)
            .map(|class| shown(&classes[class]))
            .take(12)
            .collect();
        text.push_str(&format!("; {absent} classes have none ({})", names.join(", ")));
    }
    text.push('.');
    text
}
