//! `isthmus adapt` through the real command.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use isthmus_results::read_records;
use support::Sandbox;

const PAIR: [&str; 4] = ["--source", "quickstart/fonts", "--target", "quickstart/uci"];

fn adapt(sandbox: &Sandbox, more: &[&str]) -> support::Said {
    let mut words = vec!["adapt"];
    words.extend(PAIR);
    words.extend(["--budget", "5s", "--output", "out"]);
    words.extend(more);
    sandbox.isthmus(&words)
}

#[test]
fn one_command_leaves_predictions_a_model_and_what_can_be_repeated() {
    let sandbox = Sandbox::new();
    let said = adapt(&sandbox, &["--last-look"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    for part in ["**Chosen: ", "| source-only |", "mean rank", "A last look", "predictions.csv"] {
        assert!(said.answer.contains(part), "{part}: {}", said.answer);
    }
    assert_eq!(sandbox.read("out/summary.md"), said.answer);
    assert!(sandbox.read("out/report.html").contains("Selection without target labels"));
    let predictions = sandbox.read("out/predictions.csv");
    assert_eq!(predictions.lines().count(), 1 + 1797);

    // No run saw a label of the target, and none was recorded.
    let records = read_records(&[sandbox.path().join("out/results")]).unwrap().records;
    assert!(records.len() >= 4, "{}", records.len());
    for record in &records {
        assert!(!record.job().unwrap().data.target_labels);
        assert!(record.metrics.iter().all(|row| row.metric != "target_accuracy"));
    }
    let chosen = said.answer.split("**Chosen: ").nth(1).unwrap().split('.').next().unwrap();
    let model = isthmus_results::Record::open(&sandbox.path().join("out/model")).unwrap();
    assert_eq!(model.run.method, chosen);

    // The same command goes on with the same plan: nothing is run twice.
    let experiment = sandbox.read("out/adapt.toml");
    let again = adapt(&sandbox, &["--last-look"]);
    assert_eq!(again.code, 0, "{}", again.errors);
    assert_eq!(sandbox.read("out/adapt.toml"), experiment);
    assert_eq!(again.answer, said.answer);
    assert_eq!(sandbox.read("out/predictions.csv"), predictions);
    // And `isthmus run` runs the experiment that it wrote.
    let said = sandbox.isthmus(&["run", "out/adapt.toml", "--results", "out/results"]);
    assert!(said.errors.contains("finished already"), "{}", said.errors);
    assert_eq!(said.code, 0, "{}", said.errors);
}

/// Grey images of two classes: bright above, or bright below; `level` is how bright.
fn write_images(sandbox: &Sandbox, folder: &str, level: u8, classes: bool) {
    for image in 0..40_u8 {
        let class = usize::from(image % 2);
        let pixel = |row: u32, column: u32| {
            let bright = (row < 8) == (class == 0);
            let noise = (row * 7 + column * 13 + u32::from(image) * 11) % 40;
            image::Luma([if bright { level } else { 10 } + noise as u8])
        };
        let class = if classes { ["above/", "below/"][class] } else { "" };
        let path = sandbox.path().join(format!("{folder}/{class}{image}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_fn(16, 16, |column, row| pixel(row, column)).save(path).unwrap();
    }
}

#[test]
fn folders_of_images_are_enough() {
    let sandbox = Sandbox::new();
    write_images(&sandbox, "labelled", 200, true);
    write_images(&sandbox, "new", 90, false);
    let said = sandbox.isthmus(&[
        "adapt", "--source", "labelled", "--target", "new", "--budget", "5s", "--output", "out",
    ]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.answer.contains("small images in colour, 2 classes"), "{}", said.answer);
    let predictions = sandbox.read("out/predictions.csv");
    let right = predictions.lines().skip(1).filter(|line| {
        let (name, rest) = line.split_once(',').unwrap();
        let image: usize =
            name.trim_end_matches(".png").rsplit('/').next().unwrap().parse().unwrap();
        rest.starts_with(["above", "below"][image % 2])
    });
    assert!(right.count() >= 36, "{predictions}");
    // Labels are looked at where the domains differ in size, too.
    write_images(&sandbox, "small", 90, true);
    for image in 0..40_u8 {
        let class = ["above", "below"][usize::from(image % 2)];
        let path = sandbox.path().join(format!("small/{class}/{image}.png"));
        let small = image::open(&path).unwrap().thumbnail_exact(8, 8);
        small.save(&path).unwrap();
    }
    let said = sandbox.isthmus(&[
        "adapt",
        "--source",
        "labelled",
        "--target",
        "small",
        "--budget",
        "3s",
        "--output",
        "o2",
        "--last-look",
    ]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.answer.contains("A last look at the target's labels"), "{}", said.answer);
    // A model that was chosen so predicts other folders.
    write_images(&sandbox, "other", 120, false);
    let said = sandbox.isthmus(&["predict", "out/model", "other"]);
    assert_eq!((said.code, said.answer.lines().count()), (0, 41), "{}", said.errors);
    // Where a folder holds several domains, it says which.
    write_images(&sandbox, "many/first", 200, true);
    write_images(&sandbox, "many/second", 90, true);
    let said = sandbox.isthmus(&["adapt", "--source", "many", "--target", "new", "--output", "o"]);
    assert!(said.errors.contains("several domains: first, second"), "{}", said.errors);
}

#[test]
fn what_cannot_be_adapted_is_told() {
    let sandbox = Sandbox::new();
    let told = |words: &[&str]| {
        let said = sandbox.isthmus(words);
        assert_eq!(said.code, 2, "{}", said.answer);
        said.errors
    };
    let base = |source: &'static str, target: &'static str| {
        ["adapt", "--source", source, "--target", target, "--output", "out"]
    };
    let error = told(&base("quickstart/fonts", "quickstart/fonts"));
    assert!(error.contains("is both source and target"), "{error}");
    let error = told(&base("quickstart/fonts", "quickstart/ucy"));
    assert!(error.contains("no domain `ucy`") && error.contains("did you mean `uci`"), "{error}");
    let error = told(&base("quickstart/fonts", "nowhere"));
    assert!(error.contains("nowhere"), "{error}");
    let mut wrong = base("quickstart/fonts", "quickstart/uci").to_vec();
    wrong.extend(["--budget", "soon"]);
    let error = told(&wrong);
    assert!(error.contains("`10m`"), "{error}");
}
