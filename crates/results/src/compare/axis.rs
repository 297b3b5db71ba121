//! The rows or columns of a table: what they are called, and in which order they come.

use std::cmp::Ordering;
use std::collections::HashMap;

use isthmus_core::spec::Task;

use super::runs::Chosen;
use super::settings::by_settings;
use super::{Dimension, Label, Selection};
use crate::record::RunInfo;

/// What a choice is filed under; borrowed, since there may be many choices.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Task(&'a Task),
    Sources(&'a [String]),
}

fn key<'a>(dimension: Dimension, choice: &'a Chosen<'_>) -> Key<'a> {
    match dimension {
        Dimension::Method => Key::Text(choice.method),
        Dimension::Task => Key::Task(&choice.run.task),
        Dimension::Source => Key::Sources(&choice.run.task.sources),
        Dimension::Target => Key::Text(&choice.run.task.target),
        Dimension::Experiment => Key::Text(&choice.run.experiment),
        Dimension::Dataset => Key::Text(&choice.run.dataset),
        Dimension::Selection => Key::Text(choice.selection.name()),
    }
}

/// Labels in order, and for each choice the place of its label.
pub(super) struct Axis {
    pub labels: Vec<Label>,
    pub places: Vec<usize>,
}

struct Entry<'a> {
    first: &'a Chosen<'a>,
    position: usize,
    upper_bound: bool,
}

impl Axis {
    /// In the order of the experiment files and of a sweep's values, upper bounds last.
    pub fn new(choices: &[&Chosen<'_>], dimension: Dimension) -> Self {
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let mut places = Vec::with_capacity(choices.len());
        for choice in choices {
            let position = position(dimension, choice);
            let upper_bound = dimension == Dimension::Method && choice.run.target_labels_used;
            let place = *known.entry(key(dimension, choice)).or_insert_with(|| {
                entries.push(Entry { first: choice, position, upper_bound });
                entries.len() - 1
            });
            let entry = &mut entries[place];
            entry.position = entry.position.min(position);
            entry.upper_bound &= upper_bound;
            places.push(place);
        }
        let text = |entry: &Entry<'_>| {
            let Chosen { run, method, selection, .. } = entry.first;
            dimension.value(run, method, selection.name())
        };
        let mut order: Vec<(usize, String)> =
            entries.iter().enumerate().map(|(place, entry)| (place, text(entry))).collect();
        order.sort_by(|(a, a_text), (b, b_text)| {
            let (a, b) = (&entries[*a], &entries[*b]);
            let settings = || match dimension {
                Dimension::Method => by_settings(&a.first.run.settings, &b.first.run.settings),
                _ => Ordering::Equal,
            };
            (a.upper_bound, a.position)
                .cmp(&(b.upper_bound, b.position))
                .then_with(settings)
                .then_with(|| a_text.cmp(b_text))
        });
        let mut sorted = vec![0; entries.len()];
        let labels = order
            .into_iter()
            .enumerate()
            .map(|(place, (entry, text))| {
                sorted[entry] = place;
                let Entry { first, upper_bound, .. } = &entries[entry];
                let task = (dimension == Dimension::Task).then(|| first.run.task.clone());
                Label { text, task, upper_bound: *upper_bound }
            })
            .collect();
        let places = places.into_iter().map(|place| sorted[place]).collect();
        Self { labels, places }
    }
}

/// Place among the rows or columns; equal places are ordered by name.
fn position(dimension: Dimension, choice: &Chosen<'_>) -> usize {
    let RunInfo { position, .. } = choice.run;
    match dimension {
        Dimension::Method => position.method,
        Dimension::Task | Dimension::Source | Dimension::Target => position.task,
        Dimension::Experiment | Dimension::Dataset => 0,
        Dimension::Selection => match choice.selection {
            Selection::Last => 0,
            Selection::Validator(_) => 1,
            Selection::Oracle => 2,
        },
    }
}
