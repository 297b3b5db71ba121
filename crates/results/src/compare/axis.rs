//! The rows or columns of a table: what they are called, and in which order they come.

use std::cmp::Ordering;
use std::collections::HashMap;

use isthmus_core::corruption::Severity;
use isthmus_core::spec::{Shift, Task};

use super::dimension::setting;
use super::runs::Chosen;
use super::settings::{by_settings, by_value};
use super::{Dimension, Label, Selection};
use crate::record::RunInfo;

/// What a choice is filed under; borrowed, since there may be many choices.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Task(&'a Task),
    Sources(&'a [String]),
    Severity(Option<Severity>),
    Seed(u64),
    Setting(String),
}

fn key<'a>(dimension: &Dimension, choice: &'a Chosen<'_>) -> Key<'a> {
    match dimension {
        Dimension::Method => Key::Text(choice.method),
        Dimension::Task => Key::Task(&choice.run.task),
        Dimension::Source => Key::Sources(&choice.run.task.sources),
        Dimension::Target => Key::Text(&choice.run.task.target),
        Dimension::Experiment => Key::Text(&choice.run.experiment),
        Dimension::Dataset => Key::Text(&choice.run.dataset),
        Dimension::Shift => Key::Text(choice.shift.map_or("", Shift::kind)),
        Dimension::Severity => Key::Severity(choice.shift.and_then(Shift::severity)),
        Dimension::Seed => Key::Seed(choice.run.seed),
        Dimension::Selection => Key::Text(choice.selection.name()),
        Dimension::Setting(_) => Key::Setting(dimension.value(choice.run, "", "")),
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
    pub fn new(choices: &[&Chosen<'_>], dimension: &Dimension) -> Self {
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let mut places = Vec::with_capacity(choices.len());
        for choice in choices {
            let position = position(dimension, choice);
            let upper_bound = *dimension == Dimension::Method && choice.run.target_labels_used;
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
            let Chosen { run, method, selection, shift, .. } = entry.first;
            let of_shift = shift.and_then(|shift| dimension.value_of_shift(shift));
            of_shift.unwrap_or_else(|| dimension.value(run, method, selection.name()))
        };
        let mut order: Vec<(usize, String)> =
            entries.iter().enumerate().map(|(place, entry)| (place, text(entry))).collect();
        order.sort_by(|(a, a_text), (b, b_text)| {
            let (a, b) = (&entries[*a], &entries[*b]);
            let settings = || match dimension {
                Dimension::Method => by_settings(&a.first.run.settings, &b.first.run.settings),
                Dimension::Seed => a.first.run.seed.cmp(&b.first.run.seed),
                // Runs without the setting come last.
                Dimension::Setting(key) => {
                    match (setting(a.first.run, key), setting(b.first.run, key)) {
                        (Some((_, a)), Some((_, b))) => by_value(a, b),
                        (a, b) => b.is_some().cmp(&a.is_some()),
                    }
                }
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
                let task = (*dimension == Dimension::Task).then(|| first.run.task.clone());
                Label { text, task, upper_bound: *upper_bound }
            })
            .collect();
        let places = places.into_iter().map(|place| sorted[place]).collect();
        Self { labels, places }
    }
}

/// Place among the rows or columns; equal places are ordered by name.
fn position(dimension: &Dimension, choice: &Chosen<'_>) -> usize {
    let RunInfo { position, .. } = choice.run;
    match dimension {
        Dimension::Method => position.method,
        Dimension::Task | Dimension::Source | Dimension::Target => position.task,
        Dimension::Experiment | Dimension::Dataset | Dimension::Seed | Dimension::Setting(_) => 0,
        // In the order of the stream.
        Dimension::Shift => {
            let shifts = &choice.run.task.shifts;
            shifts.iter().position(|shift| Some(shift) == choice.shift).unwrap_or(shifts.len())
        }
        Dimension::Severity => choice
            .shift
            .and_then(Shift::severity)
            .map_or(0, |severity| usize::from(severity.level())),
        Dimension::Selection => match choice.selection {
            Selection::Last => 0,
            Selection::Validator(_) => 1,
            Selection::Oracle => 2,
        },
    }
}
