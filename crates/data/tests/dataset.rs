//! Data sets from descriptor to domains, on small files made here.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use image::{Rgb, RgbImage};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::spec::{DataSpec, Protocol, Task, Transform};
use isthmus_core::stage::SampleView;
use isthmus_data::{
    Dataset, DomainSets, DomainUse, Roots, load_domains, plain_split, stratified_split,
};

const DESCRIPTOR: &str = r#"name = "mine"
how_to_get = "take some photos"
domains = [
  { name = "photos", reader = { name = "image-folder", path = "photos" } },
  { name = "drawings", reader = { name = "image-folder", path = "drawings" } },
]
"#;

fn image(folder: &Path, name: &str, red: u8) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(4, 4, Rgb([red, 0, 0])).save(path).unwrap();
}

/// A root with `datasets/mine.toml` and four images a domain below it.
fn root() -> (tempfile::TempDir, Roots) {
    let folder = tempfile::tempdir().unwrap();
    let datasets = folder.path().join("datasets");
    std::fs::create_dir_all(&datasets).unwrap();
    std::fs::write(datasets.join("mine.toml"), DESCRIPTOR).unwrap();
    for (index, domain) in ["photos", "drawings"].iter().enumerate() {
        for (class, name) in ["cat", "dog"].iter().enumerate() {
            for number in 0..2 {
                let red = (100 * index + 10 * class + number) as u8;
                image(&datasets, &format!("mine/{domain}/{name}/{number}.png"), red);
            }
        }
    }
    let roots = Roots {
        descriptors: vec![datasets],
        data: folder.path().join("data"),
        cache: folder.path().join("cache"),
    };
    (folder, roots)
}

fn spec(dataset: &str, source: &str, target: &str) -> DataSpec {
    DataSpec::new(dataset, vec![Task::new([source], target)], Protocol::Transductive)
}

fn problem(roots: &Roots) -> String {
    match Dataset::load(&spec("mine", "photos", "drawings"), roots) {
        Ok(_) => panic!("the data was expected to be refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_folder_of_images_becomes_domains() {
    let (_folder, roots) = root();
    let (dataset, domains) =
        load_domains(&spec("mine", "photos", "drawings"), &roots, &Key::new(0)).unwrap();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!([&domains[0].name, &domains[1].name], ["photos", "drawings"]);
    let target = &domains[1];
    assert_eq!(target.train.targets.strata(), [0, 0, 1, 1]);
    assert_eq!(target.test.targets.strata(), [0, 0, 1, 1]);
    let values = target.test.samples.values(&[3], SampleView::Plain).unwrap();
    assert_eq!(values.rows(1)[0], [111.0 / 255.0]);
}

#[test]
fn the_fingerprint_follows_files_reader_and_transform() {
    let (folder, roots) = root();
    let spec = spec("mine", "photos", "drawings");
    let of = |spec: &DataSpec| {
        Dataset::load(spec, &roots).unwrap().fingerprint_of(["photos", "drawings"])
    };
    let first = of(&spec);
    assert_eq!(of(&spec), first);
    let resized = Transform { resize: Some(2), ..Transform::default() };
    assert_ne!(of(&DataSpec { transform: Some(resized), ..spec.clone() }), first);
    image(&folder.path().join("datasets"), "mine/photos/cat/0.png", 99);
    assert_ne!(of(&spec), first);
}

#[test]
fn an_absent_data_set_names_places_layout_and_origin() {
    let (folder, roots) = root();
    std::fs::remove_dir_all(folder.path().join("datasets/mine/drawings")).unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let error = problem(&roots);
    assert!(error.contains("data set `mine` was not found"), "{error}");
    assert!(error.contains("datasets/mine (has no drawings)"), "{error}");
    assert!(error.contains("data/mine (no such folder)"), "{error}");
    assert!(error.contains("  drawings: drawings"), "{error}");
    assert!(error.contains("how to get it: take some photos"), "{error}");
}

#[test]
fn classes_that_differ_are_named() {
    let (folder, roots) = root();
    let drawings = folder.path().join("datasets/mine/drawings");
    std::fs::rename(drawings.join("dog"), drawings.join("horse")).unwrap();
    let error = problem(&roots);
    assert!(error.contains("classes differ: photos has 2 classes"), "{error}");
    assert!(error.contains("it lacks dog; only it has horse"), "{error}");
}

#[test]
fn classes_that_the_descriptor_states_must_be_the_reader_s() {
    let (_folder, roots) = root();
    let table = |rows: &str| format!("{{ name = \"usps\", set = \"train\"{rows} }}");
    let write = |extra: &str, classes: &str| {
        let text = format!(
            "name = \"mine\"\n{classes}[[domains]]\nname = \"photos\"\nfolder = \"a\"\nreader = \
             {}\n[[domains]]\nname = \"drawings\"\nfolder = \"b\"\nreader = {}\n",
            table(""),
            table(extra)
        );
        std::fs::write(roots.descriptors[0].join("mine.toml"), text).unwrap();
    };
    let line = |digit: u32| format!("{digit} {}\n", "0.0 ".repeat(256));
    for (name, digits) in [("a", vec![0, 1, 2]), ("b", vec![0, 1])] {
        let folder = roots.data.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let text: String = digits.into_iter().map(line).collect();
        std::fs::write(folder.join("zip.train"), text).unwrap();
    }
    // The reader knows its ten classes, so a digit that does not occur is no difference.
    write("", "");
    let dataset = Dataset::load(&spec("mine", "photos", "drawings"), &roots).unwrap();
    assert_eq!(dataset.classes.len(), 10);
    // A descriptor that states other classes contradicts it.
    write("", "classes = [\"zero\", \"one\"]\n");
    assert!(problem(&roots).contains("classes differ: the descriptor has 2 classes"));
    write(", rows = { limit = 5 }", "");
    assert!(problem(&roots).contains("has 2 rows, `rows` asks for 5"));
}

/// Images of one pixel with the given labels, as MNIST's files are.
fn write_idx(folder: &Path, labels: &[u8]) {
    std::fs::create_dir_all(folder).unwrap();
    let rows = (labels.len() as u32).to_be_bytes();
    let images =
        [&[0, 0, 8, 3][..], &rows, &1u32.to_be_bytes(), &1u32.to_be_bytes(), labels].concat();
    std::fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    let labels = [&[0, 0, 8, 1][..], &rows, labels].concat();
    std::fs::write(folder.join("train-labels-idx1-ubyte"), labels).unwrap();
}

#[test]
fn class_counts_that_differ_are_named() {
    let (_folder, roots) = root();
    let write = |classes: &str| {
        let text = format!(
            "name = \"mine\"\n{classes}domains = [\n{{ name = \"photos\", folder = \"a\", reader = \
             {{ name = \"idx\" }} }},\n{{ name = \"drawings\", folder = \"b\", reader = {{ name = \
             \"idx\" }} }},\n]\n"
        );
        std::fs::write(roots.descriptors[0].join("mine.toml"), text).unwrap();
    };
    write_idx(&roots.data.join("a"), &[0, 1, 2]);
    write_idx(&roots.data.join("b"), &[0, 1]);
    write("");
    let error = problem(&roots);
    assert!(error.contains("domain `photos` has 3 classes, domain `drawings` has 2"), "{error}");
    assert!(error.contains("state `classes` in the descriptor"), "{error}");
    write("classes = [\"x\", \"y\"]\n");
    let error = problem(&roots);
    assert!(error.contains("has 2 classes, domain `photos` has labels up to 2"), "{error}");
    write("classes = [\"x\", \"y\", \"z\"]\n");
    assert!(Dataset::load(&spec("mine", "photos", "drawings"), &roots).is_ok());
}

#[test]
fn shapes_that_differ_are_an_error_and_a_transform_mends_them() {
    let (folder, roots) = root();
    for class in ["cat", "dog"] {
        for number in 0..2 {
            let path = folder.path().join(format!("datasets/mine/drawings/{class}/{number}.png"));
            RgbImage::from_pixel(6, 6, Rgb([9, 9, 9])).save(path).unwrap();
        }
    }
    let error = problem(&roots);
    assert!(error.contains("images [3, 4, 4], domain `drawings` has images [3, 6, 6]"), "{error}");
    let resized = Transform { resize: Some(5), ..Transform::default() };
    let spec = DataSpec { transform: Some(resized), ..spec("mine", "photos", "drawings") };
    assert!(Dataset::load(&spec, &roots).is_ok());
}

#[test]
fn a_checksum_that_differs_is_an_error() {
    let (_folder, roots) = root();
    let text = format!("{DESCRIPTOR}checksums = {{ \"photos\" = \"{}\" }}\n", "0".repeat(64));
    std::fs::write(roots.descriptors[0].join("mine.toml"), text).unwrap();
    let error = problem(&roots);
    assert!(error.contains("the descriptor states 0000"), "{error}");
}

#[test]
fn the_quickstart_needs_no_files() {
    let roots = Roots { descriptors: Vec::new(), data: "nowhere".into(), cache: "nowhere".into() };
    let data = spec("quickstart", "fonts", "uci");
    let dataset = Dataset::load(&data, &roots).unwrap();
    assert_eq!(dataset.classes.len(), 10);
    let DomainSets::All(uci) = &dataset.domains[1].sets else { panic!("one set") };
    assert_eq!(uci.source.targets.rows(), 1797);

    let key = Key::new(1);
    let split = Protocol::Split { test_share: 0.3 };
    let domains = dataset.domains(split, DomainUse::Source, &key).unwrap();
    let target = &domains[1];
    assert_eq!((target.train.targets.rows(), target.test.targets.rows()), (1258, 539));
    let rows =
        stratified_split(&uci.source.targets.strata(), 0.3, &Dataset::split_key(&key, "uci"))
            .unwrap();
    assert_eq!(target.test.targets.strata()[5], uci.source.targets.strata()[rows.test[5]]);
    assert_eq!(
        target.test.samples.values(&[5], SampleView::Plain).unwrap(),
        uci.source.samples.values(&[rows.test[5]], SampleView::Plain).unwrap()
    );
    // `given` with one set trains and tests on it.
    // A target is split whatever its labels are.
    let rows = plain_split(1797, 0.3, &Dataset::split_key(&key, "uci")).unwrap();
    let domains = dataset.domains(split, DomainUse::Target, &key).unwrap();
    assert_eq!(
        domains[1].test.samples.values(&[5], SampleView::Plain).unwrap(),
        uci.source.samples.values(&[rows.test[5]], SampleView::Plain).unwrap()
    );
    let given = dataset.domains(Protocol::Given, DomainUse::Target, &key).unwrap();
    assert_eq!(given[1].test.targets.rows(), 1797);
}

#[test]
fn sets_can_be_replaced() {
    let roots = Roots { descriptors: Vec::new(), data: "nowhere".into(), cache: "nowhere".into() };
    let dataset = Dataset::load(&spec("quickstart", "fonts", "uci"), &roots).unwrap();
    let mut seen = Vec::new();
    let same = dataset
        .map_sets(|name, set| {
            seen.push(name.to_owned());
            Ok::<_, DataError>(set.clone())
        })
        .unwrap();
    assert_eq!(seen, ["fonts", "uci"]);
    let of = |dataset: &Dataset| dataset.fingerprint_of(["fonts", "uci"]);
    assert_eq!(of(&same), of(&dataset));
}
