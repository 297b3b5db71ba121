//! The `[data.streams]` table: targets that are several domains in an order.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use crate::Diagnostics;
use crate::datasets::DatasetInfo;
use crate::plugin::{NAME, resolve};
use crate::raw::RawShift;
use crate::suggest::{did_you_mean, list};
use crate::tree::{Node, child, in_order};
use isthmus_core::corruption::Severity;
use isthmus_core::registry::{Kind, find};
use isthmus_core::spec::{CorruptionSpec, PluginSpec, Shift};

/// The streams of a file, by name.
pub(crate) type Streams = BTreeMap<String, Vec<Shift>>;

/// What is wrong with the name of a stream, where something is: tasks are written with it.
fn problem_of_name(name: &str, info: &DatasetInfo) -> Option<String> {
    if info.domains.iter().any(|domain| domain.name == name) {
        return Some(format!("the stream `{name}` has the name of a domain"));
    }
    if name.is_empty() || name.trim() != name {
        return Some(format!("the stream `{name}` begins or ends with a space, or has no name"));
    }
    let unwritable = name.contains('+') || name.contains("->") || name.contains(char::is_control);
    unwritable.then(|| format!("the stream `{name}` has `+`, `->` or a control character in it"))
}

/// Reads `[data.streams]`, which `raw` is of; `None` where it has mistakes.
pub(crate) fn read(
    node: Option<&Node<'_>>,
    raw: &BTreeMap<String, Vec<RawShift>>,
    info: &DatasetInfo,
    diagnostics: &mut Diagnostics,
) -> Option<Streams> {
    let Some(node) = node else { return Some(Streams::new()) };
    let DeValue::Table(table) = node.get_ref() else { return None };
    let errors = diagnostics.errors();
    let mut streams = Streams::new();
    for (key, listed) in in_order(table) {
        let name = key.get_ref().as_ref();
        if let Some(problem) = problem_of_name(name, info) {
            diagnostics.error(key.span(), problem);
        }
        let mut shifts: Vec<Shift> = Vec::new();
        for (position, raw) in raw.get(name).into_iter().flatten().enumerate() {
            let Some(node) = child(listed, &position.to_string()) else { continue };
            for shift in expand(raw, node, info, diagnostics) {
                if shifts.contains(&shift) {
                    let message = format!("the shift `{}` is there twice", shift.name());
                    diagnostics.error(node.span(), message);
                }
                shifts.push(shift);
            }
        }
        if raw.get(name).is_none_or(Vec::is_empty) {
            let example = "for example `[{ domain = \"DOMAIN\" }]`";
            let message = format!("the stream `{name}` has no domain");
            diagnostics.error_with(listed.span(), message, example);
        }
        streams.insert(name.to_owned(), shifts);
    }
    // Mistakes in a shift may have been told before, by the schema.
    let complete = streams.values().all(|shifts| !shifts.is_empty());
    (complete && diagnostics.errors() == errors).then_some(streams)
}

/// The shifts that an entry stands for: one, or one a severity.
fn expand(
    raw: &RawShift,
    node: &Node<'_>,
    info: &DatasetInfo,
    diagnostics: &mut Diagnostics,
) -> Vec<Shift> {
    let place = |key: &str| child(node, key).map_or(node.span(), Node::span);
    let domain = &raw.domain;
    let names: Vec<&str> = info.domains.iter().map(|domain| domain.name.as_str()).collect();
    if !names.contains(&domain.as_str()) {
        let help = did_you_mean(domain, names.iter().copied())
            .unwrap_or_else(|| format!("it has {}", list(&names)));
        let message = format!("`{domain}` is not a domain of the data set");
        diagnostics.error_with(place("domain"), message, help);
        return Vec::new();
    }
    let Some(corruption) = child(node, "corruption") else {
        if raw.severities.is_some() {
            diagnostics.error_with(
                place("severities"),
                "`severities` says how strong a corruption is, and there is none",
                "for example `corruption = { name = \"gaussian-noise\" }`",
            );
        }
        return vec![Shift { domain: domain.clone(), corruption: None }];
    };
    let Some(plugin) = resolve(Kind::Corruption, corruption, None, None, diagnostics) else {
        return Vec::new();
    };
    let name = child(corruption, NAME).map_or(corruption.span(), Node::span);
    refuse_unfit(&plugin, info, name, diagnostics);
    let all = || Severity::ALL.map(u8::from).to_vec();
    let levels = raw.severities.clone().unwrap_or_else(all);
    // The schema has refused other levels already.
    let severities = levels.into_iter().filter_map(|level| Severity::try_from(level).ok());
    let of = |severity| Shift {
        domain: domain.clone(),
        corruption: Some(CorruptionSpec { plugin: plugin.clone(), severity }),
    };
    severities.map(of).collect()
}

/// Refuses a corruption of other samples than the data set has.
fn refuse_unfit(
    plugin: &PluginSpec,
    info: &DatasetInfo,
    span: Range<usize>,
    diagnostics: &mut Diagnostics,
) {
    let (Some(kind), Some(found)) = (info.samples, find(Kind::Corruption, &plugin.name)) else {
        return;
    };
    let takes = (found.samples)(&plugin.config);
    if !takes.contains(&kind) {
        let takes: Vec<String> = takes.iter().map(ToString::to_string).collect();
        let message =
            format!("`{}` changes {}; the data set has {kind}", plugin.name, takes.join(" and "));
        diagnostics.error_with(span, message, "`isthmus list corruption` shows all of them");
    }
}
