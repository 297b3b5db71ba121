//! Lists of plugins, and whether those that change samples fit what the model is trained on.

use toml::de::DeValue;

use crate::Diagnostics;
use crate::plugin::{NAME, resolve};
use crate::tree::{Node, child};
use isthmus_core::augmentation::SampleKind;
use isthmus_core::registry::{Kind, find};
use isthmus_core::spec::PluginSpec;

/// What a model is trained on.
#[derive(Clone, Copy)]
pub(crate) struct TrainedOn {
    /// The kind of samples.
    pub(crate) kind: SampleKind,
    /// Whether they are features of a frozen extractor, computed beforehand.
    pub(crate) extracted: bool,
}

/// Reads a list of plugins of a kind; `samples` is what the model is trained on,
/// where that is known.
pub(crate) fn check(
    kind: Kind,
    listed: &Node<'_>,
    samples: Option<TrainedOn>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<PluginSpec>> {
    let DeValue::Array(list) = listed.get_ref() else { return None };
    let mut found = Vec::new();
    for entry in list.iter() {
        let Some(spec) = resolve(kind, entry, None, None, diagnostics) else {
            continue;
        };
        let takes =
            find(kind, &spec.name).map(|plugin| (plugin.samples)(&spec.config)).unwrap_or_default();
        if let Some(samples) = samples
            && !takes.contains(&samples.kind)
        {
            let span = child(entry, NAME).map_or(entry.span(), Node::span);
            refuse((kind, &spec.name), takes, samples, span, diagnostics);
            continue;
        }
        found.push(spec);
    }
    (found.len() == list.len()).then_some(found)
}

fn refuse(
    (kind, name): (Kind, &str),
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
    let fitting: Vec<String> = isthmus_core::registry::plugins(kind)
        .into_iter()
        .filter(|plugin| (plugin.samples)(&(plugin.defaults)()).contains(&samples.kind))
        .map(|plugin| format!("`{}`", plugin.about.name))
        .collect();
    let help = match fitting.as_slice() {
        [] => format!("no {kind} of {} is linked into this program", samples.kind),
        names => format!("{} of {}: {}", kind.plural(), samples.kind, names.join(", ")),
    };
    let message = format!("`{name}` changes {}; {found}", takes.join(" and "));
    diagnostics.error_with(span, message, help);
}
