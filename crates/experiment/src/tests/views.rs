//! `[data.views]`: augmentations, and whether they fit what the model is trained on.

use serde_json::json;

use super::{GOOD, bad, changed, good};
use crate::Severity;

/// The good file with a trained extractor, so that images are augmented.
fn trained(views: &str) -> String {
    let text = changed("frozen = true", "frozen = false");
    text.replace("[extractor]", &format!("{views}\n[extractor]"))
}

fn message(text: &str) -> String {
    let found = bad(text);
    let all: Vec<_> = found.iter().collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    format!("{} @ {}", all[0].message, &text[all[0].span.clone()])
}

#[test]
fn augmentations_are_resolved_and_strong_falls_back_on_weak() {
    let views = |text: &str| good(text).experiment.data.views;
    assert_eq!(views(GOOD), None);
    let found = views(&trained("[data.views]\nweak = [{ name = 'blur' }]")).unwrap();
    assert_eq!(found.weak[0].name, "blur");
    assert_eq!(found.strong, found.weak);
    let both = "[data.views]\nweak = [{ name = 'blur' }]\nstrong = []";
    assert!(views(&trained(both)).unwrap().strong.is_empty());

    // A frozen extractor gives features.
    let text = GOOD.replace(
        "[extractor]",
        "[data.views]\nstrong = [{ name = 'noise', deviation = 2 }]\n[extractor]",
    );
    let found = views(&text).unwrap();
    assert_eq!((found.weak.len(), &found.strong[0].config), (0, &json!({ "deviation": 2.0 })));
}

#[test]
fn without_views_a_job_is_written_as_before() {
    let job = serde_json::to_value(&good(GOOD).experiment.jobs()[0]).unwrap();
    assert!(job["data"].get("views").is_none());
}

#[test]
fn an_augmentation_of_other_samples_is_refused_where_it_stands() {
    let text = trained("[data.views]\nstrong = [{ name = 'blur' }, { name = 'noise' }]");
    assert_eq!(message(&text), "`noise` changes features; the data set has images @ 'noise'");
    let help = bad(&text).iter().next().unwrap().help.clone().unwrap();
    assert_eq!(help, "augmentations of images: `blur`");

    let text = GOOD.replace("[extractor]", "[data.views]\nweak = [{ name = 'blur' }]\n[extractor]");
    assert_eq!(
        message(&text),
        "`blur` changes images; the model is trained on features, which the frozen extractor gives \
         once @ 'blur'"
    );
    let text = trained("[data.views]\nweak = [{ name = 'bluur' }]");
    assert_eq!(message(&text), "unknown augmentation `bluur` @ 'bluur'");
}

#[test]
fn a_method_that_compares_views_warns_where_they_are_equal() {
    let text = changed("align = [{ name = \"dann\" }]", "align = [{ name = \"views\" }]");
    let warnings = good(&text).warnings;
    let warning = warnings.iter().next().unwrap();
    assert_eq!(warning.severity, Severity::Warning);
    assert!(warning.message.contains("both are the sample as it is"), "{}", warning.message);
    let with =
        text.replace("[extractor]", "[data.views]\nstrong = [{ name = 'noise' }]\n[extractor]");
    assert!(good(&with).warnings.is_empty());
}

#[test]
fn methods_of_images_are_refused_on_features() {
    let method = "[methods.turns]\nalign = [{ name = \"turns\" }]\n";
    let found = message(&format!("{GOOD}\n{method}"));
    assert!(found.starts_with("`turns` takes images, and the model is given features"), "{found}");
    good(&(changed("frozen = true", "frozen = false") + method));
}
