//! The page: one HTML file that needs nothing else.

mod charts;
mod columns;
mod comparison;
mod cost;
mod experiment_file;
mod jobs;
mod markdown;
mod parts;
mod pictures;
mod selection;
mod theory;
mod toml;

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::characters::allowed;
use crate::error::ReportError;
use crate::figures::count;
use crate::results::{PlotOptions, Results};
use crate::theme;

const STYLE: &str = include_str!("style.css");
/// Nothing is fetched: a browser holds the page to it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// A part of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// The report: tables, charts and jobs of the results as one HTML page. It is the same for the
/// same records. What the records lack is said in its section, with the setting that records it.
///
/// `options` gives the metric of tables and charts and how features are laid out; methods and
/// tasks are all shown.
///
/// # Errors
/// If no run has the metric.
pub fn report(results: &Results, options: &PlotOptions) -> Result<String, ReportError> {
    let metric = options.metric.as_deref();
    if let Some(metric) = metric.filter(|metric| !results.metrics().contains(metric)) {
        return Err(results.no_metric(metric));
    }
    let sections = [
        Section { id: "comparison", title: "Comparison", body: comparison::body(results, metric) },
        Section {
            id: "selection",
            title: "Selection without target labels",
            body: selection::body(results, metric),
        },
        Section { id: "curves", title: "Learning curves", body: charts::curves(results, options) },
        Section {
            id: "validators",
            title: "Validators against the target",
            body: charts::validators(results, options),
        },
        Section { id: "matrix", title: "Pairs of domains", body: charts::matrix(results, options) },
        Section { id: "confusion", title: "Confusion matrices", body: charts::confusion(results) },
        Section {
            id: "features",
            title: "Features before and after adaptation",
            body: charts::features(results, options),
        },
        Section { id: "pictures", title: "Translated images", body: pictures::body(results) },
        Section { id: "theory", title: "Terms of the error bound", body: theory::body(results) },
        Section { id: "cost", title: "Time and memory", body: cost::body(results) },
        Section { id: "jobs", title: "Experiment files", body: jobs::body(results) },
    ];
    let title = title(results);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(theme::style_sheet())) (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                header {
                    h1 { (title) }
                    p { (summary(results)) }
                }
                nav aria-label="Sections" {
                    ul {
                        @for section in &sections {
                            li { a href={ "#" (section.id) } { (section.title) } }
                        }
                    }
                }
                main #main tabindex="-1" {
                    @if !results.warnings.is_empty() { (warnings(results)) }
                    @for section in &sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer { p { "Written by isthmus " (versions(results)) "." } }
            }
        }
    };
    Ok(allowed(page.into_string()))
}

fn experiments(results: &Results) -> BTreeSet<&str> {
    results.runs.iter().map(|run| run.record.run.experiment.as_str()).collect()
}

fn title(results: &Results) -> String {
    const NAMED: usize = 4;
    let names = experiments(results);
    let shown: Vec<&str> = names.iter().copied().take(NAMED).collect();
    match names.len().saturating_sub(NAMED) {
        0 => format!("Results of {}", shown.join(", ")),
        more => format!("Results of {} and {more} more", shown.join(", ")),
    }
}

fn summary(results: &Results) -> String {
    let tasks: BTreeSet<String> = results.runs.iter().map(|run| results.place(run)).collect();
    let seeds: BTreeSet<u64> = results.runs.iter().map(|run| run.record.run.seed).collect();
    let datasets: BTreeSet<&str> =
        results.runs.iter().map(|run| run.record.run.dataset.as_str()).collect();
    format!(
        "{} of {} on {} of {}, {}.",
        count(results.runs.len(), "run"),
        count(results.methods.len(), "method"),
        count(tasks.len(), "task"),
        datasets.into_iter().collect::<Vec<_>>().join(", "),
        count(seeds.len(), "seed")
    )
}

fn versions(results: &Results) -> String {
    let versions: BTreeSet<&str> =
        results.runs.iter().map(|run| run.record.run.isthmus_version.as_str()).collect();
    versions.into_iter().collect::<Vec<_>>().join(", ")
}

fn warnings(results: &Results) -> Markup {
    html! {
        details.warning {
            summary { (count(results.warnings.len(), "record")) " left out" }
            ul { @for warning in &results.warnings { li { (warning) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::figures::{FigureKind, plot};
    use crate::testing::{Made, loaded, made};

    fn page(folder: &Path) -> String {
        let results = loaded(folder);
        report(&results, &PlotOptions::default()).unwrap()
    }

    fn two_methods(folder: &Path, first: &str) {
        for (place, method) in [first, "dann"].into_iter().enumerate() {
            for seed in [1, 2] {
                let run = Made { method, place, seed, ..Made::default() };
                let rows = format!("0,5,target_accuracy,0.4\n0,9,target_accuracy,0.{}\n", 5 + seed);
                made(folder, &run, &rows, Some("0,0,0,0.9\n1,1,0,0.7\n"));
            }
        }
    }

    #[test]
    fn every_section_is_there_and_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        two_methods(folder.path(), "source-only");
        let page = page(folder.path());
        for id in [
            "comparison",
            "selection",
            "curves",
            "validators",
            "matrix",
            "confusion",
            "features",
            "pictures",
            "theory",
            "cost",
            "jobs",
        ] {
            assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
            assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
        }
        assert!(page.contains("<h1>Results of made</h1>"));
        assert!(page.contains("4 runs of 2 methods on 1 task of office31, 2 seeds."));
        for setting in ["[selection]", "outputs = 500", "theory = true"] {
            assert!(page.contains(setting), "{setting}");
        }
    }

    #[test]
    fn nothing_is_fetched_and_no_script_runs() {
        let folder = tempfile::tempdir().unwrap();
        two_methods(folder.path(), "source-only");
        let page = page(folder.path());
        // The namespace of SVG is a name, not an address that is read.
        let page = page.replace("http://www.w3.org/2000/svg", "");
        for banned in ["<script", "http:", "https:", "src=", "@import", "url(", "<link"] {
            assert!(!page.contains(banned), "{banned}");
        }
    }

    #[test]
    fn names_are_escaped_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        two_methods(folder.path(), "<i>x</i>&\"");
        let page = page(folder.path());
        assert!(!page.contains("<i>x"));
        assert!(page.contains("&lt;i&gt;x&lt;/i&gt;&amp;"));
    }

    #[test]
    fn without_target_labels_the_page_says_so_and_shows_what_needs_none() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "0,5,source_accuracy,0.9\n0,5,target_effective_classes,0.5\n\
                    0,5,validator/entropy,-0.25\n";
        made(folder.path(), &Made::default(), rows, None);
        let page = page(folder.path());
        assert!(page.contains(">no target labels</td>"), "{page}");
        assert!(page.contains(">-0.2500</td>") && page.contains(">50.0</td>"), "{page}");
        assert!(page.contains("No target labels, so no <code>target_accuracy</code> in any run"));
        assert!(!page.contains(">0.0<") && !page.contains("NaN"), "{page}");
    }

    #[test]
    fn charts_and_tables_follow_the_metrics_of_the_records() {
        use isthmus_core::metric::{Direction, MetricInfo, Metrics, Unit};
        let folder = tempfile::tempdir().unwrap();
        let unit = Unit::Plain { decimals: 2 };
        let mae = MetricInfo::new("mae", Direction::Lower, unit, "mean absolute error");
        let metrics = Metrics::new(mae, []);
        let ages = Made { dataset: "ages", metrics, ..Made::default() };
        made(folder.path(), &ages, "0,5,target_mae,4.5\n", None);
        made(folder.path(), &Made::default(), "0,5,target_accuracy,0.5\n", None);
        let page = page(folder.path());
        assert!(page.contains("<code>target_mae</code>, lower is better"), "{page}");
        assert!(page.contains(">4.50</td>") && page.contains(">50.0</td>"), "{page}");
        for figure in ["target mae on ages", "target accuracy (%) on office31"] {
            assert!(page.contains(&format!("<figcaption>{figure}")), "{figure}");
        }
        // A single figure is of one metric.
        let error = plot(&loaded(folder.path()), FigureKind::Curves, &PlotOptions::default());
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("`target_accuracy`, `target_mae`; name one with `--metric`"),
            "{error}"
        );
    }

    /// Names that mean something to HTML, XML, Markdown or a terminal.
    const NASTY: [&str; 22] = [
        "a,b",
        "say \"it\"",
        "|",
        "a|b\\|c",
        "`code`",
        "``",
        "*bold*",
        "**",
        "_x_",
        "<b>&amp;</b>",
        "<!-- x -->",
        "]]>",
        "$x$",
        "\\",
        "{}%#~^",
        "[link](x)",
        "# heading",
        "日本語",
        "e\u{301}",
        "'",
        "nul\u{0}",
        "\u{1b}[31mred",
    ];

    #[test]
    fn any_name_is_shown_as_it_is_and_charts_stay_well_formed() {
        for name in NASTY {
            let folder = tempfile::tempdir().unwrap();
            for (source, target) in [(name, "b"), ("b", name)] {
                for dataset in [name, "other"] {
                    let run = Made { method: name, source, target, dataset, ..Made::default() };
                    let rows = "0,5,target_accuracy,0.5\n0,5,validator/v,0.1\n";
                    made(folder.path(), &run, rows, Some("0,0,0,0.9\n1,1,0,0.7\n"));
                }
            }
            let page = page(folder.path());
            let shown = crate::characters::allowed(html! { (name) }.into_string());
            let listed = [format!("{shown}, other"), format!("other, {shown}")];
            assert!(listed.iter().any(|it| page.contains(&format!("<dd>{it}</dd>"))), "{name:?}");
            assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{name:?}");
            // In the tables of `isthmus compare`, characters that move the cursor are spaces.
            let in_tables: String =
                name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let head = html! { th scope="row" { (in_tables.trim()) } }.into_string();
            assert!(page.contains(&head), "{name:?}: {head}");
            let charts =
                page.split("<svg ").skip(1).map(|rest| rest.split_once("</svg>").unwrap().0);
            let mut number = 0;
            for chart in charts {
                crate::testing::texts(&format!("<svg {chart}</svg>"));
                number += 1;
            }
            assert!(number >= 4, "{name:?}: {number} charts");
            for kind in [FigureKind::Curves, FigureKind::Matrix, FigureKind::Validators] {
                let figure = plot(&loaded(folder.path()), kind, &PlotOptions::default()).unwrap();
                crate::testing::texts(&figure.svg_file());
            }
        }
    }

    #[test]
    fn the_page_is_always_the_same() {
        let folder = tempfile::tempdir().unwrap();
        two_methods(folder.path(), "source-only");
        assert_eq!(page(folder.path()), page(folder.path()));
    }

    #[test]
    fn records_that_were_left_out_are_named() {
        let folder = tempfile::tempdir().unwrap();
        two_methods(folder.path(), "source-only");
        let broken = made(folder.path(), &Made { seed: 9, ..Made::default() }, "", None);
        std::fs::write(broken.join("metrics.csv"), "changed").unwrap();
        let page = page(folder.path());
        assert!(page.contains("1 record left out"));
        assert!(page.contains("it changed after the run was finished"));
    }
}
