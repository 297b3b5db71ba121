//! What was run.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::experiment_file::{self, Configuration};
use crate::figures::count;
use crate::results::{Results, grouped};
use crate::runs::Run;

/// More configurations would make most of the page.
const MOST_CONFIGURATIONS: usize = 60;

pub(super) fn body(results: &Results) -> Markup {
    let runs: Vec<&Run> = results.runs.iter().collect();
    let experiments = grouped(&runs, |run| run.record.run.experiment.clone());
    html! {
        @for (name, runs) in &experiments {
            h3 { (name) }
            (facts(runs))
            (files(name, runs))
        }
    }
}

fn facts(runs: &[&Run]) -> Markup {
    let unique = |value: &dyn Fn(&Run) -> String| {
        let values: BTreeSet<String> = runs.iter().map(|run| value(run)).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    let seeds: BTreeSet<u64> = runs.iter().map(|run| run.record.run.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
    html! {
        dl {
            dt { "Data set" }
            dd { (unique(&|run| run.record.run.dataset.clone())) }
            dt { "Tasks" }
            dd { (unique(&Run::task)) }
            dt { "Seeds" }
            dd { (seeds.join(", ")) }
            dt { "Content of the data" }
            dd { code { (unique(&|run| run.record.run.data_fingerprint.clone())) } }
            dt { "Version of isthmus" }
            dd { (unique(&|run| run.record.run.isthmus_version.clone())) }
        }
    }
}

/// The experiment files that the runs can be repeated with.
fn files(name: &str, runs: &[&Run]) -> Markup {
    let grouped = grouped(runs, |run| run.record.run.configuration.clone());
    let mut configurations = Vec::new();
    let mut problems = Vec::new();
    for (_, runs) in grouped.iter().take(MOST_CONFIGURATIONS) {
        let Some(first) = runs.first() else { continue };
        match first.record.job_value() {
            Ok(job) => configurations.push(Configuration {
                label: first.label.clone(),
                job,
                tasks: runs.iter().map(|run| run.record.run.task.to_string()).collect(),
                seeds: runs.iter().map(|run| run.record.run.seed).collect(),
            }),
            Err(error) => problems.push(error.to_string()),
        }
    }
    html! {
        p.note {
            "What was run as an experiment file, every default filled in; methods that differ in \
             more than their stages and training are in files of their own."
        }
        @for (labels, text) in experiment_file::files(name, &configurations) {
            details {
                summary { "Experiment file: " (shortened(&labels)) }
                pre tabindex="0" aria-label="Experiment file" { code { (text) } }
            }
        }
        @for problem in &problems { p.warning { (problem) } }
        @if grouped.len() > MOST_CONFIGURATIONS {
            p.note {
                "The first " (MOST_CONFIGURATIONS) " of " (grouped.len())
                " configurations; each record's " code { "job.json" } " has its own."
            }
        }
    }
}

fn shortened(labels: &[String]) -> String {
    const NAMED: usize = 6;
    let named = labels.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match labels.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {}", count(more, "method")),
    }
}
