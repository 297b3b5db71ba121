//! The section of images that show what methods do.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use super::parts;
use crate::results::Results;
use crate::runs::Run;
use crate::strip::strip;

/// Pixels on the page for each pixel of an image.
const SCALE: usize = 2;

/// The pictures of one run of each method and task that keeps some.
pub(super) fn body(results: &Results) -> Markup {
    let mut seen = BTreeSet::new();
    let first = |run: &&Run| {
        run.record.digests().contains_key("pictures.safetensors")
            && seen.insert((run.series, run.record.run.task.to_string()))
    };
    let shown: Vec<&Run> = results.runs.iter().filter(first).collect();
    if shown.is_empty() {
        return parts::missing(
            "No record holds pictures; methods that translate images leave some, such as \
             `pixel-da` and `cycada`.",
        );
    }
    html! {
        p { "Images that belong together are one below the other; one seed a method and task." }
        div.figures { @for run in shown { (pictures(run)) } }
    }
}

fn pictures(run: &Run) -> Markup {
    let title = format!("{}, {}, seed {}", run.label, run.task(), run.record.run.seed);
    let kept = run.record.pictures().map(Option::unwrap_or_default);
    let transform = run.record.job().map(|job| job.data.transform);
    let (kept, transform) = match (kept, transform) {
        (Ok(kept), Ok(transform)) => (kept, transform),
        (Err(error), _) | (_, Err(error)) => return parts::problem(&error.into()),
    };
    html! {
        figure aria-label=(title) {
            figcaption { (title) }
            @for (caption, images) in &kept {
                @match strip(images, transform.as_ref()) {
                    Ok(strip) => {
                        p.note { (caption) }
                        div.chart tabindex="0" role="group" aria-label=(caption) {
                            img.pixels alt=(caption) width=(strip.width * SCALE)
                                height=(strip.height * SCALE)
                                src={ "data:image/png;base64," (BASE64_STANDARD.encode(&strip.png)) };
                        }
                    },
                    Err(error) => (parts::problem(&error)),
                }
            }
        }
    }
}
