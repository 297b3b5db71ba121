//! Runs that end, or find no space, in the midst of writing.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use support::Sandbox;
use support::crashes::{
    Moments, assert_same, command, files, folders, is_half_written, is_partial, records,
    resumptions, sandbox, uninterrupted,
};

/// A checkpoint of this network is some 30 MB: writing it takes long enough to be hit.
const LARGE: &str = r#"
name = "crashes"
seeds = [1]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [2048, 1024]

[classifier]
name = "linear"

[training]
iterations = 12
batch_size = 8
evaluate_every = 6

[training.optimizer]
name = "adam"

[selection]
validators = [{ name = "entropy" }]

[record]
outputs = 20

[methods.adabn]
stages = [
    { align = [{ name = "source-only" }] },
    { align = [{ name = "adabn" }], training = { iterations = 1 } },
]

[methods.mcc]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "mcc" }] }]
"#;

/// Kills in the midst of writing that the harness waits for: of checkpoints, shared stages and the
/// files of records' ends.
const HALF_WRITTEN: usize = 10;
/// Files of the end of a record, in the order in which they are written.
const END: [&str; 7] = [
    "predictions.csv",
    "model.safetensors",
    "splits.json",
    "outputs.safetensors",
    "chosen.json",
    "metrics.csv",
    "done",
];

fn started(sandbox: &Sandbox, results: &str) -> Child {
    command(sandbox, results, &["--jobs", "1", "--checkpoint-every", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Looks again and again, until `moment` has come or the process has ended; kills the process in
/// the first case and tells whether it was killed.
fn killed_at(child: &mut Child, mut moment: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !moment() {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return false;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "neither the moment nor the end came");
        std::thread::sleep(Duration::from_micros(100));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

fn is_whole_stage(path: &Path) -> bool {
    !is_half_written(path) && path.extension().is_some_and(|extension| extension == "safetensors")
}

fn partial(results: &Path) -> Vec<PathBuf> {
    folders(results).into_iter().filter(|folder| is_partial(folder)).collect()
}

/// Whether a file is half written while so many whole checkpoints have been seen.
fn writing_after(results: &Path, checkpoints: usize) -> impl FnMut() -> bool {
    let mut seen = BTreeSet::new();
    move || {
        partial(results).iter().any(|folder| {
            // Every checkpoint is a file of its own that takes the place of the one before.
            if let Ok(file) = fs::metadata(folder.join("checkpoint.safetensors")) {
                seen.insert((file.ino(), file.mtime(), file.mtime_nsec()));
            }
            seen.len() > checkpoints && files(folder).iter().any(|path| is_half_written(path))
        })
    }
}

#[test]
fn runs_killed_in_the_midst_of_writing_end_as_if_nothing_had_happened() {
    let sandbox = Sandbox::new();
    sandbox.write("crashes.toml", LARGE);
    let expected = uninterrupted(&sandbox);
    for name in END.iter().chain(&["outputs-before.safetensors"]) {
        assert!(expected.keys().any(|path| path.ends_with(name)), "{name}: {:?}", expected.keys());
    }
    let (mut moments, mut resumed, mut round, mut end) = (Moments::default(), 0, 0, 0);
    let short = |moments: &Moments| {
        moments.half_written() < HALF_WRITTEN
            || [moments.in_checkpoint, moments.in_shared_stage, moments.in_end].contains(&0)
    };
    while short(&moments) {
        assert!(round < 20, "{moments:?}");
        let results = format!("killed-{round}");
        round += 1;
        let path = sandbox.path().join(&results);
        let stages = path.join(".stages");
        loop {
            let mut child = started(&sandbox, &results);
            // In turn: while a checkpoint is written, while a shared stage is, and when a file of
            // a record's end is there.
            let killed = match moments.kills % 3 {
                0 => killed_at(&mut child, writing_after(&path, 1 + moments.kills % 5)),
                1 if !files(&stages).iter().any(|path| is_whole_stage(path)) => {
                    killed_at(&mut child, || files(&stages).iter().any(|it| is_half_written(it)))
                }
                _ => {
                    let name = END[end % END.len()];
                    end += 1;
                    killed_at(&mut child, || {
                        partial(&path).iter().any(|folder| folder.join(name).exists())
                    })
                }
            };
            if !killed {
                break;
            }
            moments.count(&path);
        }
        assert_same(&records(&path), &expected);
        assert!(partial(&path).is_empty());
        resumed += resumptions(&path);
    }
    println!("{moments}; {round} rounds, {resumed} resumptions, 0 differences");
    assert!(resumed > 0, "{moments:?}");
}

#[test]
fn a_record_that_was_complete_but_not_in_its_place_is_written_again() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    let results = sandbox.path().join("whole");
    let mut moments = Moments::default();
    for folder in folders(&results) {
        fs::rename(&folder, folder.with_extension("partial")).unwrap();
        // Killed before an earlier record was moved aside for good.
        fs::create_dir(folder.with_extension("replaced")).unwrap();
        fs::write(folder.with_extension("replaced").join("done"), "").unwrap();
    }
    moments.count(&results);
    assert_eq!(moments.before_its_place, 3);
    let again = command(&sandbox, "whole", &["--jobs", "1"]).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_same(&records(&results), &expected);
}

#[test]
fn what_a_killed_process_left_among_shared_stages_is_removed_in_time() {
    let sandbox = sandbox();
    uninterrupted(&sandbox);
    let stages = sandbox.path().join("whole/.stages");
    let (old, young) = (stages.join(".old.tmp"), stages.join(".young.tmp"));
    for path in [&old, &young] {
        fs::write(path, "half").unwrap();
    }
    let hours_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::options().append(true).open(&old).unwrap().set_modified(hours_ago).unwrap();
    let again = ["--jobs", "1", "--set", "seeds=[2]"];
    let again = command(&sandbox, "whole", &again).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    // The other may be one that a process is writing now.
    assert!(!old.exists() && young.exists());
}

#[test]
fn a_checkpoint_that_is_too_large_leaves_the_one_before() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    // Files of more than 64 blocks of 512 bytes cannot be written.
    let binary = env!("CARGO_BIN_EXE_isthmus");
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{binary}' run crashes.toml --results full --jobs 1 \
         --checkpoint-every 0"
    );
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(sandbox.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write"), "{said}");
    assert!(said.contains("checkpoint.safetensors"), "{said}");
    let again = command(&sandbox, "full", &["--jobs", "1"]).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_same(&records(&sandbox.path().join("full")), &expected);
}

/// Runs an experiment on a disk of its own, which fills up when the second run has left a
/// checkpoint, and once more when there is space again. The disk is gone when the script ends.
const FULL_DISK: &str = r#"
mkdir disk
mount -t tmpfs -o size=24m tmpfs disk 2> /dev/null || exit 77
run() { "$ISTHMUS" run crashes.toml --results disk/results --jobs 1 "$@"; }
set -e
run --set 'seeds=[2]'
cp -r disk/results earlier
run --checkpoint-every 0 2> said &
until ls disk/results/crashes/*.partial/checkpoint.safetensors > /dev/null 2>&1; do
    kill -0 $! || exit 78
    sleep 0.02
done
cat /dev/zero > disk/filler 2> /dev/null || true
code=0
wait $! || code=$?
echo $code > code
for record in earlier/crashes/*; do
    diff -r $record disk/results/crashes/$(basename $record)
done
rm disk/filler
run
cp -r disk/results after
"#;

#[test]
fn a_full_disk_leaves_earlier_results_and_the_last_checkpoint() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", FULL_DISK])
        .current_dir(sandbox.path())
        .env("ISTHMUS", env!("CARGO_BIN_EXE_isthmus"))
        .output();
    let Ok(output) = output else {
        return println!("skipped: there is no `unshare` to make a disk with");
    };
    let errors = String::from_utf8(output.stderr).unwrap();
    let no_disk = output.status.code() == Some(77) || errors.starts_with("unshare:");
    if no_disk {
        return println!("skipped: no disk can be made here: {errors}");
    }
    assert!(output.status.success(), "{errors}");
    let said = sandbox.read("said");
    assert_eq!(sandbox.read("code").trim(), "1", "{said}");
    assert!(said.contains("cannot write") && said.contains("No space left on device"), "{said}");
    // The script found the earlier records unchanged; those of the run that found no space are
    // whole, and at least one went on from its checkpoint.
    let after = sandbox.path().join("after");
    let mut found = records(&after);
    assert!(partial(&after).is_empty());
    assert_eq!(found.keys().filter(|name| !expected.contains_key(*name)).count(), expected.len());
    found.retain(|name, _| expected.contains_key(name));
    assert_same(&found, &expected);
    assert!(resumptions(&after) > 0);
}
