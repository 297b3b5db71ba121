//! Checks of data before a run.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use isthmus_data::{Inspection, check_headers, inspect};
use support::{IMAGES, Place, spec};

fn inspected(place: &Place) -> Inspection {
    inspect(&spec(), &place.roots, &|_, _| Box::new(|_| {}))
}

fn images() -> Place {
    let place = Place::of_images();
    place.classes("a", &["cat", "dog"], 3);
    place.classes("b", &["cat", "dog"], 1);
    place
}

#[test]
fn right_data_is_counted_by_domain_and_class() {
    let place = images();
    let told = AtomicUsize::new(0);
    let inspection = inspect(&spec(), &place.roots, &|domain, rows| {
        assert_eq!(rows, if domain == "a" { 6 } else { 2 });
        Box::new(|_| {
            told.fetch_add(1, Ordering::Relaxed);
        })
    });
    assert!(inspection.problems.is_empty(), "{:?}", inspection.problems);
    assert_eq!(inspection.classes, ["cat", "dog"]);
    let counts: Vec<_> =
        inspection.sets.iter().map(|set| (set.domain.as_str(), set.counts.clone())).collect();
    assert_eq!(counts, [("a", vec![3, 3]), ("b", vec![1, 1])]);
    assert_eq!(told.into_inner(), 8);
}

#[test]
fn every_bad_file_is_listed() {
    let place = images();
    for name in ["a/cat/0.png", "a/dog/1.png", "b/dog/0.png"] {
        place.write(name, b"<html>403</html>");
    }
    let whole = std::fs::read(place.file("a/cat/1.png")).unwrap();
    place.write("a/cat/1.png", &whole[..whole.len() / 2]);
    let problems = inspected(&place).problems;
    assert_eq!(problems.len(), 4, "{problems:#?}");
    let bad = ["cat/0.png", "cat/1.png", "dog/1.png", "dog/0.png"];
    assert!(bad.iter().zip(&problems).all(|(name, problem)| problem.contains(name)));

    // Where the first image of a set is whole, sizes are compared as well.
    place.image("a/cat/0.png", 1);
    image::RgbImage::new(5, 4).save(place.file("a/cat/2.png")).unwrap();
    let problems = inspected(&place).problems;
    assert!(problems.iter().any(|problem| problem.contains("cat/2.png: has 5 x 4 pixels")));
}

#[test]
fn what_is_wrong_with_each_domain_is_listed() {
    let place = Place::new(&IMAGES.replace(
        "{ name = \"image-folder\", path = \"b\" }",
        "{ name = \"features\", features = \"x\", labels = \"y\" }",
    ));
    place.write("features.npz", b"a,b,c\n");
    place.write("a/1.png", b"");
    let problems = inspected(&place).problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("domain `a`") && problems[0].contains("no class folders"));
    assert!(problems[1].starts_with("domain `b`") && problems[1].contains("a text file"));

    let place = images();
    std::fs::rename(place.file("b/dog"), place.file("b/cow")).unwrap();
    let problems = inspected(&place).problems;
    assert!(problems[0].contains("classes differ"), "{problems:?}");
}

#[test]
fn headers_and_labels_are_checked_without_the_values() {
    let place = Place::of_features();
    let headers = || check_headers(&spec(), &place.roots).map_err(|error| error.to_string());
    // Files that are not there are a matter of the run.
    assert_eq!(headers(), Ok(None));
    place.features(&[0, 1, 2], &[0, 1, 2]);
    assert_eq!(headers(), Ok(Some(Vec::new())));
    place.write("features.npz", b"a,b,c\n");
    assert!(headers().unwrap_err().contains("a text file"));
    place.features(&[0, 2], &[0, 2]);
    assert!(headers().unwrap_err().contains("1 of the 3 classes"));
    let y = || support::npy("|u1", &[2], &[0, 1]);
    let x = |shape: &[usize]| support::npy("|u1", shape, &[0; 8]);
    for (shape, expected) in [
        (&[2, 2, 2][..], "features have shape [2, 2, 2]"),
        (&[2, 3], "features [4], domain `b` has features [3]"),
        (&[1, 8], "has 2 labels for 1 samples"),
    ] {
        let arrays = [("a_x", x(&[2, 4])), ("a_y", y()), ("b_x", x(shape)), ("b_y", y())];
        support::npz(&place.file("features.npz"), &arrays);
        let error = headers().unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    let place = images();
    place.write("b/cat/1.heic", b"");
    let told = check_headers(&spec(), &place.roots).unwrap().unwrap();
    assert!(told[0].contains("1 .heic"), "{told:?}");
}
