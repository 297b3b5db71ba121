//! Image folders and lists in archives of every kind.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Cursor, Write};
use std::path::Path;

use isthmus_core::dataset::{LabelledSamples, Reader, SampleSource, Samples};
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::Transform;
use isthmus_core::stage::SampleView;
use isthmus_data::EncodedSource;
use isthmus_data::readers::{ImageFolder, ImageList};

fn png(grey: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = image::GrayImage::from_pixel(3, 2, image::Luma([grey]));
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Writes images into an archive of the kind that its ending tells; names are taken as they are.
fn write(path: &Path, images: &[(&str, u8)]) {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name.ends_with(".zip") {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        for (name, grey) in images {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(&png(*grey)).unwrap();
        }
        writer.finish().unwrap();
        return;
    }
    let mut builder = tar::Builder::new(Vec::new());
    for (name, grey) in images {
        let bytes = png(*grey);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    if name.ends_with(".tar") {
        std::fs::write(path, bytes).unwrap();
    } else {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&bytes).unwrap();
        std::fs::write(path, encoder.finish().unwrap()).unwrap();
    }
}

/// The grey value of each image.
fn greys(read: LabelledSamples) -> Vec<u8> {
    let Samples::Encoded(images) = read.samples else { panic!("not encoded") };
    let rows: Vec<usize> = (0..images.len()).collect();
    let transform =
        Transform { channels: Some(1), mean: vec![0.0], std: vec![1.0], ..Transform::default() };
    let source = EncodedSource::new(images, read.decoding, &transform).unwrap();
    let SampleValues::Dense(values) = source.values(&rows, SampleView::Plain).unwrap() else {
        panic!("no images")
    };
    values.chunks(6).map(|image| (image[0] * 255.0).round() as u8).collect()
}

const KINDS: [&str; 4] = ["a.zip", "a.tar", "a.tar.gz", "a.tgz"];

#[test]
fn every_kind_of_archive_is_the_same_tree() {
    let folder = tempfile::tempdir().unwrap();
    let images =
        [("top/cat/2.png", 20), ("top/cat/1.png", 10), ("top/dog/in/3.png", 30), ("x.png", 9)];
    for name in KINDS {
        write(&folder.path().join(name), &images);
        let reader = ImageFolder {
            path: "top".to_owned(),
            archive: Some(name.to_owned()),
            ..ImageFolder::default()
        };
        let read = reader.read(folder.path()).unwrap();
        assert_eq!(read.class_names.as_ref().unwrap(), &["cat", "dog"], "{name}");
        assert_eq!(read.targets.strata(), [0, 0, 1], "{name}");
        assert_eq!(greys(read), [10, 20, 30], "{name}");
    }
    // Nothing was unpacked beside them.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KINDS.len());
}

#[test]
fn names_that_lead_outside_name_no_class_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let images = [("cat/1.png", 1), ("../out/2.png", 2), ("/out/3.png", 3), ("dog/../../4.png", 4)];
    for name in KINDS {
        write(&inside.join(name), &images);
        let reader = ImageFolder {
            path: ".".to_owned(),
            archive: Some(name.to_owned()),
            ..ImageFolder::default()
        };
        let read = reader.read(&inside).unwrap();
        assert_eq!(read.class_names.as_ref().unwrap(), &["cat", "dog"], "{name}");
        assert_eq!(greys(read), [1], "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), KINDS.len());
}

#[test]
fn lists_name_the_entries_of_archives() {
    let folder = tempfile::tempdir().unwrap();
    for name in KINDS {
        write(&folder.path().join(name), &[("top/1.png", 10), ("top/b/2.png", 20)]);
        let reader = |text: &str| {
            std::fs::write(folder.path().join("list.txt"), text).unwrap();
            let reader = ImageList {
                file: "list.txt".to_owned(),
                path: "top".to_owned(),
                archive: Some(name.to_owned()),
                ..ImageList::default()
            };
            assert_eq!(reader.files().len(), 2);
            reader.read(folder.path()).map_err(|error| error.to_string())
        };
        let read = reader("./b/2.png dog\n1.png cat\nb/2.png dog\n").unwrap();
        assert_eq!(read.targets.strata(), [1, 0, 1], "{name}");
        assert_eq!(greys(read), [20, 10, 20], "{name}");
        let error = reader("1.png 0\nb/3.png 1\n").err().unwrap();
        assert!(error.contains("line 2") && error.contains("top/b/3.png"), "{error}");
        assert!(error.contains("did you mean `top/b/2.png`"), "{error}");
    }
}
