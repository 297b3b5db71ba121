//! Which classes the domains of a data set have, and how they are matched.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::{FEATURES, IMAGES, Place, labels};

#[test]
fn numbers_without_a_sample_are_no_classes() {
    let place = Place::of_features();
    // Numbered from 1: the hint helps.
    place.features(&[1, 2, 3, 4], &[4, 3, 2, 1]);
    let error = place.problem();
    assert!(
        error.contains("1 of the 5 classes 0 to 4 have no sample in any domain: 0;"),
        "{error}"
    );
    assert!(error.contains("set `first_label = 1`"), "{error}");
    place.describe(
        &FEATURES.replace("features\", features", "features\", first_label = 1, features"),
    );
    assert_eq!(place.load().unwrap().classes.len(), 4);

    // Gaps: it would not.
    place.describe(FEATURES);
    place.features(&[0, 10, 20, 30], &[0, 10, 20, 30]);
    let error = place.problem();
    assert!(error.contains("27 of the 31 classes 0 to 30 have no sample"), "{error}");
    assert!(error.contains("1 to 9, 11 to 19, 21 to 29"), "{error}");
    assert!(error.contains("the labels found are 0, 10, 20, 30"), "{error}");
    assert!(!error.contains("first_label"), "{error}");

    // Two classes as -1 and 1: -1 means no label, and `first_label = 1` would leave one class.
    place.features(&[-1, 1, 1], &[1, -1, 1]);
    let error = place.problem();
    assert!(error.contains("-1 marks samples without a label"), "{error}");
    assert!(!error.contains("first_label"), "{error}");
    place.features(&[-1, 0, 0], &[0, -1, 0]);
    let error = place.problem();
    assert!(error.contains("has a single class, `0`"), "{error}");
    assert!(error.contains("-1 marks samples without a label"), "{error}");

    // A number as large as an identifier must not become a list of as many classes.
    place.features(&[0, 4_000_000_000], &[0, 4_000_000_000]);
    assert!(place.problem().contains("have no sample in any domain: 1 to 3999999999"));

    // Where the classes are stated, it is worth a word and no more.
    place.describe(&format!("classes = [\"x\", \"y\", \"z\"]\n{FEATURES}"));
    place.features(&[0, 2, 0], &[2, 0, 2]);
    let dataset = place.load().unwrap();
    assert_eq!(dataset.warnings, ["1 of the 3 classes of `d` have no sample in any domain: y"]);
}

#[test]
fn marked_samples_have_no_label_and_no_say_in_the_classes() {
    let place = Place::of_features();
    place.features(&[0, 1, 0], &[-1, 1, -1]);
    let targets =
        |domain: usize| place.load().unwrap().domains[domain].all().unwrap().targets.classes();
    assert_eq!(targets(1), [None, Some(1), None]);
    place.features(&[0, 1, 0], &[-1, -1, -1]);
    assert_eq!(targets(0), [Some(0), Some(1), Some(0)]);
    assert_eq!(targets(1), [None; 3]);
}

#[test]
fn a_class_that_one_domain_lacks_is_worth_a_word() {
    let place = Place::of_features();
    place.features(&[0, 1, 2], &[0, 2, 2]);
    let told = place.load().unwrap().warnings;
    assert_eq!(told, ["domain `b` has no sample of 1 class, which other domains have: 1"]);
    place.describe(&format!("classes = [\"x\", \"y\", \"z\"]\n{FEATURES}"));
    assert!(place.load().unwrap().warnings.is_empty());
}

/// Folders in `a`, numbers in `images.npz` as `b`.
const MIXED: &str = r#"domains = [
  { name = "a", reader = { name = "image-folder", path = "a" } },
  { name = "b", reader = { name = "npz-images" } },
]
"#;

/// Images of 4 x 4 pixels of the given labels.
fn write_numbered(place: &Place, labels: &[u8]) {
    let pixels: Vec<u8> = labels.iter().flat_map(|&label| [label; 48]).collect();
    let images = support::npy("|u1", &[labels.len(), 4, 4, 3], &pixels);
    let labels = support::npy("|u1", &[labels.len()], labels);
    let arrays = [("images", images), ("labels", labels)];
    support::npz(&place.file("images.npz"), &arrays);
}

#[test]
fn names_that_are_numbers_are_matched_by_value() {
    let place = Place::new(MIXED);
    let names: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    place.classes("a", &names, 1);
    write_numbered(&place, &[11, 2, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10]);
    let dataset = place.load().unwrap();
    assert_eq!(dataset.classes, names);
    assert_eq!(labels(&dataset, 1), [11, 2, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10]);
    // Images come in the order of the folders' names: 0, 1, 10, 11, 2, ...
    assert_eq!(labels(&dataset, 0), [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]);

    // A number that is no folder, and folders that begin at 1.
    write_numbered(&place, &[12, 0]);
    let error = place.problem();
    assert!(error.contains("labels up to 12, and 12 is none of them"), "{error}");
    let place = Place::new(&MIXED.replace("npz-images\"", "npz-images\", first_label = 1"));
    place.classes("a", &["1", "2", "10"], 1);
    write_numbered(&place, &[10, 1, 2]);
    let dataset = place.load().unwrap();
    assert_eq!(dataset.classes, ["1", "2", "10"]);
    assert_eq!(labels(&dataset, 1), [2, 0, 1]);
}

#[test]
fn names_and_numbers_need_stated_classes() {
    let place = Place::new(MIXED);
    place.classes("a", &["dog", "cat"], 1);
    write_numbered(&place, &[0, 1]);
    let error = place.problem();
    assert!(error.contains("classes cannot be matched"), "{error}");
    assert!(error.contains("domain `a` has the names cat, dog, domain `b` the numbers 0, 1"));
    assert!(error.contains("`classes = [\"cat\", \"dog\"]`"), "{error}");
    place.describe(&format!("classes = [\"dog\", \"cat\"]\n{MIXED}"));
    let dataset = place.load().unwrap();
    assert_eq!((labels(&dataset, 0), labels(&dataset, 1)), (vec![1, 0], vec![0, 1]));
}

#[test]
fn a_single_class_is_an_error_that_shows_what_was_taken_for_it() {
    let place = Place::new(&IMAGES.replace("path = \"a\"", "path = \"x/a\""));
    place.classes("x/a/images", &["cat", "dog"], 1);
    place.classes("b/images", &["cat", "dog"], 1);
    let error = place.problem();
    assert!(error.contains("data set `d` has a single class, `images`"), "{error}");
    assert!(
        error.contains("x/a were taken for classes; the images lie a level deeper, in cat, dog")
    );
    assert!(error.contains("set `path = \"x/a/images\"`"), "{error}");

    let place = Place::of_features();
    place.features(&[0, 0], &[0, 0]);
    assert!(place.problem().contains("has a single class, `0`"));
}

#[test]
fn domains_may_lack_some_of_the_stated_classes() {
    let place = Place::of_images();
    place.classes("a", &["cat", "dog", "elk"], 2);
    place.classes("b", &["cat", "elk"], 1);
    let stated = "classes = [\"cat\", \"dog\", \"elk\"]";
    // Without the statement the advice is to state them, and following it helps.
    let error = place.problem();
    assert!(error.contains("it lacks dog") && error.contains(stated), "{error}");
    std::fs::create_dir(place.file("b/dog")).unwrap();
    let error = place.problem();
    assert!(error.contains("domain `b`: no images in the class dog"), "{error}");
    assert!(error.contains(stated), "{error}");
    place.describe(&format!("{stated}\n{IMAGES}"));
    let with_empty = place.load().unwrap();
    std::fs::remove_dir(place.file("b/dog")).unwrap();
    let without = place.load().unwrap();
    for dataset in [&with_empty, &without] {
        assert_eq!(dataset.classes, ["cat", "dog", "elk"]);
        assert_eq!(labels(dataset, 0), [0, 0, 1, 1, 2, 2]);
        assert_eq!(labels(dataset, 1), [0, 2]);
        assert!(dataset.warnings.is_empty(), "{:?}", dataset.warnings);
    }
    // A source may lack one, too.
    std::fs::remove_dir_all(place.file("a/elk")).unwrap();
    assert_eq!(labels(&place.load().unwrap(), 0), [0, 0, 1, 1]);
    // A name that is not stated is none of them.
    place.classes("b", &["gnu"], 1);
    let error = place.problem();
    assert!(error.contains("the descriptor has 3 classes, domain `b` has 3"), "{error}");
    assert!(error.contains("only it has gnu"), "{error}");
}

#[test]
fn forms_of_unicode_are_one_class_and_cases_are_told() {
    let place = Place::of_images();
    place.classes("a", &["caf\u{e9}", "tea"], 1);
    place.classes("b", &["cafe\u{301}", "tea"], 1);
    assert_eq!(place.load().unwrap().classes, ["caf\u{e9}", "tea"]);
    std::fs::rename(place.file("b/tea"), place.file("b/Tea")).unwrap();
    let error = place.problem();
    assert!(error.contains("differ in upper and lower case only"), "{error}");
}

#[test]
fn names_may_hold_anything_and_are_shown_harmlessly() {
    let place = Place::of_images();
    place.classes("a", &["a b,\"c\"", "x\ny\u{1b}[31m"], 1);
    place.classes("b", &["a b,\"c\""], 1);
    let error = place.problem();
    assert!(error.contains("it lacks x\\ny\\u{1b}[31m") && !error.contains('\u{1b}'), "{error}");
}

#[test]
fn stated_classes_are_each_their_own() {
    for (classes, expected) in [
        ("[\"a\", \"a\"]", "`classes` has `a` twice"),
        ("[\"caf\u{e9}\", \"cafe\u{301}\"]", "twice"),
        ("[]", "`classes` is empty"),
        ("[\"a\", \" \"]", "a name of `classes` is empty"),
    ] {
        let place = Place::new(&format!("classes = {classes}\n{FEATURES}"));
        let error = place.problem();
        assert!(error.contains(expected) && error.contains("d.toml:2"), "{error}");
    }
}

#[test]
fn lengths_of_features_are_not_a_matter_of_the_transform() {
    let place = Place::of_features();
    let x = |size: usize| support::npy("|u1", &[2, size], &vec![0; 2 * size]);
    let y = || support::npy("|u1", &[2], &[0, 1]);
    let arrays = [("a_x", x(20)), ("a_y", y()), ("b_x", x(19)), ("b_y", y())];
    support::npz(&place.file("features.npz"), &arrays);
    let error = place.problem();
    assert!(error.contains("features [20], domain `b` has features [19]"), "{error}");
    assert!(error.contains("same network") && !error.contains("transform"), "{error}");
}
