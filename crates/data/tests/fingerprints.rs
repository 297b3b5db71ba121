//! What decides the fingerprint of data, and when data is read to find it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use isthmus_data::Dataset;
use support::{FEATURES, IMAGES, Place, spec};

/// Longer than it takes until a file counts as one that nobody writes to.
const SETTLED: Duration = Duration::from_millis(2200);

fn fingerprint(place: &Place) -> String {
    let loaded = place.load().unwrap().fingerprint_of(["a", "b"]);
    let identified = Dataset::identify(&spec(), &place.roots).unwrap().fingerprint_of(["a", "b"]);
    assert_eq!(loaded, identified);
    loaded
}

fn images() -> Place {
    let place = Place::of_images();
    place.classes("a", &["cat", "dog"], 2);
    place.classes("b", &["cat", "dog"], 2);
    place
}

#[test]
fn what_is_not_read_decides_nothing() {
    let place = images();
    let first = fingerprint(&place);
    for name in ["a/.DS_Store", "a/notes.txt", "a/cat/Thumbs.db", "b/dog/1.heic", "other/x.png"] {
        place.write(name, b"something");
    }
    assert_eq!(fingerprint(&place), first);

    let place = Place::of_features();
    place.features(&[0, 1], &[1, 0]);
    let first = fingerprint(&place);
    let x = |label: u8| support::npy("<f4", &[2, 1], &[0, 0, 0, 0, 0, 0, 0x80, label]);
    let y = |labels: &[u8]| support::npy("|u1", &[2], labels);
    let arrays = [
        ("a_x", x(0x3f)),
        ("a_y", y(&[0, 1])),
        ("b_x", support::npy("<f4", &[2, 1], &[0, 0, 0x80, 0x3f, 0, 0, 0, 0])),
        ("b_y", y(&[1, 0])),
        ("more", y(&[1, 1])),
    ];
    support::npz(&place.file("features.npz"), &arrays);
    // The same samples with labels of another type, beside one array more.
    assert_eq!(fingerprint(&place), first);
}

#[test]
fn what_is_read_decides() {
    let place = images();
    let first = fingerprint(&place);
    place.image("a/cat/0.png", 99);
    let other_content = fingerprint(&place);
    std::fs::rename(place.file("a/cat/0.png"), place.file("a/cat/00.png")).unwrap();
    let other_name = fingerprint(&place);
    std::fs::rename(place.file("b/cat"), place.file("b/cow")).unwrap();
    std::fs::rename(place.file("a/cat"), place.file("a/cow")).unwrap();
    let other_class = fingerprint(&place);
    place.describe(&IMAGES.replace("path = \"a\"", "path = \"a\", exif_orientation = true"));
    let upright = fingerprint(&place);
    let mut all = vec![first, other_content, other_name, other_class, upright];
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);

    let place = Place::of_features();
    place.features(&[0, 1], &[1, 0]);
    let first = fingerprint(&place);
    place.features(&[0, 1], &[0, 1]);
    assert_ne!(fingerprint(&place), first);
}

#[test]
fn a_tree_and_its_archive_are_one_content() {
    let tree = images();
    let of_tree = fingerprint(&tree);
    let archived = Place::new(
        &IMAGES
            .replace("path = \"a\"", "path = \"a\", archive = \"all.zip\"")
            .replace("path = \"b\"", "path = \"b\", archive = \"all.zip\""),
    );
    let mut writer = zip::ZipWriter::new(std::fs::File::create(archived.file("all.zip")).unwrap());
    for domain in ["a", "b"] {
        for name in ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"] {
            let name = format!("{domain}/{name}");
            writer.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
            let content = std::fs::read(tree.file(&name)).unwrap();
            std::io::Write::write_all(&mut writer, &content).unwrap();
        }
    }
    writer.finish().unwrap();
    assert_eq!(fingerprint(&archived), of_tree);
}

/// Bytes that this process has read.
#[cfg(target_os = "linux")]
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn data_that_has_not_changed_is_identified_without_being_read() {
    const SIZE: usize = 1 << 20;
    let place = images();
    place.write("a/cat/large.jpg", &vec![7; SIZE]);
    let features = Place::of_features();
    let x = || support::npy("<f4", &[2, SIZE / 4], &vec![0; 2 * SIZE]);
    let y = || support::npy("|u1", &[2], &[0, 1]);
    let arrays = [("a_x", x()), ("a_y", y()), ("b_x", x()), ("b_y", y())];
    support::npz(&features.file("features.npz"), &arrays);
    // Stored as it is, so that what is read can be told.
    let file = std::fs::File::create(features.file("plain.npy")).unwrap();
    std::io::Write::write_all(&mut &file, &x()).unwrap();
    features.describe(
        &FEATURES
            .replace(
                "features = \"a_x\"",
                "file = \"plain.npy\", labels_file = \"y.npy\", features = \"a_x\"",
            )
            .replace(
                "features = \"b_x\"",
                "file = \"plain.npy\", labels_file = \"y.npy\", features = \"b_x\"",
            ),
    );
    features.write("y.npy", &y());
    std::thread::sleep(SETTLED);

    let identify = |place: &Place| {
        let before = bytes_read();
        let identity = Dataset::identify(&spec(), &place.roots);
        let identity = identity.unwrap().fingerprint_of(["a", "b"]);
        (identity, bytes_read() - before)
    };
    for place in [&place, &features] {
        let (first, read) = identify(place);
        assert!(read as usize > SIZE, "{read}");
        let (second, read) = identify(place);
        assert_eq!(second, first);
        assert!((read as usize) < SIZE / 10, "{read} bytes were read again");
    }

    // A change that keeps size and time is seen.
    let path = place.file("a/cat/large.jpg");
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    place.write("a/cat/large.jpg", &vec![8; SIZE]);
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    assert_ne!(identify(&place).0, identify(&features).0);
    let (changed, read) = identify(&place);
    assert!(read as usize > SIZE, "a file that has just changed may change again");
    place.write("a/cat/large.jpg", &vec![7; SIZE]);
    assert_ne!(identify(&place).0, changed);
}

#[test]
fn a_checksum_is_verified_before_the_cache_is_believed() {
    let place = Place::of_features();
    place.features(&[0, 1], &[1, 0]);
    std::thread::sleep(SETTLED);
    fingerprint(&place);
    assert!(place.cache().join("fingerprints").is_dir());
    let sum = "0".repeat(64);
    place.describe(&format!("checksums = {{ \"features.npz\" = \"{sum}\" }}\n{FEATURES}"));
    assert!(place.problem().contains("the descriptor states 0000"));
    let identified = Dataset::identify(&spec(), &place.roots).err().unwrap().to_string();
    assert!(identified.contains("the descriptor states 0000"), "{identified}");
}
