//! The section of images that show what methods do.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use super::parts;
use crate::results::Results;
use crate::runs::Run;
use crate::strip::strip;

/// Pixels on the page that an image is high, or somewhat less; larger ones keep their size.
const HEIGHT: usize = 56;

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
                        @let scale = (HEIGHT / strip.height).max(1);
                        p.note { (caption) }
                        div.chart tabindex="0" role="group" aria-label=(caption) {
                            img.pixels alt=(caption) width=(strip.width * scale)
                                height=(strip.height * scale)
                                src={ "data:image/png;base64," (BASE64_STANDARD.encode(&strip.png)) };
                        }
                    },
                    Err(error) => (parts::problem(&error)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, loaded, made};

    #[test]
    fn one_run_of_each_method_and_task_is_shown_with_its_captions() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = "0,5,target_accuracy,0.5\n";
        for (method, seed) in [("cycada", 1), ("cycada", 2), ("pixel-da", 1)] {
            let pictures = vec![("source", vec![0.0, 1.0]), ("source, translated", vec![1.0, 0.0])];
            made(folder.path(), &Made { method, seed, pictures, ..Made::default() }, metrics, None);
        }
        let other = Made { method: "dann", place: 1, ..Made::default() };
        made(folder.path(), &other, metrics, None);
        let page = body(&loaded(folder.path())).into_string();
        assert_eq!(page.matches("<figure").count(), 2);
        assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 4);
        assert!(page.contains("cycada, amazon → dslr, seed 1") && !page.contains("seed 2"));
        // Two pixels and the gap between them, 56 times as large.
        assert!(page.contains("alt=\"source, translated\" width=\"224\" height=\"56\""), "{page}");
    }

    #[test]
    fn results_without_pictures_say_who_leaves_some() {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path(), &Made::default(), "0,5,target_accuracy,0.5\n", None);
        let page = body(&loaded(folder.path())).into_string();
        assert!(page.contains("<code>pixel-da</code>"), "{page}");
    }
}
