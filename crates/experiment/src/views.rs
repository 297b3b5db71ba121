//! The `[data.views]` table: how samples are augmented while a model is trained.

use crate::Diagnostics;
use crate::plugin_lists::{self, TrainedOn};
use crate::tree::{Node, child};
use isthmus_core::registry::Kind;
use isthmus_core::spec::ViewsSpec;

/// Reads `[data.views]`; `samples` is what the model is trained on, where that is known.
pub(crate) fn check(
    node: &Node<'_>,
    samples: Option<TrainedOn>,
    diagnostics: &mut Diagnostics,
) -> Option<ViewsSpec> {
    let mut list = |key: &str| match child(node, key) {
        None => Some(None),
        Some(listed) => {
            plugin_lists::check(Kind::Augmentation, listed, samples, diagnostics).map(Some)
        }
    };
    let (weak, strong) = (list("weak"), list("strong"));
    let weak = weak?.unwrap_or_default();
    let strong = strong?.unwrap_or_else(|| weak.clone());
    Some(ViewsSpec { weak, strong })
}
