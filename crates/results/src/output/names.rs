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

/// Short names of domains: of each domain the shortest beginning that no other domain shares,
/// or the whole name where there is none, with a capital (`A→W`).
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
            .map(|domain| ((*domain).to_owned(), capital(shortest(domain, &domains))))
            .collect();
        Self { names }
    }

    /// The task in short.
    pub(super) fn task(&self, task: &Task) -> String {
        let sources: Vec<&str> = task.sources.iter().map(|source| self.domain(source)).collect();
        format!("{}→{}", sources.join("+"), self.domain(&task.target))
    }

    /// What the short names mean; empty where none is shorter.
    pub(super) fn legend(&self) -> String {
        self.names
            .iter()
            .filter(|(name, short)| name.chars().count() != short.chars().count())
            .map(|(name, short)| format!("{short} = {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn domain<'a>(&'a self, domain: &'a str) -> &'a str {
        let found = self.names.iter().find(|(name, _)| name == domain);
        found.map_or(domain, |(_, short)| short.as_str())
    }
}

fn shortest<'a>(domain: &'a str, all: &BTreeSet<&str>) -> &'a str {
    let ends = domain.char_indices().map(|(start, c)| start + c.len_utf8());
    for end in ends {
        let beginning = domain[..end].to_lowercase();
        let shared = all
            .iter()
            .any(|other| *other != domain && other.to_lowercase().starts_with(&beginning));
        if !shared {
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
        let task = Task { sources: vec![source.to_owned()], target: target.to_owned() };
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
        assert_eq!(short(&labels), ["Cl→Ca", "Mnist→Mnist_"]);
    }
}
