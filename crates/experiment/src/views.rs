//! The `[data.views]` table: how samples are augmented while a model is trained.

use toml::de::DeValue;

use crate::Diagnostics;
use crate::plugin::{NAME, resolve};
use crate::tree::{Node, child};
use isthmus_core::augmentation::SampleKind;
use isthmus_core::registry::{Kind, find};
use isthmus_core::spec::{PluginSpec, ViewsSpec};

/// What a model is trained on.
#[derive(Clone, Copy)]
pub(crate) struct TrainedOn {
    /// The kind of samples.
    pub(crate) kind: SampleKind,
    /// Whether they are features of a frozen extractor, computed beforehand.
    pub(crate) extracted: bool,
}

/// Reads `[data.views]`; `samples` is what the model is trained on, where that is known.
pub(crate) fn check(
    node: &Node<'_>,
    samples: Option<TrainedOn>,
    diagnostics: &mut Diagnostics,
) -> Option<ViewsSpec> {
    let mut list = |key: &str| match child(node, key) {
        None => Some(None),
        Some(listed) => augmentations(listed, samples, diagnostics).map(Some),
    };
    let (weak, strong) = (list("weak"), list("strong"));
    let weak = weak?.unwrap_or_default();
    let strong = strong?.unwrap_or_else(|| weak.clone());
    Some(ViewsSpec { weak, strong })
}

fn augmentations(
    listed: &Node<'_>,
    samples: Option<TrainedOn>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<PluginSpec>> {
    let DeValue::Array(list) = listed.get_ref() else { return None };
    let mut found = Vec::new();
    for entry in list.iter() {
        let Some(spec) = resolve(Kind::Augmentation, entry, None, None, diagnostics) else {
            continue;
        };
        let takes = find(Kind::Augmentation, &spec.name)
            .map(|plugin| (plugin.samples)(&spec.config))
            .unwrap_or_default();
        if let Some(samples) = samples
            && !takes.contains(&samples.kind)
        {
            let span = child(entry, NAME).map_or(entry.span(), Node::span);
            refuse(&spec.name, takes, samples, span, diagnostics);
            continue;
        }
        found.push(spec);
    }
    (found.len() == list.len()).then_some(found)
}

fn refuse(
    name: &str,
    takes: &[SampleKind],
    samples: TrainedOn,
    span: std::ops::Range<usize>,
    diagnostics: &mut Diagnostics,
) {
    let takes: Vec<String> = takes.iter().map(ToString::to_string).collect();
    let found = match samples.extracted {
        true => {
            "the model is trained on features, which the frozen extractor gives once".to_owned()
        }
        false => format!("the data set has {}", samples.kind),
    };
    let fitting: Vec<String> = isthmus_core::registry::plugins(Kind::Augmentation)
        .into_iter()
        .filter(|plugin| (plugin.samples)(&(plugin.defaults)()).contains(&samples.kind))
        .map(|plugin| format!("`{}`", plugin.about.name))
        .collect();
    let help = match fitting.as_slice() {
        [] => format!("no augmentation of {} is linked into this program", samples.kind),
        names => format!("augmentations of {}: {}", samples.kind, names.join(", ")),
    };
    let message = format!("`{name}` changes {}; {found}", takes.join(" and "));
    diagnostics.error_with(span, message, help);
}
