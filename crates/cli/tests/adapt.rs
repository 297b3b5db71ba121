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

/// A WAV file of 16 bits and one channel.
fn wav(rate: u32, samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((2 * rate).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// Tones of two heights, a third of a second each.
fn write_tones(sandbox: &Sandbox, folder: &str, rate: u32, loudness: f64, classes: bool) {
    for tone in 0..32_u32 {
        let class = (tone % 2) as usize;
        let hertz = [400.0, 1200.0][class] + 7.0 * f64::from(tone);
        let angle = |at: u32| f64::from(at) / f64::from(rate) * hertz * std::f64::consts::TAU;
        let samples = (0..rate / 3).map(|at| (angle(at).sin() * loudness * 32_000.0) as i16);
        let class = if classes { ["low/", "high/"][class] } else { "" };
        let path = sandbox.path().join(format!("{folder}/{class}{tone}.wav"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, wav(rate, samples)).unwrap();
    }
}

fn adapt_folders(sandbox: &Sandbox) -> String {
    let said = sandbox.isthmus(&[
        "adapt", "--source", "labelled", "--target", "new", "--budget", "4s", "--output", "out",
    ]);
    assert_eq!(said.code, 0, "{}", said.errors);
    said.answer
}

#[test]
fn folders_of_recordings_are_enough() {
    let sandbox = Sandbox::new();
    write_tones(&sandbox, "labelled", 16000, 0.9, true);
    write_tones(&sandbox, "new", 8000, 0.1, false);
    let answer = adapt_folders(&sandbox);
    assert!(answer.contains("sound, 2 classes"), "{answer}");
    // Both are read at the lower of their rates.
    let descriptor = sandbox.read("out/datasets/adapt-data.toml");
    assert_eq!(descriptor.matches("rate = 8000").count(), 2, "{descriptor}");
    assert!(sandbox.read("out/adapt.toml").contains("log_mel = { bands = 24"));
    // How well they are told apart depends on the time there is.
    assert_eq!(sandbox.read("out/predictions.csv").lines().count(), 33);
}

#[test]
fn files_of_texts_are_enough() {
    let sandbox = Sandbox::new();
    for (folder, thing) in [("labelled", "book"), ("new", "pan")] {
        for (class, words) in [("good", ["fine", "great"]), ("bad", ["poor", "awful"])] {
            for number in 0..30 {
                let text = format!("this {thing} is {} {number}", words[number % 2]);
                sandbox.write(&format!("{folder}/{class}/{number}.txt"), &text);
            }
        }
    }
    let answer = adapt_folders(&sandbox);
    assert!(answer.contains("texts, 2 classes"), "{answer}");
    // No weights of MiniLM are there.
    assert!(sandbox.read("out/adapt.toml").contains("name = \"deep-averaging\""));
    assert_eq!(sandbox.read("out/predictions.csv").lines().count(), 61);
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
