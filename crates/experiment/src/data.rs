//! The `[data]` table: data set, tasks, protocol, transform.

use std::ops::Range;

use serde::Deserialize;
use toml::de::ValueDeserializer;

use crate::Diagnostics;
use crate::datasets::{DatasetInfo, Datasets};
use crate::raw::{RawData, RawProtocol, RawTasks};
use crate::streams::{self, Streams};
use crate::suggest::{did_you_mean, list};
use crate::table::read;
use crate::tree::{Node, child};
use isthmus_core::spec::{ClassSets, DataSpec, LogMel, Protocol, StreamOrder, Task, Transform};
use isthmus_core::targets::TargetKind;

/// Reads `[data]`.
pub(crate) fn check(
    node: &Node<'_>,
    datasets: &Datasets,
    diagnostics: &mut Diagnostics,
) -> Option<DataSpec> {
    let raw: RawData = read(node, diagnostics)?;
    let transform = raw.transform;
    if let (Some(transform), Some(node)) = (&transform, child(node, "transform")) {
        check_transform(transform, node, diagnostics);
    }
    let protocol = Protocol::from(raw.protocol);
    let named = child(node, "dataset").map_or(node.span(), Node::span);
    let Some(info) = datasets.get(&raw.dataset) else {
        let known: Vec<&str> = datasets.keys().map(String::as_str).collect();
        let help = did_you_mean(&raw.dataset, known.iter().copied()).unwrap_or_else(|| {
            format!(
                "the data sets are {}; a file `datasets/{}.toml` adds one",
                list(&known),
                raw.dataset
            )
        });
        diagnostics.error_with(named, format!("unknown data set `{}`", raw.dataset), help);
        return None;
    };
    let info = match info {
        Ok(info) => info,
        Err(problem) => {
            let message = format!("the data set `{}` cannot be used", raw.dataset);
            diagnostics.error_with(named, message, problem.as_str());
            return None;
        }
    };
    if raw.stream_order == StreamOrder::ByLabel && !raw.target_labels {
        diagnostics.error_with(
            child(node, "stream_order").map_or(node.span(), Node::span),
            "`stream_order = \"by-label\"` takes target labels, which `target_labels = false` drops",
            "`shuffled` and `natural` take none",
        );
    }
    let streams = streams::read(child(node, "streams"), &raw.streams, info, diagnostics);
    let tasks = Tasks {
        dataset: &raw.dataset,
        info,
        protocol,
        streams: &streams?,
        node: child(node, "tasks")?,
    }
    .check(&raw.tasks, diagnostics)?;
    if let (Some(sets), Some(node)) = (&raw.classes, child(node, "classes")) {
        check_classes(sets, info.targets, node, diagnostics);
    }
    // Which views and feature transforms fit depends on the extractor too.
    Some(DataSpec {
        dataset: raw.dataset,
        tasks,
        protocol,
        target_labels: raw.target_labels,
        stream_order: raw.stream_order,
        classes: raw.classes,
        transform,
        feature_transforms: Vec::new(),
        views: None,
    })
}

impl DatasetInfo {
    fn has_test_set(&self, domain: &str) -> bool {
        self.domains.iter().any(|one| one.name == domain && one.has_test_set)
    }
}

/// Whether some samples of every target are tested on and not trained on; `None` where it cannot
/// be told because of other mistakes.
pub(crate) fn holds_out(
    node: &Node<'_>,
    checked: Option<&DataSpec>,
    datasets: &Datasets,
) -> Option<bool> {
    let protocol = match child(node, "protocol") {
        None => RawProtocol::default(),
        Some(node) => RawProtocol::deserialize(ValueDeserializer::from(node.clone())).ok()?,
    };
    match protocol {
        RawProtocol::Transductive => Some(false),
        RawProtocol::Split(_) => Some(true),
        RawProtocol::Given => {
            let spec = checked?;
            let info = datasets.get(&spec.dataset)?.as_ref().ok()?;
            let mut targets = spec.tasks.iter().flat_map(Task::target_domains);
            Some(targets.all(|target| info.has_test_set(target)))
        }
    }
}

impl From<RawProtocol> for Protocol {
    fn from(raw: RawProtocol) -> Self {
        match raw {
            RawProtocol::Transductive => Self::Transductive,
            RawProtocol::Given => Self::Given,
            RawProtocol::Split(test_share) => Self::Split { test_share },
        }
    }
}

struct Tasks<'a, 'i> {
    dataset: &'a str,
    info: &'a DatasetInfo,
    protocol: Protocol,
    streams: &'a Streams,
    node: &'a Node<'i>,
}

impl Tasks<'_, '_> {
    fn check(&self, raw: &RawTasks, diagnostics: &mut Diagnostics) -> Option<Vec<Task>> {
        let errors = diagnostics.errors();
        let tasks = match raw {
            RawTasks::One(text) if text == "all" => self.all(diagnostics),
            RawTasks::One(text) => self.task(text, self.node, diagnostics).into_iter().collect(),
            RawTasks::Many(texts) => {
                let mut tasks: Vec<Task> = Vec::new();
                for (position, text) in texts.iter().enumerate() {
                    let Some(node) = child(self.node, &position.to_string()) else { continue };
                    let Some(task) = self.task(text, node, diagnostics) else { continue };
                    if tasks.contains(&task) {
                        diagnostics.error(node.span(), format!("the task `{task}` is there twice"));
                    }
                    tasks.push(task);
                }
                tasks
            }
        };
        (diagnostics.errors() == errors).then_some(tasks)
    }

    fn all(&self, diagnostics: &mut Diagnostics) -> Vec<Task> {
        let names: Vec<&str> = self.names();
        if names.len() < 2 {
            let message = format!("`{}` has the domains {}: no pair", self.dataset, list(&names));
            diagnostics.error(self.node.span(), message);
        }
        let mut tasks = Vec::new();
        for source in &names {
            for target in names.iter().filter(|target| *target != source) {
                let task = Task::new([*source], *target);
                self.check_test_set(&task, &self.node.span(), diagnostics);
                tasks.push(task);
            }
        }
        tasks
    }

    /// Reads `source + source -> target`.
    fn task(&self, text: &str, node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<Task> {
        let form = "write `source -> target`, or `source + source -> target`";
        let Some((sources, target)) = text.split_once("->") else {
            let message = format!("the task `{text}` has no `->`");
            diagnostics.error_with(node.span(), message, form);
            return None;
        };
        let sources: Vec<&str> = sources.split('+').map(str::trim).collect();
        let target = target.trim();
        if sources.iter().chain([&target]).any(|name| name.is_empty()) {
            let message = format!("the task `{text}` lacks a domain");
            diagnostics.error_with(node.span(), message, form);
            return None;
        }
        let errors = diagnostics.errors();
        let names = self.names();
        let stream = self.streams.get(target);
        for &name in sources.iter().chain(stream.is_none().then_some(&target)) {
            if self.streams.contains_key(name) {
                diagnostics.error_with(
                    part(node, text, name),
                    format!("`{name}` is a stream"),
                    "a stream can be a target; sources are domains",
                );
            } else if !names.contains(&name) {
                let message = format!("`{name}` is not a domain of `{}`", self.dataset);
                let help = did_you_mean(name, names.iter().copied())
                    .unwrap_or_else(|| format!("it has {}", list(&names)));
                diagnostics.error_with(part(node, text, name), message, help);
            }
        }
        if sources.contains(&target) {
            let message = format!("`{target}` is source and target of the same task");
            diagnostics.error(node.span(), message);
        }
        if let Some(twice) = sources
            .iter()
            .enumerate()
            .find_map(|(at, name)| sources[..at].contains(name).then_some(name))
        {
            let message = format!("the source `{twice}` is there twice");
            diagnostics.error(node.span(), message);
        }
        let shifts = stream.cloned().unwrap_or_default();
        let task = Task { shifts, ..Task::new(sources, target) };
        self.check_shared_samples(&task, &node.span(), diagnostics);
        if diagnostics.errors() > errors {
            return None;
        }
        self.check_test_set(&task, &node.span(), diagnostics);
        Some(task)
    }

    /// Refuses a stream that would test on the samples that a source is trained on.
    fn check_shared_samples(
        &self,
        task: &Task,
        span: &Range<usize>,
        diagnostics: &mut Diagnostics,
    ) {
        if task.shifts.is_empty() {
            return;
        }
        let apart =
            |domain: &str| self.protocol == Protocol::Given && self.info.has_test_set(domain);
        let is_source = |domain: &&str| task.sources.iter().any(|source| source == domain);
        let shared = task.target_domains().into_iter().find(|it| is_source(it) && !apart(it));
        if let Some(domain) = shared {
            diagnostics.error_with(
                span.clone(),
                format!("the source `{domain}` and the stream `{}` share samples", task.target),
                "a source can be in a stream where it has a test set of its own and `protocol` is \
                 `given`; else give each its own domain in the data set's descriptor",
            );
        }
    }

    /// Warns where a test set is asked for that the descriptor does not have.
    fn check_test_set(&self, task: &Task, span: &Range<usize>, diagnostics: &mut Diagnostics) {
        let mut targets = task.target_domains().into_iter();
        let without = targets.find(|target| !self.info.has_test_set(target));
        if let (Protocol::Given, Some(target)) = (self.protocol, without) {
            diagnostics.warn(
                span.clone(),
                format!(
                    "`{target}` has no test set of its own: it is tested on the samples that it is \
                     trained on, without their labels",
                ),
                "to hold out a share: `protocol = { split = 0.3 }`",
            );
        }
    }

    fn names(&self) -> Vec<&str> {
        self.info.domains.iter().map(|domain| domain.name.as_str()).collect()
    }
}

fn check_classes(
    sets: &ClassSets,
    targets: Option<TargetKind>,
    node: &Node<'_>,
    diagnostics: &mut Diagnostics,
) {
    if let Some(kind) = targets.filter(|kind| *kind != TargetKind::Classes) {
        let message =
            format!("`classes` needs one class for each sample, this data set has {kind}");
        diagnostics.error(node.span(), message);
    }
    for (field, names) in [("source", &sets.source), ("target", &sets.target)] {
        let names = names.as_deref().unwrap_or_default();
        let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        if let Some((_, name)) = twice {
            let span = child(node, field).map_or(node.span(), Node::span);
            diagnostics.error(span, format!("the class `{name}` is there twice"));
        }
    }
    if sets.source.as_ref().is_some_and(|names| names.len() == 1) {
        let span = child(node, "source").map_or(node.span(), Node::span);
        diagnostics.error(span, "a source of one class teaches nothing: name at least two");
    }
}

/// Checks what the ranges of single fields cannot say.
fn check_transform(transform: &Transform, node: &Node<'_>, diagnostics: &mut Diagnostics) {
    let span = |field: &str| child(node, field).map_or(node.span(), Node::span);
    if let (Some(resize), Some(crop)) = (transform.resize, transform.crop)
        && crop > resize
    {
        diagnostics
            .error(span("crop"), format!("`crop = {crop}` must be <= `resize`, which is {resize}"));
    }
    if let Some([smallest, largest]) = transform.random_crop {
        if !(0.0 < smallest && smallest <= largest && largest <= 1.0) {
            diagnostics.error_with(
                span("random_crop"),
                "`random_crop` must be shares of the image's area, the smallest first",
                "for example `random_crop = [0.08, 1.0]`",
            );
        } else if transform.crop.is_none() {
            diagnostics.error_with(
                span("random_crop"),
                "`random_crop` needs `crop`, the size that the part is brought to",
                "for example `crop = 224`",
            );
        }
    }
    for (field, values) in [("mean", &transform.mean), ("std", &transform.std)] {
        let fits = match transform.channels {
            Some(channels) => values.len() == 1 || values.len() == channels,
            None => values.len() == 1 || values.len() == 3,
        };
        if !fits {
            let message = format!(
                "`{field}` has {} values, must have one, or one for each channel",
                values.len()
            );
            diagnostics.error(span(field), message);
        }
    }
    if transform.std.iter().any(|value| *value <= 0.0) {
        diagnostics.error(span("std"), "`std` divides: each value must be > 0");
    }
    if transform.channels == Some(2) {
        diagnostics.error(span("channels"), "`channels = 2` must be 1 or 3");
    }
    if let Some(LogMel { frame, step, .. }) = transform.log_mel
        && step > frame
    {
        let node = child(node, "log_mel").unwrap_or(node);
        diagnostics.error(
            child(node, "step").map_or(node.span(), Node::span),
            format!(
                "`step = {step}` must be <= `frame`, which is {frame}: it would leave sound out"
            ),
        );
    }
}

/// The place of a part of a text within its value, where the text has no escapes.
fn part(node: &Node<'_>, text: &str, wanted: &str) -> Range<usize> {
    let span = node.span();
    // One quote at either end: then the text stands in the file as it is.
    match text.find(wanted) {
        Some(at) if span.len() == text.len() + 2 => {
            span.start + 1 + at..span.start + 1 + at + wanted.len()
        }
        _ => span,
    }
}
