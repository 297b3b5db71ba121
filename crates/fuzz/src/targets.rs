//! What reads files, and the whole files that inputs are made of.

use std::path::Path;

use isthmus_core::dataset::{Reader, SampleSource as _, Samples};
use isthmus_core::spec::Transform;
use isthmus_core::stage::SampleView;
use isthmus_core::targets::TargetKind;
use isthmus_data::readers::{
    Audio, Features, Idx, ImageFolder, ImageList, NpzImages, Series, Svmlight, Table, Text,
    TextFile, TextFormat, Usps,
};
use isthmus_data::{Descriptor, EncodedSource, UnlabelledFile};

use crate::{records, seeds};

/// Packs a file's content.
pub type Pack = fn(&[u8]) -> Vec<u8>;

/// Something that reads files.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Whole files.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What is done to a changed file before it is read: packing it, so that what is packed is
    /// damaged and the packing is not.
    pub pack: Option<Pack>,
    /// Reads a file's content, for which the folder is there, and says whether it was accepted.
    pub read: fn(&Path, &[u8]) -> bool,
    /// Most bytes that may be reserved for each byte of the file, beside a fixed number.
    pub bytes_for_a_byte: u64,
}

/// What deflate can make of a byte, and what is made of that once more: as text, as 32-bit values, as a
/// copy.
const PACKED: u64 = 1100 * 16;
/// Bytes that are held of each byte of a file that is not packed.
const PLAIN: u64 = 256;
/// Of Parquet: a page states in 31 bits how large it is unpacked, which polars reserves as it is said;
/// the smallest seed is of a kilobyte.
const PAGE: u64 = 1 << 21;
/// Of images: as their decoder allows.
const IMAGE: u64 = 4 << 15;

macro_rules! target {
    ($name:literal, $seeds:expr, $bytes:expr, $read:expr) => {
        Target { name: $name, seeds: $seeds, pack: None, read: $read, bytes_for_a_byte: $bytes }
    };
    ($name:literal, $seeds:expr, $bytes:expr, $read:expr, $pack:expr) => {
        Target {
            name: $name,
            seeds: $seeds,
            pack: Some($pack),
            read: $read,
            bytes_for_a_byte: $bytes,
        }
    };
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target!("npy", seeds::npy, PLAIN, |folder, bytes| {
        features(folder, "x.npy", bytes, "x", None) | images(folder, "x.npy", "x")
    }),
    target!("npz", seeds::npz, PACKED, |folder, bytes| features(folder, "x.npz", bytes, "x", None)),
    target!(
        "npz-inside",
        seeds::npy,
        PACKED,
        |folder, bytes| features(folder, "x.npz", bytes, "x", Some("x")),
        |bytes| seeds::zipped("x.npy", bytes, true)
    ),
    target!("matlab-5", seeds::matlab, PACKED, |folder, bytes| {
        features(folder, "x.mat", bytes, "f8", Some("column")) | images(folder, "x.mat", "cube")
    }),
    target!("matlab-5-texts", seeds::matlab_texts, PACKED, |folder, bytes| {
        features(folder, "x.mat", bytes, "x", Some("y"))
    }),
    target!("matlab-7.3", seeds::matlab_7_3, PACKED, |folder, bytes| {
        features(folder, "x.mat", bytes, "fts", Some("names")) | series(folder, "x.mat", "series")
    }),
    target!("hdf5", seeds::hdf5, PACKED, |folder, bytes| {
        features(folder, "x.h5", bytes, "a/x", Some("a/text")) | series(folder, "x.h5", "a/cube")
    }),
    target!("usps-hdf5", seeds::usps_hdf5, PACKED, |folder, bytes| {
        put(folder, "usps.h5", bytes);
        is_read(&Usps::default(), folder)
    }),
    target!("usps-text", || vec![usps_text()], PACKED, |folder, bytes| {
        put(folder, "zip.train.gz", bytes);
        is_read(&Usps::default(), folder)
    }),
    target!("idx", seeds::idx, PACKED, |folder, bytes| {
        put(folder, "i", bytes);
        put(folder, "l", &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
        let (images, labels) = ("i".to_owned(), "l".to_owned());
        is_read(&Idx { images, labels, ..Idx::default() }, folder)
    }),
    target!("idx-labels", || vec![vec![0, 0, 8, 1, 0, 0, 0, 2, 0, 1]], PLAIN, |folder, bytes| {
        put(folder, "i", &seeds::idx()[1]);
        put(folder, "l", bytes);
        let (images, labels) = ("i".to_owned(), "l".to_owned());
        is_read(&Idx { images, labels, ..Idx::default() }, folder)
    }),
    target!("svmlight", seeds::svmlight, PACKED, |folder, bytes| {
        put(folder, "data.svmlight", bytes);
        is_read(&Svmlight::default(), folder)
    }),
    target!("table-text", seeds::csv, PACKED, table),
    target!("table-parquet", seeds::parquet, PAGE, parquet),
    target!("image", seeds::images, IMAGE, |folder, bytes| image(folder, "1.png", bytes)),
    target!("dicom", seeds::dicom, IMAGE, |folder, bytes| image(folder, "1.dcm", bytes)),
    target!("nifti", seeds::nifti, IMAGE, |folder, bytes| image(folder, "1.nii.gz", bytes)),
    target!(
        "nifti-inside",
        || vec![seeds::nifti()[0].clone()],
        IMAGE,
        |folder, bytes| image(folder, "1.nii.gz", bytes),
        seeds::gzipped
    ),
    target!("zip", seeds::zip_of_images, IMAGE, |folder, bytes| archive(folder, "a.zip", bytes)),
    target!("tar", seeds::tar_of_images, IMAGE, |folder, bytes| archive(folder, "a.tar", bytes)),
    target!(
        "tar-gz",
        || vec![seeds::gzipped(&seeds::tar_of_images()[0])],
        IMAGE,
        |folder, bytes| archive(folder, "a.tar.gz", bytes)
    ),
    target!(
        "tar-gz-inside",
        seeds::tar_of_images,
        IMAGE,
        |folder, bytes| archive(folder, "a.tgz", bytes),
        seeds::gzipped
    ),
    target!("image-list", seeds::image_list, PLAIN, |folder, bytes| {
        put(folder, "images.txt", bytes);
        put(folder, "a.png", b"");
        is_read(&ImageList::default(), folder)
    }),
    target!("wav", seeds::wav, PLAIN * 64, |folder, bytes| { sound(folder, "1_a_0.wav", bytes) }),
    target!("flac", seeds::flac, PACKED, |folder, bytes| sound(folder, "1_a_0.flac", bytes)),
    target!("json-lines", seeds::json_lines, PLAIN, |folder, bytes| {
        texts(folder, TextFormat::JsonLines, bytes)
    }),
    target!("tagged-text", seeds::tagged, PLAIN, |folder, bytes| {
        texts(folder, TextFormat::Tagged, bytes)
    }),
    target!("table-of-texts", seeds::table_of_texts, PLAIN, |folder, bytes| {
        texts(folder, TextFormat::Table, bytes)
    }),
    target!("wav-tar-gz", || vec![seeds::gzipped(&recordings())], PACKED, |folder, bytes| {
        put(folder, "r.tar.gz", bytes);
        is_read(&Audio { path: "r.tar.gz".to_owned(), ..recordings_reader() }, folder)
    }),
    target!("safetensors", seeds::safetensors, PLAIN, |folder, bytes| {
        put(folder, "w.safetensors", bytes);
        isthmus_nn::weights::read(&folder.join("w.safetensors")).is_ok()
    }),
    target!("pth", seeds::pth, PACKED, |folder, bytes| {
        put(folder, "w.pth", bytes);
        isthmus_nn::weights::read(&folder.join("w.pth")).is_ok()
    }),
    target!("descriptor", seeds::descriptors, PLAIN * 16, |_, bytes| {
        let text = String::from_utf8_lossy(bytes);
        ["digits", "diabetes", "spoken-digit-strings", "office31"]
            .iter()
            .any(|name| Descriptor::parse(name, &text, "d.toml").is_ok())
    }),
    target!("experiment", seeds::experiments, PLAIN * 256, |_, bytes| {
        isthmus_experiment::parse(&String::from_utf8_lossy(bytes), &records::DATASETS).is_ok()
    }),
    target!("record-job", || records::seed("job.json"), PLAIN * 16, |folder, bytes| {
        records::read(folder, "job.json", bytes)
    }),
    target!("record-metrics", || records::seed("metrics.csv"), PLAIN * 16, |folder, bytes| {
        records::read(folder, "metrics.csv", bytes)
    }),
    target!("record-events", || records::seed("events.jsonl"), PLAIN * 16, |folder, bytes| {
        records::read(folder, "events.jsonl", bytes)
    }),
    target!(
        "record-environment",
        || records::seed("environment.json"),
        PLAIN * 16,
        |folder, bytes| { records::read(folder, "environment.json", bytes) }
    ),
    target!("record-done", || records::seed("done"), PLAIN * 16, |folder, bytes| {
        records::read(folder, "done", bytes)
    }),
    target!("record-model", seeds::safetensors, PLAIN * 16, |folder, bytes| {
        records::read(folder, "model.safetensors", bytes)
    }),
    target!("checkpoint", records::checkpoint, PLAIN, records::read_checkpoint),
    target!("survey", seeds::csv, PACKED, |folder, bytes| {
        put(folder, "a.csv", bytes);
        put(folder, "b.csv", &seeds::csv()[0]);
        isthmus_data::survey(&[folder.to_owned()]).is_ok()
    }),
];

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("the folder can be written");
}

/// Whether a reader takes what is there, its headers alone and whole.
fn is_read(reader: &dyn Reader, folder: &Path) -> bool {
    let outline = reader.outline(folder).is_ok();
    reader.read(folder).is_ok() && outline
}

fn features(folder: &Path, file: &str, bytes: &[u8], array: &str, labels: Option<&str>) -> bool {
    put(folder, file, bytes);
    let reader = Features {
        file: file.to_owned(),
        features: array.to_owned(),
        labels: labels.unwrap_or_default().to_owned(),
        labelled: labels.is_some(),
        standardize: true,
        shares: true,
        ..Features::default()
    };
    is_read(&reader, folder)
}

fn series(folder: &Path, file: &str, array: &str) -> bool {
    let reader = Series {
        file: file.to_owned(),
        series: array.to_owned(),
        labelled: false,
        ..Series::default()
    };
    is_read(&reader, folder)
}

fn images(folder: &Path, file: &str, array: &str) -> bool {
    let reader = NpzImages {
        file: file.to_owned(),
        images: array.to_owned(),
        labelled: false,
        ..NpzImages::default()
    };
    is_read(&reader, folder)
}

fn table(folder: &Path, bytes: &[u8]) -> bool {
    put(folder, "table.csv", bytes);
    let plain = Table::default();
    let classes = Table {
        targets: vec!["kind".to_owned()],
        kind: TargetKind::Classes,
        standardize: true,
        ..Table::default()
    };
    let texts =
        Table { targets: vec!["y".to_owned()], without: vec!["a*".to_owned()], ..classes.clone() };
    [plain, classes, texts].iter().map(|reader| is_read(reader, folder)).fold(false, |a, b| a | b)
}

fn parquet(folder: &Path, bytes: &[u8]) -> bool {
    put(folder, "table.csv", bytes);
    let named = |features: &str, target: &str| Table {
        features: vec![features.to_owned()],
        targets: vec![target.to_owned()],
        kind: TargetKind::Classes,
        ..Table::default()
    };
    let wanted = [("domain".to_owned(), "webcam".to_owned())].into();
    let readers = [named("n", "y"), Table { wanted, ..named("f*", "kind") }, Table::default()];
    readers.iter().map(|reader| is_read(reader, folder)).fold(false, |a, b| a | b)
}

/// Reads sound as the recordings of digits are read.
fn recordings_reader() -> Audio {
    Audio { files: "{class}_{speaker}_{index}".to_owned(), rate: 8000, ..Audio::default() }
}

fn sound(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    put(folder, name, bytes);
    is_read(&recordings_reader(), folder)
}

fn texts(folder: &Path, format: TextFormat, bytes: &[u8]) -> bool {
    put(folder, "texts", bytes);
    let files = vec![TextFile { file: "texts".to_owned(), class: None }];
    is_read(&Text { files, format, ..Text::default() }, folder)
}

fn image(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    put(folder, name, bytes);
    [false, true].into_iter().all(|stretch| {
        let reader = ImageFolder {
            path: ".".to_owned(),
            labelled: false,
            exif_orientation: stretch,
            stretch,
            ..ImageFolder::default()
        };
        reader.read(folder).is_ok_and(|read| decoded(read.samples, read.decoding))
    })
}

fn archive(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    put(folder, name, bytes);
    let reader = ImageFolder {
        path: ".".to_owned(),
        archive: Some(name.to_owned()),
        ..ImageFolder::default()
    };
    let below = reader.read(folder).is_ok();
    let file = UnlabelledFile {
        path: &folder.join(name),
        kind: isthmus_core::augmentation::SampleKind::Image,
        array: None,
        lengths: None,
        transform: None,
    };
    let read = file.read().is_ok_and(|source| {
        let rows: Vec<usize> = (0..source.samples.rows()).collect();
        source.samples.values(&rows, SampleView::Plain).is_ok()
    });
    below | read
}

fn decoded(samples: Samples, decoding: isthmus_core::dataset::ImageDecoding) -> bool {
    let Samples::Encoded(images) = samples else { return false };
    let rows: Vec<usize> = (0..images.len()).collect();
    EncodedSource::new(images, decoding, &Transform::default())
        .is_ok_and(|source| source.values(&rows, SampleView::Plain).is_ok())
}

fn usps_text() -> Vec<u8> {
    let line = |digit: usize| format!("{digit} {}\n", "-1.000 ".repeat(256));
    seeds::gzipped((line(3) + &line(7)).as_bytes())
}

/// Recordings in a tar archive.
fn recordings() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["recordings/1_a_0.wav", "recordings/2_b_7.wav"] {
        let sound = &seeds::wav()[0];
        let mut header = tar::Header::new_gnu();
        header.set_size(sound.len() as u64);
        builder.append_data(&mut header, name, sound.as_slice()).expect("memory can be written");
    }
    builder.into_inner().expect("memory can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_reads_its_whole_files() {
        for target in TARGETS {
            for (number, seed) in (target.seeds)().iter().enumerate() {
                let folder = tempfile::tempdir().unwrap();
                let bytes = target.pack.map_or_else(|| seed.clone(), |pack| pack(seed));
                let read = (target.read)(folder.path(), &bytes);
                // Of arrays of texts there are no features.
                let refused = matches!(
                    (target.name, number),
                    ("npy" | "npz" | "npz-inside", 3) | ("npz-inside", _)
                );
                assert!(read || refused, "{} refuses its file {number}", target.name);
            }
        }
    }
}
