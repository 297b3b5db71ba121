//! Runs the targets on changed files, each in a process of its own, and on the inputs that found a
//! fault before.
//!
//! `ISTHMUS_FUZZ_SECONDS` is how long all targets together run, 20 where it is not set;
//! `ISTHMUS_FUZZ_SEED` names other inputs; `ISTHMUS_FUZZ_TARGETS` only these targets, with commas
//! between them; `ISTHMUS_FUZZ_KEEP` is a folder for the inputs that found a fault.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use isthmus_core::random::Key;
use isthmus_fuzz::{TARGETS, Target, mutated, target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that may be reserved for any input, beside what its size justifies.
const LEAST: u64 = 1 << 27;
/// How long an input may take.
const LONGEST: Duration = Duration::from_secs(10);
/// Names of the variables by which a worker is told what to do.
const TARGET: &str = "ISTHMUS_FUZZ_WORKER";
const FOLDER: &str = "ISTHMUS_FUZZ_FOLDER";
/// Names of files in a worker's folder: the input in work, and what it found.
const CURRENT: &str = "current";
const FOUND: &str = "found";

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads an input, and says what is wrong with how it was read.
fn fault(target: &Target, folder: &Path, bytes: &[u8]) -> Result<bool, String> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let started = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| (target.read)(folder, bytes)));
    let taken = started.elapsed();
    let reserved = MEMORY.peak_usage().saturating_sub(before) as u64;
    let most = LEAST + bytes.len() as u64 * target.bytes_for_a_byte;
    match read {
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            Err(format!("panics: {}", message.unwrap_or_default()))
        }
        Ok(_) if reserved > most => {
            Err(format!("reserves {reserved} bytes for {}, {most} at most", bytes.len()))
        }
        Ok(_) if taken > LONGEST => Err(format!("takes {taken:?}")),
        Ok(accepted) => Ok(accepted),
    }
}

#[test]
fn no_damaged_file_ends_a_process_or_fills_its_memory() {
    let seconds = setting("ISTHMUS_FUZZ_SECONDS").map_or(20.0, |it| it.parse().unwrap());
    let only = setting("ISTHMUS_FUZZ_TARGETS");
    let is_wanted =
        |it: &&Target| only.as_ref().is_none_or(|only| only.split(',').any(|name| name == it.name));
    let targets: Vec<&Target> = TARGETS.iter().filter(is_wanted).collect();
    assert!(!targets.is_empty(), "there is no such target: {only:?}");
    let each = Duration::from_secs_f64(seconds / targets.len() as f64);
    let mut faults = Vec::new();
    for target in targets {
        let folder = tempfile::tempdir().unwrap();
        let said = run(target, folder.path(), each);
        println!("{:<20} {}", target.name, said.as_ref().map_or("FAULT", String::as_str));
        if let Err(what) = said {
            let kept = setting("ISTHMUS_FUZZ_KEEP").map_or(std::env::temp_dir(), PathBuf::from);
            std::fs::create_dir_all(&kept).unwrap();
            let path = kept.join(format!("isthmus-fuzz-{}", target.name));
            std::fs::copy(folder.path().join(CURRENT), &path).unwrap();
            faults.push(format!("{}: {what}; the input is {}", target.name, path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Runs a target in a process of its own: how many inputs it read, or what is wrong with the last.
fn run(target: &Target, folder: &Path, time: Duration) -> Result<String, String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "worker", "--nocapture"])
        .env(TARGET, target.name)
        .env(FOLDER, folder)
        .env("ISTHMUS_FUZZ_SECONDS", time.as_secs_f64().to_string())
        .env("ISTHMUS_CACHE", folder.join("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > time + 3 * LONGEST {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err("does not come to an end".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    match std::fs::read_to_string(folder.join(FOUND)) {
        Ok(found) if status.success() => Ok(found),
        Ok(found) => Err(found),
        Err(_) => Err(format!("ended the process ({status})")),
    }
}

/// Started by the test above in a process of its own.
#[test]
#[ignore = "reads inputs until its time is over; other tests start it"]
fn worker() {
    let (Some(name), Some(folder)) = (setting(TARGET), setting(FOLDER)) else { return };
    let target = target(&name).unwrap();
    let folder = PathBuf::from(folder);
    let seconds: f64 = setting("ISTHMUS_FUZZ_SECONDS").unwrap().parse().unwrap();
    let seed = setting("ISTHMUS_FUZZ_SEED").map_or(1, |it| it.parse().unwrap());
    // What panics is told by the message that is caught.
    std::panic::set_hook(Box::new(|_| {}));
    let seeds = (target.seeds)();
    let key = Key::new(seed).named(target.name);
    let work = folder.join("work");
    let started = Instant::now();
    // Nothing is measured that only the first input does.
    std::fs::create_dir_all(&work).unwrap();
    let _ = (target.read)(&work, &seeds[0]);
    static SINCE: Mutex<Option<Instant>> = Mutex::new(None);
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            if SINCE.lock().unwrap().is_some_and(|since| since.elapsed() > 2 * LONGEST) {
                std::process::exit(3);
            }
        }
    });
    static INPUTS: AtomicU64 = AtomicU64::new(0);
    let mut accepted = 0;
    while started.elapsed().as_secs_f64() < seconds {
        let number = INPUTS.fetch_add(1, Ordering::Relaxed);
        let changed = mutated(&seeds, &key.at(number));
        let bytes = target.pack.map_or_else(|| changed.clone(), |pack| pack(&changed));
        std::fs::write(folder.join(CURRENT), &bytes).unwrap();
        *SINCE.lock().unwrap() = Some(Instant::now());
        match fault(target, &work, &bytes) {
            Ok(is_accepted) => accepted += u64::from(is_accepted),
            Err(what) => {
                std::fs::write(folder.join(FOUND), format!("input {number} {what}")).unwrap();
                std::process::exit(1);
            }
        }
        *SINCE.lock().unwrap() = None;
    }
    let inputs = INPUTS.load(Ordering::Relaxed);
    let mut file = std::fs::File::create(folder.join(FOUND)).unwrap();
    write!(file, "{inputs} inputs, {accepted} accepted").unwrap();
}

/// The inputs that found a fault: `inputs/TARGET/NAME`.
#[test]
fn inputs_that_found_a_fault_find_none_any_more() {
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs");
    let mut read = 0;
    for entry in std::fs::read_dir(inputs).unwrap() {
        let entry = entry.unwrap().path();
        let target = target(&entry.file_name().unwrap().to_string_lossy()).unwrap();
        for input in std::fs::read_dir(&entry).unwrap() {
            let input = input.unwrap().path();
            let folder = tempfile::tempdir().unwrap();
            let bytes = std::fs::read(&input).unwrap();
            let found = fault(target, folder.path(), &bytes);
            assert!(found.is_ok(), "{}: {}", input.display(), found.unwrap_err());
            read += 1;
        }
    }
    assert!(read > 0, "there are no inputs");
}
