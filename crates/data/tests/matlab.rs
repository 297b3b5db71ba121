//! MATLAB files as SciPy writes them, packed and not, and one of the other byte order.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_data::readers::{Features, NpzImages, Series};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matlab")
}

fn reader(file: &str, x: &str, y: &str) -> Features {
    Features {
        file: file.to_owned(),
        features: x.to_owned(),
        labels: y.to_owned(),
        first_label: 1,
        ..Features::default()
    }
}

fn features(file: &str, x: &str, y: &str) -> Result<LabelledSamples, String> {
    let reader = reader(file, x, y);
    reader.check().unwrap();
    let outline = reader.outline(&folder()).map_err(|error| error.to_string())?;
    let read = reader.read(&folder()).map_err(|error| error.to_string())?;
    assert_eq!(outline.targets.strata(), read.targets.strata());
    Ok(read)
}

#[test]
fn numbers_of_every_type_are_read_row_by_row() {
    let values = |file: &str, x: &str, y: &str| {
        let read = features(file, x, y).unwrap();
        assert_eq!(read.targets.strata(), [1, 0, 1], "{file}, {x}");
        let Samples::Features { size: 2, values } = read.samples else { panic!("not features") };
        values
    };
    for file in ["plain.mat", "packed.mat"] {
        for (x, y) in [("f8", "column"), ("f4", "row"), ("u1", "column"), ("i8", "row")] {
            assert_eq!(values(file, x, y), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "{file}, {x}");
        }
        assert_eq!(values(file, "i2", "row"), [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(values(file, "truth", "row"), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    }
    assert_eq!(values("big_endian.mat", "f8", "column"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn arrays_of_more_dimensions_are_in_order() {
    let reader = NpzImages {
        file: "packed.mat".to_owned(),
        images: "cube".to_owned(),
        labelled: false,
        ..NpzImages::default()
    };
    let Samples::Images { pixels, .. } = reader.read(&folder()).unwrap().samples else {
        panic!("not images")
    };
    assert_eq!(pixels, (0..24).collect::<Vec<u8>>());
}

#[test]
fn rows_of_characters_are_texts_without_the_spaces_that_fill_them() {
    for (file, x, y) in [
        ("texts_plain.mat", "x", "y"),
        ("texts_packed.mat", "x", "y"),
        ("version_7_3.mat", "fts", "names"),
    ] {
        let read = features(file, x, y).unwrap();
        assert_eq!(read.targets.strata(), [1, 0, 2], "{file}");
        assert_eq!(read.class_names.unwrap(), ["cat", "dog", "d\u{f6}g"], "{file}");
    }
    let error = features("texts_plain.mat", "x", "one").err().unwrap();
    assert!(error.contains("has 1 labels for 3 samples"), "{error}");
}

#[test]
fn files_of_version_7_3_are_read_in_matlabs_order() {
    const FILE: &str = "version_7_3.mat";
    let read = features(FILE, "fts", "labels").unwrap();
    assert_eq!(read.targets.strata(), [1, 0, 1]);
    let Samples::Features { size: 2, values } = read.samples else { panic!("not features") };
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let read = features(FILE, "small", "labels").unwrap();
    let Samples::Features { size: 2, values } = read.samples else { panic!("not features") };
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let series = Series {
        file: FILE.to_owned(),
        series: "series".to_owned(),
        labels: "labels".to_owned(),
        first_label: 1,
        ..Series::default()
    };
    let Samples::Series { channels: 2, length: 2, values } =
        series.read(&folder()).unwrap().samples
    else {
        panic!("not series")
    };
    assert_eq!(values, (0..12).map(|it| it as f32).collect::<Vec<f32>>());
    for (x, y, expected) in [
        ("ftss", "labels", "has no array `ftss` (did you mean `fts`?)"),
        ("fts", "cells", "is a cell array; expected"),
        ("names", "labels", "holds texts; features are numbers"),
    ] {
        let error = features(FILE, x, y).err().unwrap();
        assert!(error.contains(expected) && !error.contains("#refs#"), "{error}");
    }
}

#[test]
fn series_of_version_5_are_read() {
    let series = Series {
        file: "packed.mat".to_owned(),
        series: "cube".to_owned(),
        labelled: false,
        ..Series::default()
    };
    let Samples::Series { channels: 3, length: 4, values } =
        series.read(&folder()).unwrap().samples
    else {
        panic!("not series")
    };
    assert_eq!(values, (0..24).map(|it| it as f32).collect::<Vec<f32>>());
}

#[test]
fn what_cannot_be_read_is_named() {
    for file in ["plain.mat", "packed.mat"] {
        for (x, y, expected) in [
            ("f9", "row", "has no array `f9`"),
            ("complex", "row", "is complex; expected an array of real numbers"),
            ("text", "row", "holds texts; features are numbers"),
            ("cell", "row", "is a cell array (`char(labels)` makes characters of texts); expected"),
            ("structure", "row", "is a structure; expected"),
            ("sparse", "row", "is a sparse array; expected"),
            ("cube", "row", "features have shape [2, 3, 4]"),
            ("single", "row", "has 3 labels for 1 samples"),
        ] {
            let error = features(file, x, y).err().unwrap();
            assert!(error.contains(expected) && !error.contains("damaged"), "{error}");
        }
    }
}

#[test]
fn damage_anywhere_is_an_error_or_a_value_and_never_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain.mat", "packed.mat", "big_endian.mat"] {
        let whole = std::fs::read(self::folder().join(name)).unwrap();
        let path = folder.path().join(name);
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            reader(name, "f8", "column").read(folder.path()).is_err()
        };
        let mut refused = 0;
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = !damaged[at];
            refused += usize::from(read(&damaged));
        }
        assert!(refused > 20, "{name}: {refused}");
        let cut = (0..whole.len()).filter(|length| read(&whole[..*length])).count();
        assert!(cut > 200, "{name}: {cut}");
    }
}
