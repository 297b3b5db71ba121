//! Runs that are killed at any moment, and what their rerun leaves.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use isthmus_core::random::Key;
use rand::RngExt;
use support::crashes::{
    Moments, assert_same, command, records, resumptions, sandbox, uninterrupted,
};

/// Kills of the harness.
const KILLS: usize = 50;

#[test]
fn runs_killed_at_random_moments_end_as_if_nothing_had_happened() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    assert!(expected.keys().any(|name| name.ends_with("chosen.json")), "{:?}", expected.keys());
    let mut rng = Key::new(7).named("kills").rng();
    let (mut moments, mut resumed, mut round) = (Moments::default(), 0, 0);
    while moments.kills < KILLS {
        let results = format!("killed-{round}");
        round += 1;
        loop {
            // A checkpoint after every step: many kills come while one is written.
            let mut child =
                command(&sandbox, &results, &["--jobs", "1", "--checkpoint-every", "0"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
            std::thread::sleep(Duration::from_millis(rng.random_range(100..1500)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            moments.count(&sandbox.path().join(&results));
            if moments.kills >= KILLS {
                let output = command(&sandbox, &results, &["--jobs", "1"]).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
        }
        let results = sandbox.path().join(&results);
        assert_same(&records(&results), &expected);
        resumed += resumptions(&results);
    }
    println!("{moments}; {round} rounds, {resumed} resumptions, 0 differences");
    assert!(resumed > 0);
    assert!(moments.half_written() > 0, "{moments:?}");
}

#[test]
fn a_killed_worker_takes_its_own_job_only() {
    let sandbox = sandbox();
    let mut run =
        command(&sandbox, "results", &["--jobs", "2", "--set", "training.iterations=3000"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    // The processes that run jobs are the children of the run.
    let children = format!("/proc/{0}/task/{0}/children", run.id());
    if !Path::new(&children).exists() {
        run.kill().unwrap();
        run.wait().unwrap();
        return println!("skipped: this system does not tell a process's children");
    }
    let victim = loop {
        let text = fs::read_to_string(&children).unwrap();
        let pids: Vec<&str> = text.split_whitespace().collect();
        let begun = sandbox.path().join("results/crashes");
        let partial = || {
            fs::read_dir(&begun).is_ok_and(|folder| {
                folder.filter(|it| it.as_ref().unwrap().path().extension().is_some()).count() == 2
            })
        };
        if pids.len() == 2 && partial() {
            break pids[0].to_owned();
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(Command::new("kill").args(["-9", &victim]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of 3 runs failed"), "{said}");
    assert!(said.contains("killed (signal 9)"), "{said}");
    let events: Vec<String> = fs::read_dir(sandbox.path().join("results/crashes"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path().join("events.jsonl")).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    let failed = events.iter().filter(|text| text.contains("\"event\":\"failed\"")).count();
    assert_eq!(failed, 1, "{events:?}");
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    // A terminal sends the signal of Ctrl-C to all processes of the run, another program may send
    // it to the first one alone.
    let cases = [("1", false), ("2", false), ("2", true), ("2", true), ("2", true)];
    for (number, (jobs, all)) in cases.into_iter().enumerate() {
        let results = format!("interrupted-{number}");
        let run = command(&sandbox, &results, &["--jobs", jobs])
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = sandbox.path().join(&results).join("crashes");
        while !begun.is_dir() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        let whom = format!("{}{}", if all { "-" } else { "" }, run.id());
        assert!(Command::new("kill").args(["-INT", "--", &whom]).status().unwrap().success());
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("the same command goes on where this one stopped"), "{said}");
        assert!(!said.contains("failed"), "{said}");
        let again = command(&sandbox, &results, &["--jobs", jobs]).output().unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        assert_same(&records(&sandbox.path().join(&results)), &expected);
    }
}
