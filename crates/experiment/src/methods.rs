//! The `[methods]` table: labels, stages, methods, training.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Diagnostics;
use crate::plugin::{self, resolve};
use crate::plugin_lists::TrainedOn;
use crate::raw::align_extras;
use crate::training::check_training;
use crate::tree::{Node, child, in_order, merged, real, whole};
use isthmus_core::augmentation::SampleKind;
use isthmus_core::context::Grouping;
use isthmus_core::objective::OutputKind;
use isthmus_core::registry::{Kind, MethodBuilder, Plugin, find};
use isthmus_core::spec::{Align, MethodSpec, StageSpec};

/// Reads `[methods]` and the training of each stage.
pub(crate) struct Methods<'a, 'i> {
    /// The experiment's `[training]`.
    pub(crate) training: Option<&'a Node<'i>>,
    /// Whether some target samples are tested on and not trained on, where that is known.
    pub(crate) holds_out: Option<bool>,
    /// Whether what is trained has norm layers, where that is known.
    pub(crate) norm_layers: Option<bool>,
    /// Whether the target's labels may be used at all.
    pub(crate) target_labels: bool,
    /// Whether strong views differ from the samples, where that is known.
    pub(crate) strong_views: Option<bool>,
    /// What the model is trained on, where that is known.
    pub(crate) trained_on: Option<TrainedOn>,
    /// What the classifier's outputs stand for, where that is known.
    pub(crate) outputs: Option<OutputKind>,
    /// Whether the objective reads outputs in time.
    pub(crate) reads_states: bool,
}

impl<'i> Methods<'_, 'i> {
    pub(crate) fn check(
        &self,
        node: &Node<'i>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<MethodSpec>> {
        let DeValue::Table(table) = node.get_ref() else { return None };
        // The shared table is checked even where every method replaces it.
        if let Some(training) = self.training {
            check_training(training, diagnostics);
        }
        if table.is_empty() {
            diagnostics.error_with(
                node.span(),
                "there is no method to compare",
                "for example: `[methods.dann]` and below it `align = [{ name = \"dann\" }]`",
            );
        }
        let mut methods = Vec::new();
        let mut left_out = 0;
        for (label, node) in in_order(table) {
            let text = label.get_ref().trim();
            if text.is_empty() || text.contains(['/', '\\']) || text.chars().any(char::is_control) {
                diagnostics
                    .error(label.span(), "the label of a method must be text without slashes");
            }
            match self.stages(node, diagnostics) {
                Some(stages) if !self.target_labels && needs_target_labels(&stages) => {
                    diagnostics.warn(
                        label.span(),
                        format!(
                            "`{text}` is left out: it trains on target labels, and \
                             `data.target_labels` is false"
                        ),
                        "an upper bound needs the labels that this run is to do without",
                    );
                    left_out += 1;
                }
                Some(stages) => methods.push(MethodSpec { label: text.to_owned(), stages }),
                None => {}
            }
        }
        (methods.len() + left_out == table.len()).then_some(methods)
    }

    fn stages(&self, node: &Node<'i>, diagnostics: &mut Diagnostics) -> Option<Vec<StageSpec>> {
        let training = merged(self.training, child(node, "training"));
        let stages: Vec<&Node<'i>> = match (child(node, "align"), child(node, "stages")) {
            (Some(_), Some(stages)) => {
                let message = "a method has `align`, for one stage, or `stages`, not both";
                diagnostics.error(stages.span(), message);
                return None;
            }
            (None, None) => {
                if node.get_ref().is_table() {
                    diagnostics.error_with(
                        node.span(),
                        "this method has neither `align` nor `stages`",
                        "for example `align = [{ name = \"dann\" }]`",
                    );
                }
                return None;
            }
            (Some(_), None) => vec![node],
            (None, Some(stages)) => match stages.get_ref() {
                DeValue::Array(list) if list.is_empty() => {
                    diagnostics.error(stages.span(), "`stages` is empty");
                    return None;
                }
                DeValue::Array(list) => list.iter().collect(),
                _ => return None,
            },
        };
        let mut found = Vec::new();
        for (position, &stage) in stages.iter().enumerate() {
            let training = if std::ptr::eq(stage, node) {
                training.clone()
            } else {
                merged(training.as_ref(), child(stage, "training"))
            };
            let empty = Spanned::new(stage.span(), DeValue::Table(DeTable::new()));
            let training = check_training(training.as_ref().unwrap_or(&empty), diagnostics);
            let align = self.align(stage, Place { position, stages: stages.len() }, diagnostics);
            if let (Some(align), Some(training)) = (align, training) {
                check_grouping(stage, training.normalization, diagnostics);
                found.push(StageSpec { align, training });
            }
        }
        (found.len() == stages.len()).then_some(found)
    }

    fn align(
        &self,
        stage: &Node<'i>,
        place: Place,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Align>> {
        let node = child(stage, "align")?;
        let DeValue::Array(list) = node.get_ref() else { return None };
        if list.is_empty() {
            diagnostics.error_with(
                node.span(),
                "`align` is empty",
                "for training on the source alone: `align = [{ name = \"source-only\" }]`",
            );
        }
        let extras = align_extras();
        let mut align: Vec<Align> = Vec::new();
        let mut complete = true;
        for entry in list.iter() {
            self.check_use(entry, place, list, diagnostics);
            let Some(plugin) = resolve(Kind::Method, entry, None, Some(&extras), diagnostics)
            else {
                complete = false;
                continue;
            };
            let label = label(entry, &plugin.name, diagnostics);
            if align.iter().any(|other| other.label == label) {
                diagnostics.error_with(
                    entry.span(),
                    format!("`{label}` is twice in one stage"),
                    format!(
                        "give one of them a label: `{{ name = \"{}\", label = \"second\" }}`",
                        plugin.name
                    ),
                );
            }
            let default = find(Kind::Method, &plugin.name).map_or(1.0, |plugin| plugin.weight);
            align.push(Align { weight: weight(entry).unwrap_or(default), label, plugin });
        }
        (complete && !align.is_empty()).then_some(align)
    }

    /// Checks whether a method can be used at this place.
    fn check_use(
        &self,
        entry: &Node<'_>,
        place: Place,
        together: &[Node<'_>],
        diagnostics: &mut Diagnostics,
    ) {
        if !entry.get_ref().is_table() {
            return;
        }
        // An unknown name is told by `resolve`.
        let mut unheard = Diagnostics::default();
        let Some(plugin) = plugin::named(Kind::Method, entry, None, &mut unheard) else { return };
        let name = plugin.about.name;
        let span = child(entry, plugin::NAME).map_or(entry.span(), Node::span);
        if plugin.needs.trained_model && place.position == 0 {
            diagnostics.error_with(
                span.clone(),
                format!("`{name}` starts from a trained model, and no stage before it trains one"),
                format!(
                    "put a stage before it: `stages = [{{ align = [{{ name = \"source-only\" }}] \
                     }}, {{ align = [{{ name = \"{name}\" }}] }}]`"
                ),
            );
        }
        if plugin.needs.norm_layers && self.norm_layers == Some(false) {
            diagnostics.error_with(
                span.clone(),
                format!("`{name}` changes norm layers, and the model has none"),
                "use an extractor that is trained, a `[bottleneck]` or a classifier with batch norm; \
                 a frozen extractor's norm layers are no part of the model",
            );
        }
        if plugin.needs.target_labels && self.holds_out == Some(false) {
            diagnostics.error_with(
                span.clone(),
                format!(
                    "`{name}` trains on target labels, and no target samples are held out: it \
                     would be tested on the very samples that it was trained on"
                ),
                "hold out a part of the target: `protocol = { split = 0.3 }` in `[data]`, or \
                 `\"given\"` where the data set has a test set",
            );
        }
        if plugin.needs.strong_views && self.strong_views == Some(false) {
            diagnostics.warn(
                span.clone(),
                format!(
                    "`{name}` compares a weak and a strong view of each sample, and here both are \
                     the sample as it is"
                ),
                "say how to augment, in `[data.views]`: `strong = [{ name = \"rand-augment\" }]` for \
                 images; `isthmus list augmentation` shows those for features and series",
            );
        }
        if let Some(TrainedOn { kind, extracted }) = self.trained_on
            && plugin.needs.images
            && kind != SampleKind::Image
        {
            let help = match extracted {
                true => "train the extractor: `frozen = false`",
                false => "choose a data set of images; `isthmus list` shows other methods",
            };
            let message = format!("`{name}` takes images, and the model is given {kind}");
            diagnostics.error_with(span.clone(), message, help);
        }
        if let Some(outputs) = self.outputs.filter(|it| !it.serves(plugin.needs.outputs)) {
            let (message, help) = match (plugin.needs.outputs, outputs) {
                (OutputKind::OpenClasses, OutputKind::Classes) => (
                    format!("`{name}` needs an output for samples of unknown classes"),
                    "`[objective]` and below it `name = \"open-set\"`",
                ),
                _ => (
                    format!("`{name}` needs scores of classes, and the objective has none"),
                    "methods that align features work with every objective, such as `dann` and \
                     `dan`",
                ),
            };
            diagnostics.error_with(span.clone(), message, help);
        }
        if plugin.needs.states && !self.reads_states {
            diagnostics.error_with(
                span.clone(),
                format!("`{name}` needs outputs in time, and the objective has none"),
                "`[objective]` and below it `name = \"ctc\"`",
            );
        }
        if plugin.needs.last && place.position + 1 < place.stages {
            diagnostics.error_with(
                span.clone(),
                format!("`{name}` {}: nothing can come after it", why_last(plugin)),
                "make it the last stage",
            );
        }
        if plugin.is_term() {
            return;
        }
        let why = why_no_term(plugin);
        if let Some(weight) = child(entry, "weight") {
            diagnostics.error_with(
                weight.span(),
                format!("`{name}` has no `weight`: it {why}"),
                "`weight` is the factor of a loss term; remove it",
            );
        }
        if plugin.needs.alone && together.len() > 1 {
            diagnostics.error_with(
                span,
                format!("`{name}` {why} and must be alone in its stage"),
                "loss terms add up, some drivers take terms beside them; a chain of methods is \
                 written as `stages`",
            );
        } else if let Some(first) = self.first_driver(together)
            && first != name
        {
            diagnostics.error_with(
                span,
                format!("`{name}` and `{first}` both drive the updates of one stage"),
                "a stage has at most one driver, and any number of terms; a chain of methods is \
                 written as `stages`",
            );
        }
    }

    /// The first method of a stage that is no term.
    fn first_driver(&self, together: &[Node<'_>]) -> Option<&'static str> {
        let mut unheard = Diagnostics::default();
        together
            .iter()
            .filter_map(|entry| plugin::named(Kind::Method, entry, None, &mut unheard))
            .find(|plugin| !plugin.is_term())
            .map(|plugin| plugin.about.name)
    }
}

/// Checks that norm layers group rows as each method of a stage needs it.
fn check_grouping(stage: &Node<'_>, grouping: Grouping, diagnostics: &mut Diagnostics) {
    let Some(DeValue::Array(list)) = child(stage, "align").map(Node::get_ref) else { return };
    for entry in list.iter() {
        // An unknown name is told by `resolve`.
        let mut unheard = Diagnostics::default();
        let Some(plugin) = plugin::named(Kind::Method, entry, None, &mut unheard) else { continue };
        let Some(needed) = plugin.needs.grouping.filter(|needed| *needed != grouping) else {
            continue;
        };
        let name = plugin.about.name;
        diagnostics.error_with(
            child(entry, plugin::NAME).map_or(entry.span(), Node::span),
            format!(
                "`{name}` needs `normalization = \"{needed}\"`, and this stage has `\"{grouping}\"`"
            ),
            format!(
                "write it in `[training]`, or for this method alone: \
                 `training = {{ normalization = \"{needed}\" }}` beside its `align`"
            ),
        );
    }
}

/// The place of a stage in its method.
#[derive(Clone, Copy)]
struct Place {
    position: usize,
    stages: usize,
}

fn needs_target_labels(stages: &[StageSpec]) -> bool {
    let named = stages.iter().flat_map(|stage| &stage.align);
    named
        .filter_map(|align| find(Kind::Method, &align.plugin.name))
        .any(|plugin| plugin.needs.target_labels)
}

fn why_no_term(plugin: &Plugin) -> &'static str {
    match plugin.method() {
        Some(MethodBuilder::TestTime(_)) => "adapts while it predicts",
        Some(MethodBuilder::Fit(_)) => "fits once, without steps",
        _ => "drives its own updates",
    }
}

fn why_last(plugin: &Plugin) -> &'static str {
    match plugin.method() {
        Some(MethodBuilder::TestTime(_)) => "adapts while it predicts",
        _ => "predicts by what it has fitted, not by the model",
    }
}

fn weight(entry: &Node<'_>) -> Option<f64> {
    match child(entry, "weight").map(Node::get_ref) {
        Some(DeValue::Float(number)) => real(number),
        Some(DeValue::Integer(number)) => whole(number).map(|number| number as f64),
        _ => None,
    }
}

/// The label of an entry of `align`; it is part of names in records.
fn label(entry: &Node<'_>, default: &str, diagnostics: &mut Diagnostics) -> String {
    let Some(node) = child(entry, "label") else { return default.to_owned() };
    let Some(label) = node.get_ref().as_str() else { return default.to_owned() };
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if label.is_empty() || !label.chars().all(fits) {
        diagnostics.error(
            node.span(),
            format!("`label = \"{label}\"` must be letters, digits, `-` and `_`"),
        );
    }
    label.to_owned()
}
