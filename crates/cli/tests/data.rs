//! Data of one's own through the real command: where it is found, what is said of it, and when it
//! is read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;

use image::{Rgb, RgbImage};
use support::{Said, Sandbox};

const DESCRIPTOR: &str = r#"name = "mine"
domains = [
  { name = "a", reader = { name = "image-folder", path = "a" } },
  { name = "b", reader = { name = "image-folder", path = "b" } },
]
"#;

const EXPERIMENT: &str = r#"name = "small"

[data]
dataset = "mine"
tasks = ["a -> b"]
transform = { resize = 4 }

[extractor]
name = "identity"

[classifier]
name = "linear"

[training]
iterations = 4
batch_size = 4

[training.optimizer]
name = "sgd"

[methods.source-only]
align = [{ name = "source-only" }]
"#;

fn image(path: &Path, red: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(4, 4, Rgb([red, 0, 0])).save(path).unwrap();
}

/// A repository with `experiments/small.toml` and four images in each of two classes.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("datasets/mine.toml", DESCRIPTOR);
    sandbox.write("experiments/small.toml", EXPERIMENT);
    for (domain, shift) in [("a", 0), ("b", 20)] {
        for (class, red) in [("cat", 10), ("dog", 200)] {
            for number in 0..4 {
                let name = format!("datasets/mine/{domain}/{class}/{number}.png");
                image(&sandbox.path().join(name), red + shift + number);
            }
        }
    }
    sandbox
}

/// Runs the command in a folder of the sandbox.
fn in_folder(sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> Said {
    let folder = sandbox.path().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let output = sandbox.command(arguments).current_dir(folder).output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        answer: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_file_finds_its_data_wherever_it_is_named_from() {
    let sandbox = repository();
    let absolute = sandbox.path().join("experiments/small.toml").display().to_string();
    for (folder, file) in [
        ("experiments", "small.toml"),
        ("experiments", "./small.toml"),
        ("experiments/deep/er", "../../small.toml"),
        (".", "experiments/small.toml"),
        ("elsewhere", "../experiments/small.toml"),
        ("elsewhere", absolute.as_str()),
    ] {
        let said = in_folder(&sandbox, folder, &["check", file]);
        assert_eq!((said.code, said.errors.as_str()), (0, ""), "{folder} {file}");
        let said = in_folder(&sandbox, folder, &["check", "--data", file]);
        assert!(said.answer.contains("16 samples read"), "{folder} {file}: {said:?}");
    }
}

#[test]
fn a_record_finds_its_data_wherever_it_is() {
    let sandbox = repository();
    let said = in_folder(&sandbox, "work", &["run", "../experiments/small.toml"]);
    assert_eq!(said.code, 0, "{said:?}");
    let records: Vec<_> = std::fs::read_dir(sandbox.path().join("work/results/small"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("done").is_file())
        .collect();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    // The record alone, far from the data: it tells where the experiment was.
    let other = Sandbox::new();
    let moved = other.path().join("kept").join(record.file_name().unwrap());
    std::fs::create_dir_all(moved.parent().unwrap()).unwrap();
    std::fs::rename(record, &moved).unwrap();
    let said = other.isthmus(&["reproduce", moved.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.answer.contains("is reproduced"), "{said:?}");
}

#[test]
fn every_bad_file_is_listed_and_the_right_ones_are_counted() {
    let sandbox = repository();
    let check = || sandbox.isthmus(&["check", "--data", "experiments/small.toml"]);
    let said = check();
    assert_eq!(said.code, 0, "{said:?}");
    insta::assert_snapshot!(said.answer);
    for name in ["a/cat/1.png", "a/dog/3.png", "b/cat/0.png"] {
        sandbox.write(&format!("datasets/mine/{name}"), "<html>403</html>");
    }
    let said = check();
    assert_eq!((said.code, said.answer.as_str()), (2, ""), "{said:?}");
    for expected in
        ["3 problems in the data of `mine`", "a/cat/1.png", "a/dog/3.png", "b/cat/0.png"]
    {
        assert!(said.errors.contains(expected), "{said:?}");
    }
}

#[test]
fn what_is_left_out_is_told_by_check_and_run_and_not_by_quiet_ones() {
    let sandbox = repository();
    sandbox.write("datasets/mine/b/dog/9.heic", "");
    let told = "1 file of other formats (1 .heic) left out";
    for command in ["check", "run"] {
        let said = sandbox.isthmus(&[command, "experiments/small.toml"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.errors.matches(told).count(), 1, "{said:?}");
    }
    let said = sandbox.isthmus(&["--quiet", "run", "--force", "experiments/small.toml"]);
    assert_eq!((said.code, said.errors.as_str()), (0, ""));
}

#[test]
fn a_folder_too_high_is_refused_before_anything_runs() {
    let sandbox = repository();
    for domain in ["a", "b"] {
        let folder = sandbox.path().join("datasets/mine").join(domain);
        let inside = sandbox.path().join("datasets/mine/images");
        std::fs::rename(&folder, &inside).unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::fs::rename(&inside, folder.join("images")).unwrap();
    }
    for command in ["check", "run"] {
        let said = sandbox.isthmus(&[command, "experiments/small.toml"]);
        assert_eq!(said.code, 2, "{said:?}");
        let words = said.errors.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("single class, `images`"), "{said:?}");
        assert!(words.contains("a level deeper"), "{said:?}");
    }
}

#[test]
fn files_beside_the_samples_do_not_undo_what_was_run() {
    let sandbox = repository();
    let run = || sandbox.isthmus(&["run", "experiments/small.toml"]);
    assert_eq!(run().code, 0);
    for name in ["a/.DS_Store", "notes.txt", "a/cat/Thumbs.db"] {
        sandbox.write(&format!("datasets/mine/{name}"), "something");
    }
    let said = run();
    assert!(said.errors.contains("1 of 1 runs are finished already"), "{said:?}");
    image(&sandbox.path().join("datasets/mine/a/cat/0.png"), 99);
    let said = run();
    assert!(!said.errors.contains("finished already"), "{said:?}");
}

#[test]
fn status_needs_no_device() {
    let sandbox = repository();
    let said = sandbox.isthmus(&["status", "--device", "gpu", "experiments/small.toml"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.answer.contains("small: 1 runs: 0 finished"), "{said:?}");
    // The runs of one device are not those of another.
    assert_eq!(sandbox.isthmus(&["run", "experiments/small.toml"]).code, 0);
    let finished = |device: &str| {
        let said = sandbox.isthmus(&["status", "--device", device, "experiments/small.toml"]);
        said.answer.contains("1 finished")
    };
    assert!(finished("cpu") && !finished("gpu:1"));
}

#[test]
fn a_name_must_fit_into_a_folder() {
    let sandbox = repository();
    for (length, code) in [(200, 0), (201, 2), (300, 2)] {
        let text = EXPERIMENT.replace("\"small\"", &format!("\"{}\"", "n".repeat(length)));
        sandbox.write("experiments/long.toml", &text);
        let said = sandbox.isthmus(&["check", "experiments/long.toml"]);
        assert_eq!(said.code, code, "{said:?}");
        assert_eq!(code == 2, said.errors.contains("must have at most 200"), "{said:?}");
    }
    let text = EXPERIMENT.replace("\"small\"", &format!("\"{}\"", "n".repeat(200)));
    sandbox.write("experiments/long.toml", &text);
    assert_eq!(sandbox.isthmus(&["run", "experiments/long.toml"]).code, 0);
}

#[cfg(unix)]
#[test]
fn colleagues_can_read_all_that_is_written() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = repository();
    // The fingerprints of files that were just written are not kept.
    std::thread::sleep(std::time::Duration::from_millis(2200));
    assert_eq!(sandbox.isthmus(&["run", "experiments/small.toml"]).code, 0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let usual = mode(&sandbox.write("usual", ""));
    let mut folders = vec![sandbox.path().join("results"), sandbox.path().join(".isthmus")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), usual, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 5, "{files}");
}
