//! What was run.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::figures::count;
use crate::results::{Results, grouped};
use crate::runs::Run;

/// Jobs of more configurations would make most of the page.
const MOST_JOBS: usize = 60;

pub(super) fn body(results: &Results) -> Markup {
    let runs: Vec<&Run> = results.runs.iter().collect();
    let experiments = grouped(&runs, |run| run.record.run.experiment.clone());
    html! {
        @for (name, runs) in &experiments {
            h3 { (name) }
            (facts(runs))
            (jobs(runs))
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

fn jobs(runs: &[&Run]) -> Markup {
    let configurations = grouped(runs, |run| run.record.run.configuration.clone());
    html! {
        p.note {
            "The resolved job of each configuration, every default filled in; tasks and seed are \
             those of its first run."
        }
        @for (configuration, runs) in configurations.iter().take(MOST_JOBS) {
            @if let Some(run) = runs.first() {
                details {
                    summary {
                        (run.record.run.method) " [" (configuration) "], "
                        (count(runs.len(), "run"))
                    }
                    (job(run))
                }
            }
        }
        @if configurations.len() > MOST_JOBS {
            p.note {
                "The first " (MOST_JOBS) " of " (configurations.len())
                " configurations; each record's " code { "job.json" } " has its own."
            }
        }
    }
}

fn job(run: &Run) -> Markup {
    let text = run.record.job_value().map(|job| serde_json::to_string_pretty(&job));
    match text {
        Ok(Ok(text)) => html! { pre tabindex="0" { code { (text) } } },
        Ok(Err(error)) => html! { p.warning { (error.to_string()) } },
        Err(error) => html! { p.warning { (error.to_string()) } },
    }
}
