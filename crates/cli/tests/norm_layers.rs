//! What norm layers are given to take statistics of, through the whole program.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::Path;

use support::{Said, Sandbox};

/// Runs methods on the quickstart's data for a few steps.
fn run(sandbox: &Sandbox, methods: &str, more: &[&str]) -> Said {
    let text = format!(
        "name = 'norms'\nseeds = [1]\n[data]\ndataset = 'quickstart'\ntasks = ['fonts -> uci']\n\
         protocol = {{ split = 0.3 }}\n[extractor]\nname = 'mlp'\nhidden = [32]\n\
         batch_norm = false\n[bottleneck]\nname = 'linear'\nsize = 16\n\
         [classifier]\nname = 'linear'\n[training]\niterations = 60\nbatch_size = 32\n\
         [training.optimizer]\nname = 'adam'\n{methods}"
    );
    let file = sandbox.write("norms.toml", &text);
    let mut arguments = vec!["run", file.to_str().unwrap()];
    arguments.extend(more);
    sandbox.isthmus(&arguments)
}

const SOURCE_ONLY: &str = "[methods.source-only]\nalign = [{ name = 'source-only' }]\n";

/// The lines of every `metrics.csv` below a folder that tell of a metric.
fn metric(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(metric(&path, name));
        } else if path.file_name().unwrap() == "metrics.csv" {
            let text = fs::read_to_string(path).unwrap();
            found.extend(text.lines().filter(|line| line.contains(name)).map(str::to_owned));
        }
    }
    found
}

/// Source-only never sees the target: with statistics by domain the target has none of its own, and
/// is measured by the source's, as without them.
#[test]
fn a_domain_that_was_not_trained_on_is_normalised_by_those_that_were() {
    let sandbox = Sandbox::new();
    for grouping in ["shared", "separate", "per-domain", "mixed"] {
        let set = format!("training.normalization={grouping}");
        let said = run(&sandbox, SOURCE_ONLY, &["--results", grouping, "--set", &set]);
        assert_eq!(said.code, 0, "{}", said.errors);
    }
    let want = metric(&sandbox.path().join("shared"), "target_accuracy");
    assert!(!want.is_empty());
    for grouping in ["separate", "per-domain", "mixed"] {
        let found = metric(&sandbox.path().join(grouping), "target_accuracy");
        assert_eq!(found, want, "{grouping}");
    }
}

#[test]
fn a_batch_of_one_row_is_refused_where_a_norm_layer_sees_it() {
    let tent = "[methods.tent]\nstages = [\n  { align = [{ name = 'source-only' }] },\n  \
                { align = [{ name = 'tent' }], training = { batch_size = 1 } },\n]\n";
    for (methods, more, domain) in [
        (SOURCE_ONLY, &["--set", "training.batch_size=1"][..], ""),
        (tent, &[], ""),
        (
            "[methods.mcc]\nalign = [{ name = 'mcc' }]\n",
            &["--set", "training.batch_size=1", "--set", "training.normalization=separate"],
            " of the source",
        ),
    ] {
        let said = run(&Sandbox::new(), methods, more);
        assert_eq!(said.code, 1, "{}", said.errors);
        let text = said.errors.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = format!(
            "the batch norm over 16 channels in the bottleneck would take its statistics of a \
             single sample{domain}, and put out the same whatever the sample is: raise \
             `training.batch_size` to at least 2"
        );
        assert!(text.replace("│ ", "").contains(&expected), "{}", said.errors);
    }
    // Without a norm layer one row is as good as any number.
    let said = run(
        &Sandbox::new(),
        SOURCE_ONLY,
        &["--set", "training.batch_size=1", "--set", "bottleneck.batch_norm=false"],
    );
    assert_eq!(said.code, 0, "{}", said.errors);
}
