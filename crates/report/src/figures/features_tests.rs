use super::*;
use crate::testing::{Made, count, loaded, made, texts};

/// A record with `source` and `target` samples of two classes, the target's shifted before and
/// not after.
fn kept(folder: &Path, run: &Made<'_>, spoil: Option<(&str, f32)>) {
    let features = |shift: f32| -> Vec<f32> {
        (0..20_u8)
            .flat_map(|row| {
                let class = f32::from(row % 2) * 10.0;
                let noise = if row % 4 < 2 { 1.0 } else { -1.0 };
                [class + shift + noise, class, shift]
            })
            .collect()
    };
    let labels: Vec<f32> = (0..20_u8).map(|row| f32::from(row % 2)).collect();
    let mut tensors = vec![
        ("before_source_features", [20, 3], features(0.0)),
        ("before_source_labels", [20, 0], labels.clone()),
        ("before_target_features", [20, 3], features(4.0)),
        ("before_target_labels", [20, 0], labels.clone()),
        ("source_features", [20, 3], features(0.0)),
        ("source_labels", [20, 0], labels.clone()),
        ("target_features", [20, 3], features(0.0)),
        ("target_labels", [20, 0], labels),
    ];
    if let Some((name, value)) = spoil {
        for (found, _, values) in &mut tensors {
            if *found == name {
                values[4] = value;
            }
        }
    }
    let run = Made { outputs: tensors, ..run.clone() };
    made(folder, &run, "0,5,target_accuracy,0.5\n", None);
}

fn kept_results(spoil: Option<(&str, f32)>) -> (tempfile::TempDir, Results) {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), &Made::default(), spoil);
    made(folder.path(), &Made { seed: 2, ..Made::default() }, "0,5,target_accuracy,0.5\n", None);
    let results = loaded(folder.path());
    (folder, results)
}

#[test]
fn both_states_are_drawn_with_a_mark_a_domain() {
    let (_folder, results) = kept_results(None);
    for embedding in [Embedding::Tsne, Embedding::Pca] {
        let options = PlotOptions { embedding, ..PlotOptions::default() };
        let figure = draw(&results, &options).unwrap();
        let texts = texts(&figure.svg);
        for text in ["source", "target", "dann, before", "dann, after"] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        // Twenty in each of two panels, and the legend's.
        assert_eq!(count(&figure.svg, "circle"), 41);
        assert_eq!(count(&figure.svg, "polygon"), 41);
        assert!(figure.title.ends_with(embedding.title()), "{}", figure.title);
        assert_eq!(figure.svg, draw(&results, &options).unwrap().svg);
    }
}

#[test]
fn classes_come_together() {
    let (_folder, results) = kept_results(None);
    let figure = draw(&results, &PlotOptions::default()).unwrap();
    // By hand: the means differ by (4, 0, 4), the spread within a class is 1.
    assert_eq!(figure.table.rows[0], ["dann", "0", "10", "10", "5.66", "0.00"]);
    assert_eq!(figure.table.rows.len(), 2);
}

#[test]
fn a_state_that_was_not_kept_is_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = vec![
        ("source_features", [2, 2], vec![0.0, 1.0, 1.0, 0.0]),
        ("source_labels", [2, 0], vec![0.0, 1.0]),
        ("target_features", [2, 2], vec![0.0, 1.0, 1.0, 0.5]),
        ("target_labels", [2, 0], vec![0.0, 1.0]),
    ];
    let run = Made { outputs, ..Made::default() };
    made(folder.path(), &run, "0,5,target_accuracy,0.5\n", None);
    let results = loaded(folder.path());
    let figure = draw(&results, &PlotOptions::default()).unwrap();
    assert_eq!(figure.notes[1], "The record holds no features from before adaptation: dann.");
    assert!(!texts(&figure.svg).iter().any(|text| text.contains("before")));
    assert_eq!(figure.table.rows[0][4], "–");
}

#[test]
fn features_that_are_not_finite_are_refused() {
    let (_folder, results) = kept_results(Some(("target_features", f32::NAN)));
    let error = draw(&results, &PlotOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("row 1 of `target_features` is not finite: training diverged"));
}

#[test]
fn records_without_features_name_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &Made::default(), "0,5,target_accuracy,0.5\n", None);
    let results = loaded(folder.path());
    let error = draw(&results, &PlotOptions::default()).unwrap_err().to_string();
    assert!(error.contains("set `outputs = 500` under `[record]`"), "{error}");
}
