//! Sound through the real command: real recordings, and files as people's tools write them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use isthmus_results::{Record, read_records};
use support::{Sandbox, python_with, repository};

/// Writes tones of two classes with Python's `wave`: in `plain` 16 bits at 8 kHz, in `studio` 24 bits
/// of two channels at 44.1 kHz, quieter and in hiss. Names are as of `high_3.wav`.
const WRITE: &str = r#"
import math, random, sys, wave
from pathlib import Path

random.seed(1)

def write(path, rate, channels, width, loudness, hiss, frequency):
    path.parent.mkdir(parents=True, exist_ok=True)
    count = rate * random.randint(20, 40) // 100
    top = 2 ** (8 * width - 1) - 1
    phase = random.random()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        frames = bytearray()
        for step in range(count):
            value = math.sin(2 * math.pi * (frequency * step / rate + phase))
            for _ in range(channels):
                noisy = loudness * value + random.uniform(-hiss, hiss)
                frames += int(noisy * top).to_bytes(width, "little", signed=True)
        file.writeframes(bytes(frames))

folder = Path(sys.argv[1])
for index in range(24):
    for name, frequency in (("low", 500), ("high", 1500)):
        pitch = frequency * random.uniform(0.8, 1.2)
        write(folder / "plain" / f"{name}_{index}.wav", 8000, 1, 2, 0.5, 0.01, pitch)
        write(folder / "studio" / f"{name}_{index}.wav", 44100, 2, 3, 0.2, 0.05, pitch)
"#;

const DESCRIPTOR: &str = r#"
name = "tones"
domains = [
  { name = "plain", reader = { name = "audio", path = "plain", files = "{class}_{index}.wav", rate = 8000 } },
  { name = "studio", train = { name = "audio", path = "studio", files = "{class}_{index}", where = { index = "8.." }, rate = 8000 }, test = { name = "audio", path = "studio", files = "{class}_{index}", where = { index = "0..8" }, rate = 8000 } },
]
"#;

const EXPERIMENT: &str = r#"
name = "tones"
seeds = [1]

[data]
dataset = "tones"
tasks = ["plain -> studio", "studio -> noisy"]
protocol = "given"
transform = { log_mel = { bands = 16, subtract_mean = true } }

[data.streams]
noisy = [{ domain = "studio", corruption = { name = "noise-snr", colour = "pink" }, severities = [1, 5] }]

[data.views]
weak = [{ name = "spec-augment", widest = 2 }, { name = "noise-snr", lowest = 10.0 }]
strong = [{ name = "reverberation", longest = 2000 }, { name = "window-warp" }, { name = "spec-augment" }]

[extractor]
name = "cnn1d"
channels = 8
features = 16

[classifier]
name = "linear"

[training]
iterations = 60
batch_size = 16
evaluate_every = 30

[training.optimizer]
name = "adam"
lr = 0.005

[methods.dann]
align = [{ name = "dann", weight = 0.1 }]

[methods.fixmatch]
align = [{ name = "fixmatch" }]
"#;

fn tones() -> Option<Sandbox> {
    let Some(python) = python_with("wave") else {
        println!("skipped: there is no Python with the module `wave`");
        return None;
    };
    let sandbox = Sandbox::new();
    let script = sandbox.write("write.py", WRITE);
    let folder = sandbox.path().join("datasets/tones");
    let status = Command::new(python).arg(script).arg(&folder).status().unwrap();
    assert!(status.success());
    sandbox.write("datasets/tones.toml", DESCRIPTOR);
    sandbox.write("tones.toml", EXPERIMENT);
    Some(sandbox)
}

fn accuracy(record: &Record) -> f64 {
    let rows = record.metrics.iter().filter(|row| row.metric == "target_accuracy");
    rows.max_by_key(|row| (row.stage, row.step)).unwrap().value
}

#[test]
fn waves_of_other_rates_and_widths_are_learned_from_and_corrupted() {
    let Some(sandbox) = tones() else { return };
    let said = sandbox.isthmus(&["check", "--data", "tones.toml"]);
    assert!(said.code == 0 && said.answer.contains("96 samples read"), "{said:?}");
    for jobs in ["1", "2"] {
        let results = format!("results-{jobs}");
        let run = ["run", "tones.toml", "--results", &results, "--jobs", jobs];
        let said = sandbox.isthmus(&run);
        assert_eq!(said.code, 0, "{}", said.errors);
    }
    let records = |name: &str| -> Vec<Record> {
        let mut records = read_records(&[sandbox.path().join(name)]).unwrap().records;
        records.sort_by_key(|record| record.run.id.clone());
        records
    };
    let (records, again) = (records("results-1"), records("results-2"));
    assert_eq!(records.len(), 4);
    for (record, again) in records.iter().zip(&again) {
        let rows = record.predictions().unwrap().unwrap().len();
        println!("{} on {}: {:.3} of {rows}", record.run.method, record.run.task, accuracy(record));
        assert!(accuracy(record) > 0.9, "{} {}", record.run.method, record.run.task);
        // Views and spectra are made ahead, by any number of threads.
        assert_eq!(record.metrics, again.metrics);
    }
    let folder = records[0].directory.to_str().unwrap();
    let said = sandbox.isthmus(&["predict", folder, "tones", "--domain", "plain"]);
    assert!(said.code == 0 && said.answer.lines().count() == 49, "{said:?}");
}

#[test]
fn what_is_wrong_with_sound_is_said_with_its_place() {
    let Some(sandbox) = tones() else { return };
    let check = |text: &str| {
        sandbox.write("wrong.toml", text);
        let said = sandbox.isthmus(&["run", "wrong.toml", "--results", "wrong"]);
        assert_eq!(said.code, 2, "{}", said.errors);
        said.errors.split_whitespace().filter(|it| *it != "│").collect::<Vec<_>>().join(" ")
    };
    let said = check(&EXPERIMENT.replace("bands = 16", "bands = 16, step = 0.05"));
    assert!(said.contains("it would leave sound out") && said.contains("step = 0.05"), "{said}");
    let said = check(&EXPERIMENT.replace("bands = 16", "bands = 16, rate = 16000"));
    assert!(said.contains("`log_mel.rate` is 16000") && said.contains("8000 samples"), "{said}");
    let path = sandbox.path().join("datasets/tones/plain/low_3.wav");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1000]).unwrap();
    let said = check(EXPERIMENT);
    assert!(said.contains("low_3.wav") && said.contains("fetch it again"), "{said}");
    let typo = DESCRIPTOR.replace("index = \"8..\"", "indx = \"8..\"");
    sandbox.write("datasets/tones.toml", &typo);
    let said = check(EXPERIMENT);
    assert!(
        said.contains("`indx` is no part of") && said.contains("did you mean `index`"),
        "{said}"
    );
}

/// The arguments by which a program makes FLAC of a WAV file.
type Arguments = fn(&Path) -> Vec<String>;

/// A program of sound, where it is installed.
fn program(name: &str) -> Option<PathBuf> {
    let found = Command::new(name).arg("--version").output().is_ok_and(|it| it.status.success());
    if !found {
        println!("skipped: there is no {name}");
    }
    found.then(|| PathBuf::from(name))
}

/// The predictions of a short run of the first domain to the second.
fn predictions(sandbox: &Sandbox, results: &str) -> Vec<String> {
    let text = EXPERIMENT
        .replace(
            "tasks = [\"plain -> studio\", \"studio -> noisy\"]",
            "tasks = [\"plain -> studio\"]",
        )
        .replace("iterations = 60", "iterations = 5");
    sandbox.write("short.toml", &text);
    let said = sandbox.isthmus(&["run", "short.toml", "--results", results, "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let mut records = read_records(&[sandbox.path().join(results)]).unwrap().records;
    records.sort_by_key(|record| record.run.method.clone());
    let rows = records.iter().flat_map(|record| record.predictions().unwrap().unwrap());
    rows.map(|row| format!("{row:?}")).collect()
}

#[test]
fn sox_and_flac_change_no_sample() {
    let Some(sandbox) = tones() else { return };
    let expected = predictions(&sandbox, "wav");
    let folder = sandbox.path().join("datasets/tones");
    let files = |ending: &str| -> Vec<PathBuf> {
        let all =
            ["plain", "studio"].into_iter().flat_map(|name| folder.join(name).read_dir().unwrap());
        all.map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == ending))
            .collect()
    };
    // The first domain's descriptor states the ending.
    let descriptor = DESCRIPTOR.replace("{class}_{index}.wav", "{class}_{index}");
    let commands: [(&str, Arguments); 2] = [
        ("sox", |wav| {
            let flac = wav.with_extension("flac");
            vec![wav.display().to_string(), flac.display().to_string()]
        }),
        ("flac", |wav| vec!["--silent".to_owned(), wav.display().to_string()]),
    ];
    for (name, arguments) in commands {
        let Some(program) = program(name) else { continue };
        sandbox.write("datasets/tones.toml", &descriptor);
        let wavs = files("wav");
        for wav in &wavs {
            assert!(Command::new(&program).args(arguments(wav)).status().unwrap().success());
            std::fs::rename(wav, wav.with_extension("kept")).unwrap();
        }
        assert_eq!(files("flac").len(), 96);
        assert_eq!(predictions(&sandbox, name), expected, "{name}");
        files("flac").iter().for_each(|path| std::fs::remove_file(path).unwrap());
        wavs.iter().for_each(|wav| std::fs::rename(wav.with_extension("kept"), wav).unwrap());
    }
}

/// The folder of real data sets, where it has these.
fn real(folders: &[&str]) -> Option<PathBuf> {
    let root = std::env::var_os("ISTHMUS_DATA")
        .map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    let found = folders.iter().all(|folder| root.join(folder).is_dir());
    if !found {
        println!("skipped: there is no {folders:?} in {}", root.display());
    }
    found.then_some(root)
}

#[test]
fn real_recordings_are_learned_from() {
    let Some(root) = real(&["fsdd", "speech_commands"]) else { return };
    let sandbox = Sandbox::new();
    for (dataset, task, protocol, samples) in [
        ("fsdd", "george + jackson -> theo", "\"given\"", 450),
        ("speech-commands", "speakers-0-1 -> speakers-2-3", "\"transductive\"", 240),
    ] {
        let text = format!(
            "name = '{dataset}'\n[data]\ndataset = '{dataset}'\ntasks = ['{task}']\n\
             protocol = {protocol}\ntransform = {{ log_mel = {{ bands = 24 }} }}\n\
             [extractor]\nname = 'cnn1d'\nchannels = 16\n[classifier]\nname = 'linear'\n\
             [training]\niterations = 40\nbatch_size = 32\n[training.optimizer]\nname = 'adam'\n\
             lr = 3e-3\n[methods.source-only]\nalign = [{{ name = 'source-only' }}]\n"
        );
        sandbox.write("real.toml", &text);
        let said =
            sandbox.command(&["check", "--data", "real.toml"]).env("ISTHMUS_DATA", &root).output();
        let said = String::from_utf8(said.unwrap().stdout).unwrap();
        assert!(said.contains(&format!("{samples} samples read")), "{said}");
        let run = ["run", "real.toml", "--results", "real", "--jobs", "1"];
        let said = sandbox.command(&run).env("ISTHMUS_DATA", &root).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    for record in read_records(&[sandbox.path().join("real")]).unwrap().records {
        println!("{}: {:.3}", record.run.task, accuracy(&record));
        assert!(accuracy(&record) > 0.15, "ten classes: {}", record.run.task);
    }
}
