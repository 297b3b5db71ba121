//! Objectives and class sets through the real command: runs, records, tables, predictions.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fmt::Write as _;

use isthmus_results::record::RunInfo;
use isthmus_results::{Record, read_records};
use support::npz::{Array, write_npz};
use support::{Sandbox, repository};

/// An experiment on the data set `mine`, with methods that suit every objective.
fn experiment(data: &str, objective: &str, methods: &str) -> String {
    format!(
        "name = \"small\"\nseeds = [1, 2]\n\n[data]\n{data}\n\n{objective}\n\n[extractor]\n\
         name = \"mlp\"\nhidden = [16]\n\n[classifier]\nname = \"linear\"\n\n[training]\n\
         iterations = 150\nbatch_size = 32\nevaluate_every = 75\n\n[training.optimizer]\n\
         name = \"adam\"\nlr = 1e-2\n\n[methods.source-only]\nalign = [{{ name = \"source-only\" \
         }}]\n\n{methods}\n"
    )
}

const DANN: &str = "[methods.dann]\nalign = [{ name = \"dann\" }]\n";

/// A number in [-1, 1] that looks random.
fn noise(number: usize) -> f64 {
    ((number as f64 * 12.9898).sin() * 43758.547).fract()
}

fn run(sandbox: &Sandbox) -> (String, Vec<Record>) {
    let said = sandbox.isthmus(&["run", "small.toml", "--results", "r", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    (said.answer, read_records(&[sandbox.path().join("r")]).unwrap().records)
}

/// What `isthmus predict` writes of the target by the first run of a method.
fn predicted(sandbox: &Sandbox, records: &[Record], data: &[&str]) -> Vec<Vec<String>> {
    let record = records.iter().find(|record| record.run.method == "source-only").unwrap();
    let folder = record.directory.display().to_string();
    let mut arguments = vec!["predict", &folder];
    arguments.extend(data);
    let said = sandbox.isthmus(&arguments);
    assert_eq!(said.code, 0, "{}", said.errors);
    said.answer.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The last value of a metric of a run.
fn metric(record: &Record, name: &str) -> Option<f64> {
    let rows = record.metrics.iter();
    rows.filter(|row| row.metric == name).max_by_key(|row| row.step).map(|row| row.value)
}

/// Two domains of one table, told by the column `site`.
fn table(sandbox: &Sandbox, targets: &str, kind: &str, rows: impl Fn(usize) -> String) {
    let mut text = format!("site,x,y,{targets}\n");
    for row in 0..240 {
        writeln!(text, "{},{}", row % 2, rows(row)).unwrap();
    }
    sandbox.write("datasets/mine/table.csv", &text);
    let names: Vec<String> = targets.split(',').map(|name| format!("\"{name}\"")).collect();
    let mut descriptor = "name = \"mine\"\n".to_owned();
    for site in 0..2 {
        write!(
            descriptor,
            "\n[[domains]]\nname = \"site-{site}\"\n[domains.reader]\nname = \"table\"\nfiles = \
             [\"table.csv\"]\ntargets = [{}]\nkind = \"{kind}\"\nwithout = [\"site\"]\nrange = {{ \
             column = \"site\", from = {site}, below = {} }}\n",
            names.join(", "),
            site + 1
        )
        .unwrap();
    }
    sandbox.write("datasets/mine.toml", &descriptor);
}

#[test]
fn numbers_are_predicted_in_their_unit_and_tables_follow_the_error() {
    let sandbox = Sandbox::new();
    table(&sandbox, "price", "values", |row| {
        let (x, y) = (noise(row), noise(row + 1000));
        format!("{x},{y},{}", 500.0 + 100.0 * x - 40.0 * y)
    });
    let data = "dataset = \"mine\"\ntasks = \"site-0 -> site-1\"\nprotocol = { split = 0.3 }";
    let objective = "[objective]\nname = \"regression\"\nmean = [500]\ndeviation = [60]";
    sandbox.write("small.toml", &experiment(data, objective, DANN));
    let (table, records) = run(&sandbox);
    assert!(table.contains("target_mae, lower is better"), "{table}");
    assert_eq!(records.len(), 4);
    for record in &records {
        let found = metric(record, "target_mae").unwrap();
        assert!(found < 20.0, "{}: {found}", record.run.method);
        assert!(metric(record, "target_r2").unwrap() > 0.8);
        assert!(metric(record, "source_mae").is_some());
        assert_eq!(metric(record, "target_accuracy"), None);
    }
    let rows = predicted(&sandbox, &records, &["mine", "--domain", "site-1"]);
    assert_eq!(rows[0], ["name", "price"]);
    assert_eq!(rows.len(), 121);
    let prices: Vec<f64> = rows[1..].iter().map(|row| row[1].parse().unwrap()).collect();
    assert!(prices.iter().all(|price| (300.0..700.0).contains(price)), "{prices:?}");
    // A method of classes has nothing to hold on to.
    let text = experiment(data, objective, "[methods.mcc]\nalign = [{ name = \"mcc\" }]");
    sandbox.write("wrong.toml", &text);
    let said = sandbox.isthmus(&["check", "wrong.toml"]);
    assert!(said.errors.contains("`mcc` needs scores of classes"), "{}", said.errors);
}

#[test]
fn samples_have_any_number_of_classes() {
    let sandbox = Sandbox::new();
    table(&sandbox, "right,above", "labels", |row| {
        let (x, y) = (noise(row), noise(row + 1000));
        format!("{x},{y},{},{}", u8::from(x > 0.0), u8::from(y > 0.0))
    });
    let data = "dataset = \"mine\"\ntasks = \"all\"";
    let objective = "[objective]\nname = \"multi-label\"";
    sandbox.write("small.toml", &experiment(data, objective, DANN));
    let (table, records) = run(&sandbox);
    assert!(table.contains("target_mean_average_precision in percent"), "{table}");
    for record in &records {
        assert!(metric(record, "target_mean_average_precision").unwrap() > 0.9);
        assert!(metric(record, "target_exact_match").unwrap() > 0.6);
    }
    let rows = predicted(&sandbox, &records, &["mine", "--domain", "site-1"]);
    assert_eq!(rows[0], ["name", "classes", "p_right", "p_above"]);
    // CSV writes an empty text in quotes: no class is an answer, not an absent one.
    let names = ["\"\"", "right", "above", "right above"];
    assert!(rows[1..].iter().all(|row| names.contains(&row[1].as_str())));
    assert!(names.iter().all(|name| rows[1..].iter().any(|row| row[1] == *name)));
}

#[test]
fn the_target_may_have_other_classes_than_the_source() {
    let sandbox = Sandbox::new();
    let sets = "dataset = \"quickstart\"\ntasks = \"fonts -> uci\"\n\n[data.classes]\n\
                source = [\"0\", \"1\", \"2\", \"3\", \"4\"]\ntarget = [\"0\", \"1\", \"2\", \
                \"7\", \"9\"]";
    let objective = "[objective]\nname = \"open-set\"";
    let osbp = "[methods.osbp]\nalign = [{ name = \"osbp\" }]\n";
    sandbox.write("small.toml", &experiment(sets, objective, osbp));
    let (table, records) = run(&sandbox);
    assert!(table.contains("target_h_score in percent"), "{table}");
    for record in &records {
        let found = |name: &str| metric(record, name).unwrap();
        let (known, unknown) = (found("target_known_accuracy"), found("target_unknown_accuracy"));
        if record.run.method == "osbp" {
            assert!(known > 0.2 && unknown > 0.2, "{known} {unknown}");
            let h_score = 2.0 * known * unknown / (known + unknown);
            assert!((found("target_h_score") - h_score).abs() < 1e-9);
        } else {
            // Nothing taught it to find any.
            assert_eq!((unknown, found("target_h_score")), (0.0, 0.0));
        }
        assert_eq!(record.task_info().unwrap().unwrap().classes, ["0", "1", "2", "3", "4"]);
    }
    let rows = predicted(&sandbox, &records, &["quickstart", "--domain", "uci"]);
    assert_eq!(rows[0][1..3], ["class", "p_0"]);
    assert_eq!(rows[0].last().unwrap(), "p_unknown");
    // Whatever needs scores of classes takes one for the unknown one too.
    let more = "[selection]\nvalidators = [{ name = \"infomax\" }, { name = \"dev\" }]\n\n[record]\n\
                theory = true\n\n[methods.tent]\nstages = [{ align = [{ name = \"source-only\" }] }, \
                { align = [{ name = \"tent\" }] }]\n\n[methods.pseudo-label]\nstages = [{ align = [{ \
                name = \"source-only\" }] }, { align = [{ name = \"pseudo-label\" }] }]\n\n\
                [methods.coral]\nalign = [{ name = \"coral\" }]\n";
    sandbox.write("more.toml", &experiment(sets, objective, more));
    let said = sandbox.isthmus(&["run", "more.toml", "--results", "m", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    for record in read_records(&[sandbox.path().join("m")]).unwrap().records {
        let found = |name: &str| metric(&record, name).unwrap();
        assert!(found("target_known_accuracy") > 0.3, "{}", record.run.method);
        assert!(found("validator/infomax").is_finite(), "{}", record.run.method);
        assert!(found("theory/target_error") > 0.0, "{}", record.run.method);
    }
    // `classes` has no output for the others.
    sandbox.write("wrong.toml", &experiment(sets, "", ""));
    let said = sandbox.isthmus(&["run", "wrong.toml"]);
    assert!(said.code != 0 && said.errors.contains("use `open-set`"), "{}", said.errors);
    let misnamed = sets.replace("\"9\"", "\"nine\"");
    sandbox.write("wrong.toml", &experiment(&misnamed, objective, osbp));
    let said = sandbox.isthmus(&["run", "wrong.toml"]);
    assert!(said.errors.contains("`data.classes.target` names `nine`"), "{}", said.errors);
}

/// Each symbol is a level that is held for some steps; strings of them are read back.
#[test]
fn sequences_are_read_from_states_in_time() {
    const STEPS: usize = 24;
    let sandbox = Sandbox::new();
    for (domain, shift) in [("a", 0.0), ("b", 0.1)] {
        let value = |row: usize, step: usize| {
            (row % 3) as f64 - 1.0 + shift + 0.1 * noise(row * STEPS + step)
        };
        let values: Vec<f32> =
            (0..30 * STEPS).map(|place| value(place / STEPS, place % STEPS) as f32).collect();
        let labels: Vec<i64> = (0..30).map(|row| row % 3).collect();
        let path = sandbox.path().join(format!("datasets/mine/{domain}.npz"));
        let arrays = [
            ("x", &[30, 1, STEPS][..], Array::Floats(&values)),
            ("y", &[30], Array::Integers(&labels)),
        ];
        write_npz(&path, &arrays);
    }
    let reader = |domain: &str| {
        format!(
            "[[domains]]\nname = \"{domain}\"\n[domains.reader]\nname = \"strings\"\nsamples = \
             120\nof = {{ name = \"series\", file = \"{domain}.npz\" }}\n"
        )
    };
    let descriptor = format!(
        "name = \"mine\"\nclasses = [\"low\", \"middle\", \"high\"]\n{}{}",
        reader("a"),
        reader("b")
    );
    sandbox.write("datasets/mine.toml", &descriptor);
    let data = "dataset = \"mine\"\ntasks = \"a -> b\"";
    // A stream is answered by strings, too.
    let suta = "[methods.suta]\nstages = [{ align = [{ name = \"source-only\" }] }, { align = [{ name \
                = \"suta\", steps = 2 }], training = { batch_size = 4 } }]\n";
    let text = experiment(data, "[objective]\nname = \"ctc\"", &format!("{DANN}{suta}"));
    let text = text
        .replace("name = \"mlp\"\nhidden = [16]", "name = \"cnn1d\"\nchannels = 8\nfeatures = 16");
    sandbox.write("small.toml", &text);
    let (table, records) = run(&sandbox);
    assert!(table.contains("target_wer in percent, lower is better"), "{table}");
    for record in &records {
        let (words, characters) = (metric(record, "target_wer"), metric(record, "target_cer"));
        assert_eq!(words, characters);
        assert!(words.unwrap() < 0.2, "{}: {words:?}", record.run.method);
    }
    let rows = predicted(&sandbox, &records, &["mine", "--domain", "b"]);
    assert_eq!(rows[0], ["name", "sequence"]);
    assert_eq!(rows.len(), 121);
    let words = ["low", "middle", "high"];
    assert!(rows[1..].iter().all(|row| row[1].split(' ').all(|word| words.contains(&word))));
    // A network of rows has no states.
    sandbox.write(
        "wrong.toml",
        &text.replace(
            "[extractor]\nname = \"cnn1d\"\nchannels = 8\n\
        features = 16",
            "[extractor]\nname = \"mlp\"\nhidden = [8]",
        ),
    );
    let said = sandbox.isthmus(&["run", "wrong.toml", "--results", "w"]);
    assert!(said.code != 0 && said.errors.contains("mlp"), "{}", said.errors);
}

/// What gives one row a sample is refused where it is written, before anything is run.
#[test]
fn what_has_no_states_in_time_is_refused_by_the_check() {
    let sandbox = Sandbox::new();
    let file = repository().join("experiments/spoken_digit_strings.toml");
    let check = |setting: &str| {
        let said = sandbox.isthmus(&["check", file.to_str().unwrap(), "--set", setting]);
        (said.code, said.errors)
    };
    assert_eq!(check("seeds=[1]"), (0, String::new()));
    let (code, said) = check("extractor.frozen=true");
    assert!(code == 2 && said.contains("a frozen extractor gives one row a sample"), "{said}");
    assert!(said.contains("frozen = true"), "{said}");
    for method in ["mcd", "tca", "coral", "subspace-alignment", "jda"] {
        let (code, said) = check(&format!("methods.x.align=[{{ name = \"{method}\" }}]"));
        assert!(code == 2 && said.contains(&format!("`{method}` needs scores of")), "{said}");
    }
    let (code, said) = check(
        "methods.x.stages=[{ align = [{ name = \"source-only\" }] }, { align = [{ name = \
         \"tent\" }] }]",
    );
    assert!(code == 2 && said.contains("`tent` needs scores of classes"), "{said}");
    let suta = "methods.x.stages=[{ align = [{ name = \"source-only\" }] }, { align = [{ name = \
                \"suta\" }] }]";
    let file = repository().join("experiments/quickstart.toml");
    let said = sandbox.isthmus(&["check", file.to_str().unwrap(), "--set", suta]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("`suta` needs outputs in time"), "{}", said.errors);
}

/// The source has ten classes, the target three of them; without its labels the same samples stay.
#[test]
fn a_part_of_the_classes_is_left_to_the_target() {
    let sandbox = Sandbox::new();
    let sets = "dataset = \"quickstart\"\ntasks = \"fonts -> uci\"\n\n[data.classes]\n\
                target = [\"0\", \"4\", \"7\"]";
    let pada = "[methods.pada]\nalign = [{ name = \"pada\", update_every = 50 }]\n";
    sandbox.write("small.toml", &experiment(sets, "", pada));
    let (_, records) = run(&sandbox);
    let labels = |record: &Record| {
        let rows = record.predictions().unwrap().unwrap();
        let labels: std::collections::BTreeSet<u32> =
            rows.iter().filter_map(|it| it.label).collect();
        (rows.len(), labels)
    };
    for record in &records {
        let (rows, found) = labels(record);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [0, 4, 7]);
        assert!(rows > 100);
        assert!(metric(record, "target_accuracy").unwrap() > 0.3);
    }
    let blind = ["run", "small.toml", "--results", "b", "--without-target-labels", "--jobs", "1"];
    let said = sandbox.isthmus(&blind);
    assert_eq!(said.code, 0, "{}", said.errors);
    let blind = read_records(&[sandbox.path().join("b")]).unwrap().records;
    let of = |run: &RunInfo| (run.method.clone(), run.seed);
    for seen in &records {
        let blind = blind.iter().find(|other| of(&other.run) == of(&seen.run)).unwrap();
        assert_eq!(labels(seen).0, labels(blind).0);
        let model = |record: &Record| format!("{:?}", record.model().unwrap().unwrap());
        assert!(model(seen) == model(blind), "{}", seen.run.method);
    }
}
