//! The terms of the bound of the target error by Ben-David et al. (2010).

use isthmus_results::compare::Summary;
use maud::{Markup, html};

use super::parts;
use crate::figure::DataTable;
use crate::results::{Results, grouped};
use crate::runs::Run;

const PREFIX: &str = "theory/";
/// The usual order; terms beyond these follow by name.
const ORDER: [(&str, &str); 6] = [
    ("source_error", "source error"),
    ("proxy_a_distance", "proxy A-distance"),
    ("mmd", "MMD²"),
    ("joint_error", "joint error"),
    ("bound", "sum of the terms"),
    ("target_error", "true target error"),
];

pub(super) fn body(results: &Results) -> Markup {
    let metrics = results.metrics();
    let mut terms: Vec<&str> =
        metrics.iter().filter_map(|metric| metric.strip_prefix(PREFIX)).collect();
    if terms.is_empty() {
        return parts::missing(
            "No run recorded the proxy A-distance and the other terms of the target-error bound; \
             set `theory = true` under `[record]` in the experiment file.",
        );
    }
    let place =
        |term: &str| ORDER.iter().position(|(known, _)| *known == term).unwrap_or(ORDER.len());
    terms.sort_by_key(|term| (place(term), *term));
    html! {
        p {
            "Source error, half the distance of the domains (here the proxy A-distance) and error \
             of the best joint classifier of both domains bound the target error (Ben-David et al. \
             2010). All are estimates from samples and classifiers of one kind: their sum shows \
             which term is large, and proves nothing. The squared maximum mean discrepancy (MMD) \
             is a second measure of the distance, and not part of the sum. Joint error and true \
             target error take target labels, which served nothing else."
        }
        (parts::table(&table(results, &terms)))
        details {
            summary { "A line a run" }
            (parts::table(&single_runs(results, &terms)))
        }
    }
}

fn table(results: &Results, terms: &[&str]) -> DataTable {
    let mut table = DataTable::new(
        "Terms at the last step, as fractions: mean ± standard deviation over seeds",
        &["method", "task"],
    );
    table.columns.extend(terms.iter().map(|term| head(term)));
    let runs: Vec<&Run> = results.runs.iter().collect();
    for ((_, task), runs) in grouped(&runs, |run| (run.series, results.place(run))) {
        let Some(first) = runs.first() else { continue };
        let mut row = vec![results.method(first).name(), task];
        for term in terms {
            let metric = format!("{PREFIX}{term}");
            let values: Vec<f64> = runs
                .iter()
                .filter_map(|run| run.final_value(&metric))
                .filter(|value| value.is_finite())
                .collect();
            row.push(Summary::of(&values).map_or_else(|| "–".to_owned(), |value| text(&value)));
        }
        if row[2..].iter().any(|cell| cell != "–") {
            table.rows.push(row);
        }
    }
    table
}

/// The terms of each run.
fn single_runs(results: &Results, terms: &[&str]) -> DataTable {
    let mut table =
        DataTable::new("Terms of each run at its last step", &["method", "task", "seed"]);
    table.columns.extend(terms.iter().map(|term| head(term)));
    for run in &results.runs {
        let seed = run.record.run.seed.to_string();
        let mut row = vec![results.method(run).name(), results.place(run), seed];
        row.extend(terms.iter().map(|term| {
            let value = run.final_value(&format!("{PREFIX}{term}")).filter(|it| it.is_finite());
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
        }));
        if row[3..].iter().any(|cell| cell != "–") {
            table.rows.push(row);
        }
    }
    table.cut()
}

fn head(term: &str) -> String {
    let known = ORDER.iter().find(|(known, _)| *known == term);
    known.map_or_else(|| term.replace('_', " "), |(_, head)| (*head).to_owned())
}

fn text(summary: &Summary) -> String {
    match summary.standard_deviation {
        Some(deviation) => format!("{:.3} ± {deviation:.3}", summary.mean),
        None => format!("{:.3}", summary.mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, loaded, made};

    #[test]
    fn a_row_a_method_and_task_and_a_column_a_term() {
        let folder = tempfile::tempdir().unwrap();
        for (seed, value) in [(1, 0.25), (2, 0.75)] {
            let rows = format!(
                "0,5,target_accuracy,0.5\n0,9,theory/target_error,{value}\n\
                 0,9,theory/proxy_a_distance,1.5\n0,9,theory/joint_error,NaN\n"
            );
            made(folder.path(), &Made { seed, ..Made::default() }, &rows, None);
        }
        let results = loaded(folder.path());
        let html = body(&results).into_string();
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text}: {html}"));
        assert!(place(">proxy A-distance<") < place(">true target error<"));
        assert!(html.contains("0.500 ± 0.354"));
        assert!(html.contains("1.500 ± 0.000</td><td class=\"number\">–</td>"));
        // A line a run, with its seed.
        let cells =
            ["2", "1.500", "–", "0.750"].map(|it| format!("<td class=\"number\">{it}</td>"));
        assert!(html.contains(&cells.concat()), "{html}");
    }
}
