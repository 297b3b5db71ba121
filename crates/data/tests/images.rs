//! Images of more than 8 bits, with transparency, of DICOM and NIfTI, as Pillow, tifffile, pydicom and
//! nibabel write them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{Reader, SampleSource, Samples};
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::Transform;
use isthmus_core::stage::SampleView;
use isthmus_data::EncodedSource;
use isthmus_data::readers::ImageFolder;

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)
}

fn plain() -> ImageFolder {
    ImageFolder { path: ".".to_owned(), labelled: false, ..ImageFolder::default() }
}

/// The bytes of a file's image in a folder of its own, channels first.
fn bytes(name: &str, reader: &ImageFolder, channels: usize) -> Result<Vec<u8>, String> {
    reader.check().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(stored(name), folder.path().join(name)).unwrap();
    let read = reader.read(folder.path()).unwrap();
    let Samples::Encoded(images) = read.samples else { panic!("not encoded") };
    let transform = Transform {
        channels: Some(channels),
        mean: vec![0.0],
        std: vec![1.0],
        ..Transform::default()
    };
    let source = EncodedSource::new(images, read.decoding, &transform);
    let source = source.map_err(|error| error.to_string())?;
    let values = source.values(&[0], SampleView::Plain).map_err(|error| error.to_string())?;
    let SampleValues::Dense(values) = values else { panic!("no images") };
    Ok(values.iter().map(|value| (value * 255.0).round() as u8).collect())
}

#[test]
fn values_of_16_bits_keep_their_range_by_type_window_or_image() {
    let window = ImageFolder { window: Some([0.0, 3300.0]), ..plain() };
    let stretch = ImageFolder { stretch: true, ..plain() };
    // 0, 300, ... 3300 of 65535.
    let of_type = [0, 1, 2, 4, 5, 6, 7, 8, 9, 11, 12, 13];
    let of_window = [0, 23, 46, 70, 93, 116, 139, 162, 185, 209, 232, 255];
    for name in ["grey16.png", "grey16.tiff"] {
        assert_eq!(bytes(name, &plain(), 1).unwrap(), of_type, "{name}");
        assert_eq!(bytes(name, &window, 1).unwrap(), of_window, "{name}");
        assert_eq!(bytes(name, &stretch, 1).unwrap(), of_window, "{name}");
    }
    let narrow = ImageFolder { window: Some([300.0, 600.0]), ..plain() };
    assert_eq!(bytes("grey16.png", &narrow, 1).unwrap()[..4], [0, 0, 255, 255]);
    // Of colours the brightest of all is white.
    let rgb = bytes("rgb16.tiff", &stretch, 3).unwrap();
    assert_eq!([rgb[0], rgb[11], rgb[12], rgb[24]], [0, 205, 149, 255]);
    assert_eq!(bytes("rgb16.tiff", &plain(), 3).unwrap()[24], 16);
    // Floats are shares of full brightness.
    let float = bytes("float.tiff", &plain(), 3).unwrap();
    assert_eq!(float[..12], of_window);
    assert_eq!([float[24], float[35]], [255, 0]);
    let dark = ImageFolder { window: Some([0.0, 2.0]), ..plain() };
    assert_eq!(bytes("float.tiff", &dark, 3).unwrap()[24], 128);
}

#[test]
fn transparency_is_dropped_and_other_channels_are_refused() {
    let rgb = bytes("alpha.png", &plain(), 3).unwrap();
    assert_eq!([rgb[0], rgb[11], rgb[12], rgb[24]], [200, 200, 10, 0]);
    assert_eq!(bytes("grey_alpha.png", &plain(), 1).unwrap(), [90; 12]);
    let error = bytes("five.tiff", &plain(), 3).unwrap_err();
    assert!(error.contains("five.tiff") && !error.contains("damaged"), "{error}");
}

#[test]
fn dicom_is_shown_by_the_window_of_the_file_or_the_reader() {
    // -1024 to 76 in steps of 100; the window is 400 wide around -424 (PS3.3 C.11.2.1.2.1).
    let expected: Vec<u8> = (0..12)
        .map(|at| {
            let value = f64::from(at) * 100.0 - 1024.0;
            let share = (value - (-424.0 - 0.5)) / 399.0 + 0.5;
            (share * 255.0).round().clamp(0.0, 255.0) as u8
        })
        .collect();
    // The second has no ending: its content tells what it is.
    for name in ["ct.dcm", "ct_implicit"] {
        assert_eq!(bytes(name, &plain(), 1).unwrap(), expected, "{name}");
        let own = ImageFolder { window: Some([-1024.0, 76.0]), ..plain() };
        let found = bytes(name, &own, 1).unwrap();
        assert_eq!([found[0], found[6], found[11]], [0, 139, 255], "{name}");
    }
    // Without a window, by the image's own values; black and white exchanged where the file says so.
    let found = bytes("inverted.dcm", &plain(), 1).unwrap();
    assert_eq!([found[0], found[11]], [255, 0]);
    let found = bytes("rle.dcm", &plain(), 1).unwrap();
    assert_eq!([found[0], found[6], found[11]], [0, 139, 255]);
    let found = bytes("colour.dcm", &plain(), 3).unwrap();
    assert_eq!([found[0], found[12], found[24]], [200, 10, 0]);
    let found = bytes("jpeg.dcm", &plain(), 1).unwrap();
    assert!(found.len() == 256 && found.iter().all(|it| it.abs_diff(77) <= 1), "{found:?}");
    for (slice, value) in [(0.0, 0), (0.5, 20), (1.0, 40)] {
        let found = bytes("frames.dcm", &ImageFolder { slice, ..plain() }, 1).unwrap();
        assert_eq!(found, [value; 12], "{slice}");
    }
}

#[test]
fn a_slice_of_a_volume_is_an_image() {
    // Slice z has x + 10 y + 100 z; the largest is white, 0 is black.
    let expected = |z: f64| -> Vec<u8> {
        let value = |at: u32| f64::from(at % 4) + 10.0 * f64::from(at / 4) + 100.0 * z;
        (0..12).map(|at| (value(at) / value(11) * 255.0).round() as u8).collect()
    };
    for (slice, z) in [(0.0, 0.0), (0.5, 2.0), (1.0, 4.0)] {
        let found = bytes("volume.nii", &ImageFolder { slice, ..plain() }, 1).unwrap();
        assert_eq!(found, expected(z), "{slice}");
    }
    // 2 x - 100, gzipped.
    let window = ImageFolder { window: Some([-100.0, 155.0]), slice: 0.0, ..plain() };
    let found = bytes("volume.nii.gz", &window, 1).unwrap();
    assert_eq!(found, [0, 2, 4, 6, 20, 22, 24, 26, 40, 42, 44, 46]);
}

#[test]
fn windows_that_say_nothing_are_refused() {
    for (window, stretch, expected) in [
        ([5.0, 5.0], false, "`window` is [5, 5]"),
        ([9.0, 5.0], false, "`window` is [9, 5]"),
        ([0.0, f64::NAN], false, "NaN"),
        ([0.0, 1.0], true, "state one"),
    ] {
        let reader = ImageFolder { window: Some(window), stretch, ..plain() };
        let error = reader.check().err().unwrap().message;
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_cut_is_an_error_and_never_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ct.dcm", "rle.dcm", "jpeg.dcm", "volume.nii", "volume.nii.gz", "grey16.tiff"] {
        let whole = std::fs::read(stored(name)).unwrap();
        let mut refused = 0;
        for length in (1..whole.len()).step_by(37) {
            std::fs::write(folder.path().join(name), &whole[..length]).unwrap();
            let Ok(read) = plain().read(folder.path()) else { continue };
            let Samples::Encoded(images) = read.samples else { panic!("not encoded") };
            let source = EncodedSource::new(images, read.decoding, &Transform::default());
            refused += usize::from(source.is_err());
        }
        assert!(refused > 5, "{name}: {refused}");
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
}
