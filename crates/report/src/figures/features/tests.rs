use std::path::Path;

use isthmus_core::spec::StageSpec;

use super::draw;
use crate::embedding::Embedding;
use crate::results::PlotOptions;
use crate::testing::{Kept, Made, count, loaded, made, texts};

/// Twenty samples of two classes, moved by `shift`.
fn features(shift: f32) -> Vec<f32> {
    (0..20_u8)
        .flat_map(|row| {
            let class = f32::from(row % 2) * 10.0;
            let noise = if row % 4 < 2 { 1.0 } else { -1.0 };
            [class + shift + noise, class, shift]
        })
        .collect()
}

fn tensors(source: Vec<f32>, target: Vec<f32>) -> Vec<Kept<'static>> {
    let width = |values: &[f32]| values.len() / 20;
    let widths = [width(&source), width(&target)];
    let labels: Vec<f32> = (0..20_u8).map(|row| f32::from(row % 2)).collect();
    vec![
        ("source_features", [20, widths[0]], source),
        ("source_labels", [20, 1], labels.clone()),
        ("target_features", [20, widths[1]], target),
        ("target_labels", [20, 1], labels),
    ]
}

const METRICS: &str = "0,5,target_accuracy,0.5\n";

/// A record with aligned domains after adaptation and, if wanted, others before.
fn kept(folder: &Path, run: &Made<'_>, before: Option<(Vec<f32>, Vec<f32>)>) {
    let run = Made {
        outputs: tensors(features(0.0), features(0.0)),
        outputs_before: before.map_or_else(Vec::new, |(source, target)| tensors(source, target)),
        ..run.clone()
    };
    made(folder, &run, METRICS, None);
}

fn drawn(folder: &Path, options: &PlotOptions) -> crate::Figure {
    draw(&loaded(folder), options).unwrap()
}

#[test]
fn both_states_are_drawn_on_the_same_axes_with_a_mark_a_domain() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Made { stages: 2, ..Made::default() };
    kept(folder.path(), &chain, Some((features(0.0), features(4.0))));
    for embedding in [Embedding::Tsne, Embedding::Pca] {
        let options = PlotOptions { embedding, ..PlotOptions::default() };
        let figure = drawn(folder.path(), &options);
        let texts = texts(&figure.svg);
        for text in ["source", "target", "dann, before", "dann, after"] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        // Twenty in each of two panels, and the legend's.
        assert_eq!(count(&figure.svg, "circle"), 41);
        assert_eq!(count(&figure.svg, "polygon"), 41);
        assert!(figure.title.ends_with(embedding.title()), "{}", figure.title);
        assert_eq!(
            figure.notes[1..],
            [
                "Before: the model that the last stage starts from.",
                "Before and after are laid out together and drawn on the same axes.",
            ]
        );
        assert_eq!(figure.svg, drawn(folder.path(), &options).svg);
        // The source's features are the same in both states, and so are their places.
        if embedding == Embedding::Pca {
            let places = circles(&figure.svg);
            let (before, after) = (&places[1..21], &places[21..]);
            for (before, after) in before.iter().zip(after) {
                assert_eq!((before.0 + 310, before.1), *after);
            }
        }
    }
}

/// Centres of a chart's circles, as they come.
fn circles(svg: &str) -> Vec<(i32, i32)> {
    let document = resvg::usvg::roxmltree::Document::parse(svg).unwrap();
    let number = |node: resvg::usvg::roxmltree::Node<'_, '_>, name: &str| {
        node.attribute(name).unwrap().parse().unwrap()
    };
    let circles = document.descendants().filter(|node| node.has_tag_name("circle"));
    circles.map(|node| (number(node, "cx"), number(node, "cy"))).collect()
}

#[test]
fn classes_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Made { stages: 2, ..Made::default() };
    kept(folder.path(), &chain, Some((features(0.0), features(4.0))));
    let figure = drawn(folder.path(), &PlotOptions::default());
    // By hand: the means differ by (4, 0, 4), the spread within a class is 1.
    assert_eq!(figure.table.rows[0], ["dann", "0", "10", "10", "5.66", "0.00"]);
    assert_eq!(figure.table.rows.len(), 2);
}

/// What a `source-only` run says of itself, beside one of another method.
fn stages(method: &str) -> Vec<StageSpec> {
    let plugin = |name: &str| serde_json::json!({ "name": name, "config": {} });
    let stage = serde_json::json!({
        "align": [{ "plugin": plugin(method), "label": method, "weight": 1.0 }],
        "training": {
            "iterations": 5, "batch_size": 8, "optimizer": plugin("sgd"),
            "schedule": plugin("constant"), "learning_rate_factors": {},
            "gradient_clipping": null, "accumulate": 1, "groups": [], "normalization": "shared",
            "evaluate_every": 5,
        },
    });
    vec![serde_json::from_value(stage).unwrap()]
}

#[test]
fn a_single_stage_is_compared_with_the_source_only_run_of_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    let dann = Made { place: 1, stages_of_job: stages("dann"), ..Made::default() };
    kept(folder.path(), &dann, Some((vec![0.0; 100], vec![1.0; 100])));
    for (seed, shift) in [(2, 7.0), (1, 4.0)] {
        let run = Made {
            method: "baseline",
            seed,
            stages_of_job: stages("source-only"),
            outputs: tensors(features(0.0), features(shift)),
            ..Made::default()
        };
        made(folder.path(), &run, METRICS, None);
    }
    let options = PlotOptions { methods: vec!["dann".to_owned()], ..PlotOptions::default() };
    let figure = drawn(folder.path(), &options);
    assert_eq!(figure.notes[1], "Before: the model of the source-only run with the same seed.");
    assert_eq!(figure.table.rows[0], ["dann", "0", "10", "10", "5.66", "0.00"]);
    // All methods: the source-only run itself has nothing before it.
    let figure = drawn(folder.path(), &PlotOptions::default());
    assert_eq!(figure.notes[2], "The record holds no features from before adaptation: baseline.");
}

#[test]
fn without_a_source_only_run_the_extractor_is_what_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let ramp = |start: u8| (0..100_u8).map(|value| f32::from(value / 2 + start)).collect();
    kept(folder.path(), &Made::default(), Some((ramp(0), ramp(9))));
    let figure = drawn(folder.path(), &PlotOptions::default());
    assert!(figure.notes[1].starts_with("Before: what the extractor makes"), "{:?}", figure.notes);
    assert!(figure.notes[2].ends_with("each is laid out by itself."), "{:?}", figure.notes);
    assert_eq!(count(&figure.svg, "circle"), 41);
}

#[test]
fn a_state_that_was_not_kept_is_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), &Made::default(), None);
    let figure = drawn(folder.path(), &PlotOptions::default());
    assert_eq!(figure.notes[1], "The record holds no features from before adaptation.");
    assert!(!texts(&figure.svg).iter().any(|text| text.contains("before")));
    assert_eq!(figure.table.rows[0][4], "–");
}

fn error(outputs: Vec<Kept<'_>>) -> String {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &Made { outputs, ..Made::default() }, METRICS, None);
    draw(&loaded(folder.path()), &PlotOptions::default()).unwrap_err().to_string()
}

#[test]
fn features_that_cannot_be_drawn_are_refused() {
    let mut target = features(0.0);
    target[4] = f32::NAN;
    let error_of = error(tensors(features(0.0), target));
    assert!(error_of.ends_with("row 1 of `target_features` is not finite: training diverged"));
    let error_of = error(tensors(features(0.0), vec![0.0; 40]));
    assert!(error_of.ends_with("features of the source have 3 values and those of the target 2"));
    let mut incomplete = tensors(features(0.0), features(0.0));
    incomplete.remove(1);
    assert!(error(incomplete).ends_with("it has no `source_labels`"));
}

#[test]
fn records_without_features_name_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &Made::default(), METRICS, None);
    let error = draw(&loaded(folder.path()), &PlotOptions::default()).unwrap_err().to_string();
    assert!(error.contains("set `outputs = 500` under `[record]`"), "{error}");
}
