//! A sweep's variants: the file with values set, each checked as a file of its own.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::de::DeValue;

use super::axis::{self, Axis, Choice, Choices};
use super::halving::{self, Competitors, Halving};
use super::variant::{Sweep, Variant};
use crate::check::variant;
use crate::datasets::Datasets;
use crate::document::with_values;
use crate::raw_sweep::RawSweep;
use crate::suggest::{did_you_mean, list};
use crate::table::read as read_table;
use crate::tree::{Node, child};
use crate::{Diagnostics, Severity, span_of};
use isthmus_core::registry::{self, ExtractorKind};
use isthmus_core::spec::Experiment;

/// Most variants of a sweep: checking them takes a second for each thousand or so.
const MOST: usize = 20_000;

/// A `[sweep]` table that is right in itself.
pub(crate) struct Read<'t, 'i> {
    node: &'t Node<'i>,
    axes: Vec<Axis>,
    seed: u64,
    count: Option<usize>,
    halving: Option<Halving>,
}

/// Reads `[sweep]`.
pub(crate) fn read<'t, 'i>(
    node: &'t Node<'i>,
    diagnostics: &mut Diagnostics,
) -> Option<Read<'t, 'i>> {
    let errors = diagnostics.errors();
    let values = child(node, "values");
    let axes = values.map(|values| axis::read_all(values, diagnostics)).unwrap_or_default();
    for (position, axis) in axes.iter().enumerate() {
        check_apart(&axes[..position], axis, diagnostics);
    }
    let halving = child(node, "halving");
    let halving = halving.and_then(|node| halving::read_table(node, diagnostics));
    let methods_compete =
        halving.as_ref().is_some_and(|halving| halving.compete == Competitors::Methods);
    let is_empty = values.is_none_or(|values| match values.get_ref() {
        DeValue::Table(table) => table.is_empty(),
        _ => false,
    });
    if is_empty && !methods_compete {
        diagnostics.error_with(
            values.unwrap_or(node).span(),
            "there is nothing to sweep",
            "for example `training.optimizer.lr = [0.001, 0.01]`",
        );
    }
    let raw: RawSweep = read_table(node, diagnostics)?;
    if diagnostics.errors() > errors {
        return None;
    }
    let drawn = axes.iter().find(|axis| axis.is_random());
    match (drawn, raw.count) {
        (Some(axis), None) => diagnostics.error_with(
            axis.span.clone(),
            format!("values of `{}` are drawn, and `sweep.count` does not say how many", axis.key),
            "for example `count = 8` in `[sweep]`",
        ),
        (None, Some(_)) => diagnostics.warn(
            child(node, "count").map_or(node.span(), Node::span),
            "nothing is drawn: `count` has no effect",
            "remove it, or give a range: `training.optimizer.lr = { log_uniform = [1e-4, 0.1] }`",
        ),
        _ => {}
    }
    (diagnostics.errors() == errors).then(|| Read {
        node,
        axes,
        seed: raw.seed.unwrap_or(1),
        count: raw.count,
        halving,
    })
}

/// Two settings of which one lies within the other would overwrite each other.
fn check_apart(axes: &[Axis], axis: &Axis, diagnostics: &mut Diagnostics) {
    for earlier in axes {
        let message = if earlier.path == axis.path {
            format!("`{}` is swept twice", axis.key)
        } else if earlier.path.starts_with(&axis.path) || axis.path.starts_with(&earlier.path) {
            format!("`{}` and `{}` are swept, and one holds the other", earlier.key, axis.key)
        } else {
            continue;
        };
        diagnostics.error(axis.key_span.clone(), message);
    }
}

type Setting<'a> = (&'a Axis, Choice);

impl Read<'_, '_> {
    /// Makes and checks the variants of the file `text`, which is right by itself and says
    /// `base`.
    pub(crate) fn expand(
        &self,
        text: &str,
        base: &Experiment,
        datasets: &Datasets,
        diagnostics: &mut Diagnostics,
    ) -> Option<Sweep> {
        let errors = diagnostics.errors();
        self.check_labels(base, diagnostics);
        if let (Some(halving), Some(node)) = (&self.halving, child(self.node, "halving")) {
            halving::check_validator(halving, node, base, diagnostics);
            halving::check_always(halving, node, base, diagnostics);
        }
        let groups = self.groups(base);
        let total: usize =
            groups.iter().map(|(_, axes)| self.number_of(axes)).fold(0, usize::saturating_add);
        if total > MOST {
            diagnostics.error_with(
                self.node.span(),
                format!("the sweep has {total} combinations, more than {MOST}"),
                "draw values from ranges: `count` says how many combinations there are then",
            );
        }
        if diagnostics.errors() > errors {
            return None;
        }
        let mut variants = Vec::new();
        let mut told = BTreeSet::new();
        for (methods, axes) in groups {
            for settings in self.combinations(&axes) {
                let file = File { text, datasets, base };
                let Some(experiment) = file.checked(&settings, &mut told, diagnostics) else {
                    continue;
                };
                let mut named: Vec<(&str, Value)> = settings
                    .into_iter()
                    .map(|(axis, choice)| (axis.key.as_str(), choice.json))
                    .collect();
                named.sort_by_key(|(key, _)| *key);
                let settings: Map<String, Value> =
                    named.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
                variants.push(Variant { methods: methods.clone(), settings, experiment });
            }
        }
        (diagnostics.errors() == errors).then(|| Sweep { variants, halving: self.halving.clone() })
    }

    fn check_labels(&self, base: &Experiment, diagnostics: &mut Diagnostics) {
        let labels: Vec<&str> = base.methods.iter().map(|method| method.label.as_str()).collect();
        for axis in &self.axes {
            let Some(label) = axis.label() else { continue };
            if !labels.contains(&label) {
                let help = did_you_mean(label, labels.iter().copied())
                    .unwrap_or_else(|| format!("the methods are {}", list(&labels)));
                let message = format!("`{}`: there is no method `{label}`", axis.key);
                diagnostics.error_with(axis.key_span.clone(), message, help);
            }
        }
    }

    /// The methods that share their settings, with the settings that concern them.
    fn groups(&self, base: &Experiment) -> Vec<(Vec<String>, Vec<&Axis>)> {
        let mut groups: Vec<(Vec<String>, Vec<&Axis>)> = Vec::new();
        let mut plain: Option<usize> = None;
        for method in &base.methods {
            let concerns =
                |axis: &&Axis| axis.label().is_none_or(|label| label == method.label.as_str());
            let axes: Vec<&Axis> = self.axes.iter().filter(concerns).collect();
            let own = axes.iter().any(|axis| axis.label().is_some());
            match plain {
                Some(place) if !own => groups[place].0.push(method.label.clone()),
                _ => {
                    if !own {
                        plain = Some(groups.len());
                    }
                    groups.push((vec![method.label.clone()], axes));
                }
            }
        }
        groups
    }

    fn draws(&self, axes: &[&Axis]) -> usize {
        let drawn = axes.iter().any(|axis| axis.is_random());
        if drawn { self.count.unwrap_or(1) } else { 1 }
    }

    fn number_of(&self, axes: &[&Axis]) -> usize {
        axes.iter().fold(self.draws(axes), |number, axis| match &axis.choices {
            Choices::Listed(choices) => number.saturating_mul(choices.len()),
            Choices::Random(_) => number,
        })
    }

    /// Every combination of the listed values with every draw.
    fn combinations<'a>(&'a self, axes: &[&'a Axis]) -> Vec<Vec<Setting<'a>>> {
        let mut all: Vec<Vec<Setting<'a>>> = vec![Vec::new()];
        for &axis in axes {
            let Choices::Listed(choices) = &axis.choices else { continue };
            all = all
                .into_iter()
                .flat_map(|settings| {
                    choices.iter().map(move |choice| {
                        let mut settings = settings.clone();
                        settings.push((axis, choice.clone()));
                        settings
                    })
                })
                .collect();
        }
        all.into_iter()
            .flat_map(|listed| {
                (0..self.draws(axes)).map(move |number| {
                    let drawn =
                        axes.iter().filter_map(|axis| Some((*axis, axis.draw(self.seed, number)?)));
                    listed.iter().cloned().chain(drawn).collect()
                })
            })
            .collect()
    }
}

/// The file that variants are made of.
struct File<'a> {
    text: &'a str,
    datasets: &'a Datasets,
    base: &'a Experiment,
}

impl File<'_> {
    /// The experiment with the settings. Of several problems with the same value one is told.
    fn checked(
        &self,
        settings: &[Setting<'_>],
        told: &mut BTreeSet<(usize, usize)>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Experiment> {
        let text = match self.with(settings) {
            Ok(text) => text,
            Err((span, message)) => {
                if told.insert((span.start, span.end)) {
                    diagnostics.error(span, message);
                }
                return None;
            }
        };
        let (experiment, problems) = variant(&text, self.datasets);
        for problem in problems.iter() {
            let known = experiment.is_some() && problem.severity == Severity::Warning;
            let (span, with) = self.cause(&text, problem.span.clone(), &problem.message, settings);
            let Some(with) = with else { continue };
            if told.insert((span.start, span.end)) {
                let message = format!("with {with}: {}", problem.message);
                if known {
                    diagnostics.warn(span, message, problem.help.clone().unwrap_or_default());
                } else if let Some(help) = &problem.help {
                    diagnostics.error_with(span, message, help.clone());
                } else {
                    diagnostics.error(span, message);
                }
            }
        }
        let experiment = experiment?;
        if !reads_the_same(self.base, &experiment) {
            let (axis, _) = settings
                .iter()
                .find(|(axis, _)| axis.path[0] == "extractor")
                .or(settings.first())?;
            if told.insert((axis.key_span.start, axis.key_span.end)) {
                diagnostics.error_with(
                    axis.key_span.clone(),
                    format!("`{}` cannot be swept: it changes what is read from files", axis.key),
                    "data, pretrained weights and features of a frozen extractor are loaded once \
                     for all runs; write an experiment file for each",
                );
            }
            return None;
        }
        Some(experiment)
    }

    fn with(&self, settings: &[Setting<'_>]) -> Result<String, (Range<usize>, String)> {
        let mut text = self.text.to_owned();
        for (axis, choice) in settings {
            text = with_values(&text, [(axis.key.as_str(), choice.toml.clone())])
                .map_err(|error| (axis.key_span.clone(), error.to_string()))?;
        }
        Ok(text)
    }

    /// Where the file has the setting that makes a problem of its variant `text`, and the setting
    /// in words; no words where the file has the problem without any setting.
    fn cause(
        &self,
        text: &str,
        place: Range<usize>,
        message: &str,
        settings: &[Setting<'_>],
    ) -> (Range<usize>, Option<String>) {
        let said = |(axis, choice): &Setting<'_>| format!("`{} = {}`", axis.key, choice.json);
        let within = |(axis, _): &&Setting<'_>| {
            let span = span_of(text, &axis.key);
            span.start <= place.start && place.end <= span.end
        };
        if let Some(setting) = settings.iter().find(within) {
            return (setting.1.span.clone(), Some(said(setting)));
        }
        let has = |settings: &[Setting<'_>]| {
            self.with(settings).is_ok_and(|text| {
                variant(&text, self.datasets).1.iter().any(|one| one.message == message)
            })
        };
        if has(&[]) {
            return (place, None);
        }
        for (position, setting) in settings.iter().enumerate() {
            let mut others = settings.to_vec();
            others.remove(position);
            if !has(&others) {
                // A key that is not there is wrong with every value.
                let name = text.get(place.clone()).unwrap_or_default();
                let is_key = setting.0.path.iter().any(|part| part == name);
                let span = if is_key { &setting.0.key_span } else { &setting.1.span };
                return (span.clone(), Some(said(setting)));
            }
        }
        let all: Vec<String> = settings.iter().map(said).collect();
        let span = settings.first().map_or(place, |(_, choice)| choice.span.clone());
        (span, Some(all.join(" and ")))
    }
}

/// Whether two variants can share what is read from files: data, weights and features.
fn reads_the_same(one: &Experiment, other: &Experiment) -> bool {
    let files = |experiment: &Experiment| {
        let plugin = &experiment.extractor.plugin;
        let builder = registry::builder::<ExtractorKind>(&plugin.name).ok()?;
        Some(((builder.transform)(&plugin.config), (builder.weights)(&plugin.config)))
    };
    let frozen = one.extractor.frozen || other.extractor.frozen;
    files(one) == files(other) && (!frozen || one.extractor == other.extractor)
}
