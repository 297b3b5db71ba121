//! Tables in Parquet files as pandas and polars write them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::targets::{TargetKind, Targets};
use isthmus_data::readers::Table;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet")
}

fn pandas() -> Table {
    Table {
        files: vec!["pandas.parquet".to_owned()],
        features: vec!["f*".to_owned()],
        targets: vec!["kind".to_owned()],
        kind: TargetKind::Classes,
        ..Table::default()
    }
}

fn wanted(column: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(column.to_owned(), value.to_owned())])
}

fn read(reader: &Table) -> Result<LabelledSamples, String> {
    reader.check().unwrap();
    reader.read(&folder()).map_err(|error| error.to_string())
}

fn features(samples: &LabelledSamples) -> (usize, &[f32]) {
    match &samples.samples {
        Samples::Features { size, values } => (*size, values),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_domain_is_the_rows_of_a_value_and_categories_are_classes() {
    let samples = read(&Table { wanted: wanted("domain", "webcam"), ..pandas() }).unwrap();
    assert_eq!(features(&samples), (2, &[1.0, 5.0, 3.0, 7.0, 4.0, 8.0][..]));
    assert_eq!(samples.targets.classes(), [Some(1), Some(1), Some(2)]);
    // The classes of the whole table, so that all domains have the same.
    assert_eq!(samples.class_names.unwrap(), ["a", "b", "c"]);
    // Numbers are compared as numbers, and two conditions hold both.
    let mut both = wanted("person", "2.0");
    both.insert("ok".to_owned(), "1".to_owned());
    let samples = read(&Table { wanted: both, ..pandas() }).unwrap();
    assert_eq!(features(&samples), (2, &[3.0, 7.0, 4.0, 8.0][..]));
}

#[test]
fn numbers_of_every_width_are_features_and_the_index_is_none() {
    let named = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let reader = Table { features: Vec::new(), without: named(&["when"]), ..pandas() };
    let reader = Table { wanted: wanted("domain", "dslr"), ..reader };
    let samples = read(&reader).unwrap();
    // f0, f1, age, person, ok.
    assert_eq!(features(&samples), (5, &[2.0, 6.0, 40.0, 1.0, 0.0][..]));
    // NaN and what is absent are no features.
    let polars = Table {
        files: named(&["polars.parquet"]),
        features: named(&["n"]),
        targets: named(&["a"]),
        ..Table::default()
    };
    let samples = read(&polars).unwrap();
    assert_eq!(features(&samples), (1, &[3.0, 1.0, 2.0][..]));
    assert_eq!(samples.targets.known(), [0, 2]);
    assert!(matches!(samples.targets.targets(), Targets::Values(_)));
    let classes = Table { targets: named(&["y"]), kind: TargetKind::Classes, ..polars.clone() };
    assert_eq!(read(&classes).unwrap().targets.classes(), [Some(0), Some(1), None]);
    let error = read(&Table { features: named(&["b"]), ..polars }).err().unwrap();
    assert!(error.contains("row 1 (counted from 0), column `b`: is empty"), "{error}");
}

#[test]
fn what_is_wrong_is_told() {
    let error = |reader: Table| read(&reader).err().unwrap();
    let found = error(Table { wanted: wanted("domain", "wabcam"), ..pandas() });
    assert!(
        found.contains("no row has `wabcam` in the column `domain` (did you mean `webcam`?)"),
        "{found}"
    );
    let found = error(Table { wanted: wanted("domian", "webcam"), ..pandas() });
    assert!(found.contains("`where` names `domian`") && found.contains("domain"), "{found}");
    let found = error(Table { features: vec!["g*".to_owned()], ..pandas() });
    assert!(found.contains("`features` names `g*`, which fits no column"), "{found}");
    let found = error(Table { features: vec!["when".to_owned()], ..pandas() });
    assert!(
        found.contains("column `when`") && found.contains("holds values of the type"),
        "{found}"
    );
    let found = error(Table { features: vec!["domain".to_owned()], ..pandas() });
    assert!(
        found.contains("row 0") && found.contains("`webcam`, expected a finite number"),
        "{found}"
    );
}

#[test]
fn a_file_that_is_cut_is_an_error() {
    let whole = std::fs::read(folder().join("pandas.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for length in (4..whole.len()).step_by(97) {
        std::fs::write(folder.path().join("pandas.parquet"), &whole[..length]).unwrap();
        let error = pandas().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("cannot be read as Parquet"), "{length}: {error}");
    }
}
