//! HDF5 files as h5py writes them, of every type of number.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_data::readers::{Features, Series, Usps};

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hdf5").join(name)
}

/// What the reader of USPS makes of a file.
fn usps(name: &str) -> Result<LabelledSamples, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(stored(name), folder.path().join("usps.h5")).unwrap();
    Usps::default().read(folder.path()).map_err(|error| error.to_string())
}

fn pixels(read: &LabelledSamples) -> &[u8] {
    match &read.samples {
        Samples::Images { pixels, .. } => pixels,
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_of_every_type_are_the_same_images_and_labels() {
    let expected = usps("f4.h5").unwrap();
    assert_eq!(expected.targets.strata(), [3, 0, 9, 3]);
    for name in ["f8.h5", "u1.h5", "i4.h5"] {
        let read = usps(name).unwrap();
        assert_eq!(read.targets.strata(), expected.targets.strata(), "{name}");
        assert_eq!(pixels(&read), pixels(&expected), "{name}");
    }
    // Half precision has three digits.
    let read = usps("f2.h5").unwrap();
    assert!(pixels(&read).iter().zip(pixels(&expected)).all(|(a, b)| a.abs_diff(*b) <= 1));
    let error = usps("range.h5").err().unwrap();
    assert!(error.contains("/train/data: row 0 has") && !error.contains("damaged"), "{error}");
}

fn features(x: &str, y: &str) -> Result<LabelledSamples, String> {
    let reader = Features {
        file: "features.h5".to_owned(),
        features: x.to_owned(),
        labels: y.to_owned(),
        ..Features::default()
    };
    reader.check().unwrap();
    let folder = stored("features.h5").parent().unwrap().to_owned();
    let outline = reader.outline(&folder).map_err(|error| error.to_string())?;
    let read = reader.read(&folder).map_err(|error| error.to_string())?;
    assert_eq!(outline.targets.strata(), read.targets.strata());
    Ok(read)
}

#[test]
fn features_and_labels_of_every_type_are_read() {
    for x in ["a/x", "/a/i"] {
        let read = features(x, "a/b").unwrap();
        let Samples::Features { size, values } = read.samples else { panic!("not features") };
        assert_eq!((size, values), (2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(read.targets.strata(), [1, 0, 1]);
    }
    let fixed = features("a/x", "a/fixed").unwrap();
    assert_eq!(
        (fixed.targets.strata(), fixed.class_names.unwrap().concat()),
        (vec![1, 0, 1], "catdog".to_owned())
    );
    let text = features("a/x", "a/text").unwrap();
    assert_eq!(
        (text.targets.strata(), text.class_names.unwrap().concat()),
        (vec![1, 0, 2], "catdogdög".to_owned())
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    for (x, y, expected) in [
        ("a/y", "a/b", "has no array `a/y`"),
        ("a/x", "a/complex", "expected floats, integers or texts"),
        ("a/text", "a/b", "holds texts; features are numbers"),
        ("a/cube", "a/b", "features have shape [2, 2, 2]"),
    ] {
        let error = features(x, y).err().unwrap();
        assert!(error.contains(expected) && !error.contains("damaged"), "{error}");
    }
}

#[test]
fn series_and_their_lengths_are_read() {
    let folder = stored("features.h5").parent().unwrap().to_owned();
    let mut reader = Series {
        file: "features.h5".to_owned(),
        series: "a/cube".to_owned(),
        labelled: false,
        ..Series::default()
    };
    let Samples::Series { channels, length, values } = reader.read(&folder).unwrap().samples else {
        panic!("not series of one length")
    };
    assert_eq!((channels, length, values.len()), (2, 2, 8));
    // The file has no lengths of two series: those of three are refused by their place.
    reader.lengths = Some("a/b".to_owned());
    let error = reader.read(&folder).err().unwrap().to_string();
    let expected = "lengths have shape [3]; expected one length for each of the 2 series";
    assert!(error.contains(expected) && error.contains("a/b"), "{error}");
}

#[test]
fn damage_anywhere_is_an_error_or_a_value_and_never_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.h5");
    let whole = std::fs::read(stored("features.h5")).unwrap();
    let reader = |y: &str| Features {
        file: "features.h5".to_owned(),
        features: "a/x".to_owned(),
        labels: y.to_owned(),
        ..Features::default()
    };
    let mut refused = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] = !damaged[at];
        std::fs::write(&path, damaged).unwrap();
        refused += usize::from(reader("a/b").read(folder.path()).is_err());
        refused += usize::from(reader("a/text").read(folder.path()).is_err());
    }
    assert!(refused > 20, "{refused}");
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(reader("a/b").read(folder.path()).is_err());
    }
}
