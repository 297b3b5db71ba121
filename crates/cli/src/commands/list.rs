//! `isthmus list`.

use std::borrow::Cow;

use isthmus_core::registry::{Kind, MethodBuilder, Plugin, plugins};

use crate::args::ListKind;
use crate::datasets;
use crate::failure::Failure;
use crate::page::Page;

/// One group of the list.
struct Group {
    title: String,
    /// Names and what they are.
    entries: Vec<(String, String)>,
}

/// The names of all plugins and data sets, or those of one kind.
pub fn text(kind: Option<ListKind>, page: &Page) -> Result<String, Failure> {
    let groups = match kind {
        Some(ListKind::Plugins(kind)) => vec![group(kind)],
        Some(ListKind::Datasets) => vec![dataset_group()?],
        None => {
            let mut groups: Vec<Group> = Kind::ALL.iter().copied().map(group).collect();
            groups.push(dataset_group()?);
            groups
        }
    };
    let width = groups
        .iter()
        .flat_map(|group| group.entries.iter().map(|(name, _)| name.chars().count()))
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (position, group) in groups.iter().enumerate() {
        if position > 0 {
            text.push('\n');
        }
        text.push_str(&page.bold(&group.title));
        text.push('\n');
        for (name, summary) in &group.entries {
            let indent = width + 4;
            let lines = page.wrapped(summary, indent);
            text.push_str(&format!("  {name:width$}  {}", lines.trim_start()));
        }
    }
    Ok(text)
}

fn group(kind: Kind) -> Group {
    let entries =
        plugins(kind).into_iter().map(|one| (one.about.name.to_owned(), summary(one))).collect();
    Group { title: kind.plural().to_owned(), entries }
}

fn dataset_group() -> Result<Group, Failure> {
    let entries = datasets::summaries()?;
    Ok(Group { title: "data sets".to_owned(), entries })
}

/// The plugin's own line, and what must be known before it is used.
pub fn summary(plugin: &Plugin) -> String {
    let mut text = plugin.about.summary.to_owned();
    let notes = notes(plugin);
    if !notes.is_empty() {
        text.push_str(&format!(" ({})", notes.join("; ")));
    }
    text
}

fn notes(plugin: &Plugin) -> Vec<Cow<'static, str>> {
    let mut notes: Vec<Cow<'static, str>> = Vec::new();
    let is_test_time = matches!(plugin.method(), Some(MethodBuilder::TestTime(_)));
    if plugin.needs.alone {
        notes.push("alone in its stage".into());
    }
    if is_test_time {
        notes.push("adapts while it predicts".into());
    }
    if plugin.needs.last && !is_test_time {
        notes.push("in the last stage".into());
    }
    if plugin.needs.trained_model {
        notes.push("after a stage that trains".into());
    }
    if let Some(grouping) = plugin.needs.grouping {
        notes.push(format!("with `normalization = \"{grouping}\"`").into());
    }
    if plugin.needs.target_labels {
        notes.push("upper bound: uses target labels".into());
    }
    notes
}
