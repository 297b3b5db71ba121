//! Labels of rows and columns, long and short.

use std::collections::BTreeSet;

use isthmus_core::spec::Task;

use crate::compare::Label;

/// The label in full, with `arrow` between source and target.
pub(super) fn full(label: &Label, arrow: &str) -> String {
    let text = match &label.task {
        Some(task) => format!("{}{arrow}{}", task.sources.join(" + "), task.target),
        None => label.text.clone(),
    };
    if label.upper_bound { format!("{text} (upper bound)") } else { text }
}

/// Names up to this length stay as they are: nothing is gained by cutting them.
const SHORT: usize = 3;
/// A cut that saves less than this is not made.
const SAVING: usize = 2;

/// Short names of domains: of each domain the shortest beginning that no other domain shares, with
/// a capital (`A→W`). A name that is short already, or would hardly become shorter, stays as it is,
/// and no number is cut (`s07→s18`).
#[derive(Debug, Default)]
pub(super) struct ShortNames {
    names: Vec<(String, String)>,
}

impl ShortNames {
    /// Short names for the domains of the tasks among `labels`.
    pub(super) fn of<'a>(labels: impl IntoIterator<Item = &'a Label>) -> Self {
        let mut domains: BTreeSet<&str> = BTreeSet::new();
        for task in labels.into_iter().filter_map(|label| label.task.as_ref()) {
            domains.extend(task.sources.iter().map(String::as_str));
            domains.insert(&task.target);
        }
        let names = domains
            .iter()
            .map(|domain| ((*domain).to_owned(), shortened(domain, &domains)))
            .collect();
        Self { names }
    }

    /// The task in short.
    pub(super) fn task(&self, task: &Task) -> String {
        let sources: Vec<&str> = task.sources.iter().map(|source| self.domain(source)).collect();
        format!("{}→{}", sources.join("+"), self.domain(&task.target))
    }

    /// What the short names mean, all of them; empty where none is shorter.
    pub(super) fn legend(&self) -> String {
        self.names
            .iter()
            .filter(|(name, short)| name != short)
            .map(|(name, short)| format!("{short} = {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn domain<'a>(&'a self, domain: &'a str) -> &'a str {
        let found = self.names.iter().find(|(name, _)| name == domain);
        found.map_or(domain, |(_, short)| short.as_str())
    }
}

fn shortened(domain: &str, all: &BTreeSet<&str>) -> String {
    let length = domain.chars().count();
    let short = if length <= SHORT { domain } else { shortest(domain, all) };
    if short.chars().count() + SAVING > length { domain.to_owned() } else { capital(short) }
}

fn shortest<'a>(domain: &'a str, all: &BTreeSet<&str>) -> &'a str {
    let mut characters = domain.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let end = start + character.len_utf8();
        let in_number = character.is_numeric()
            && characters.peek().is_some_and(|(_, following)| following.is_numeric());
        let beginning = domain[..end].to_lowercase();
        let shared = all
            .iter()
            .any(|other| *other != domain && other.to_lowercase().starts_with(&beginning));
        if !shared && !in_number {
            return &domain[..end];
        }
    }
    domain
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(source: &str, target: &str) -> Label {
        let task = Task::new([source], target);
        Label { text: task.to_string(), task: Some(task), upper_bound: false }
    }

    fn short(labels: &[Label]) -> Vec<String> {
        let names = ShortNames::of(labels);
        labels.iter().map(|label| names.task(label.task.as_ref().unwrap())).collect()
    }

    #[test]
    fn initials_where_they_differ() {
        let labels = [label("amazon", "webcam"), label("dslr", "amazon")];
        assert_eq!(short(&labels), ["A→W", "D→A"]);
        let names = ShortNames::of(&labels);
        assert_eq!(names.legend(), "A = amazon, D = dslr, W = webcam");
    }

    #[test]
    fn as_much_as_is_needed_where_initials_are_shared() {
        let labels = [label("clipart", "caltech"), label("mnist", "mnist_m")];
        assert_eq!(short(&labels), ["Cl→Ca", "mnist→mnist_m"]);
        assert_eq!(ShortNames::of(&labels).legend(), "Ca = caltech, Cl = clipart");
    }

    #[test]
    fn numbers_are_never_cut_and_the_legend_explains_every_name_that_changed() {
        let labels = [label("s07", "s18"), label("s1", "s18")];
        assert_eq!(short(&labels), ["s07→s18", "s1→s18"]);
        assert_eq!(ShortNames::of(&labels).legend(), "");
        let labels = [label("subject07", "subject18"), label("batch10-cold", "batch100-cold")];
        assert_eq!(short(&labels), ["subject07→subject18", "Batch10-→Batch100"]);
        let names = ShortNames::of(&labels);
        assert_eq!(names.legend(), "Batch10- = batch10-cold, Batch100 = batch100-cold");
    }
}
