//! The final metric of all pairs of domains.

use std::collections::BTreeMap;

use isthmus_results::compare::Summary;

use super::count;
use super::heatmap::{Cell, Heatmap, panel_size};
use crate::canvas::{self, Layout};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::measured::{heading, text};
use crate::results::{PlotOptions, Results, grouped};
use crate::runs::Run;

pub(super) fn draw(results: &Results, options: &PlotOptions) -> Result<Figure, ReportError> {
    let runs = results.select(options)?;
    let measure = results.measure(options, &runs)?;
    let (metric, unit, name) = (measure.name.as_str(), measure.unit, heading(&measure));
    let runs: Vec<&Run> = runs
        .into_iter()
        .filter(|run| run.final_value(metric).is_some_and(f64::is_finite))
        .collect();
    if runs.is_empty() {
        return Err(results.no_metric(metric));
    }
    // One scale for all panels: colours can be compared between methods.
    let all: Vec<Summary> = grouped(&runs, |run| (run.series, results.place(run)))
        .iter()
        .filter_map(|(_, runs)| summary(runs, metric))
        .collect();
    let low = all.iter().map(|summary| summary.mean).fold(f64::INFINITY, f64::min);
    let high = all.iter().map(|summary| summary.mean).fold(f64::NEG_INFINITY, f64::max);

    let mut table = DataTable::new(
        format!("{name} at the last step of pairs of domains, over seeds"),
        &["method", "source", "target", "mean", "standard deviation", "seeds"],
    );
    let mut panels = Vec::new();
    let groups = grouped(&runs, |run| (run.record.run.dataset.clone(), run.series));
    for (_, runs) in &groups {
        let Some(first) = runs.first() else { continue };
        let title = results.with_dataset(first, &results.method(first).name());
        let (sources, targets) = domains(runs);
        let mut cells = vec![vec![None; targets.len()]; sources.len()];
        for ((source, target), runs) in
            grouped(runs, |run| (source_of(run), run.record.run.task.target.clone()))
        {
            let Some(summary) = summary(&runs, metric) else { continue };
            let share = if high > low { (summary.mean - low) / (high - low) } else { 0.5 };
            let row = sources.iter().position(|name| *name == source);
            let column = targets.iter().position(|name| *name == target);
            if let (Some(row), Some(column)) = (row, column) {
                cells[row][column] = Some(Cell { share, text: text(unit, summary.mean) });
            }
            let spread = summary.standard_deviation;
            table.rows.push(vec![
                title.clone(),
                source,
                target,
                text(unit, summary.mean),
                spread.map_or_else(|| "–".to_owned(), |spread| text(unit, spread)),
                summary.seeds.to_string(),
            ]);
        }
        panels.push(Heatmap {
            title,
            down: "source".to_owned(),
            across: "target".to_owned(),
            cell: (cell_width(&targets), 34),
            rows: sources,
            columns: targets,
            cells,
        });
    }
    let layout =
        Layout { panels: panels.len(), columns: 3, panel: panel_size(&panels), legend: Vec::new() };
    let svg = canvas::draw(&layout, |number, _, area| panels[number].draw(area))?;
    let title = match panels.as_slice() {
        [panel] => format!("{name} of {}", panel.title),
        _ => format!("{name} of all pairs of domains"),
    };
    let description = format!(
        "Heat map, sources down and targets across: {name} of {}, from {} to {}.",
        count(panels.len(), "method"),
        text(unit, low),
        text(unit, high)
    );
    Ok(Figure { title, description, svg, notes: Vec::new(), table: table.cut() })
}

fn summary(runs: &[&Run], metric: &str) -> Option<Summary> {
    let values: Vec<f64> = runs.iter().filter_map(|run| run.final_value(metric)).collect();
    Summary::of(&values)
}

fn source_of(run: &Run) -> String {
    run.record.run.task.sources.join(" + ")
}

/// Wide enough for the names of the columns.
fn cell_width(columns: &[String]) -> u32 {
    let longest = columns.iter().map(|column| canvas::text_width(column)).max();
    (longest.unwrap_or(0) + 10).clamp(52, 110)
}

/// Sources and targets. Domains that are both have the same place in either, so that the empty
/// diagonal is one.
fn domains(runs: &[&Run]) -> (Vec<String>, Vec<String>) {
    let mut sources: BTreeMap<String, ()> = BTreeMap::new();
    let mut targets: BTreeMap<String, ()> = BTreeMap::new();
    for run in runs {
        sources.insert(source_of(run), ());
        targets.insert(run.record.run.task.target.clone(), ());
    }
    (sources.into_keys().collect(), targets.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, loaded, made, texts};

    fn results(pairs: &[(&str, &str, f64)]) -> (tempfile::TempDir, Results) {
        let folder = tempfile::tempdir().unwrap();
        for (source, target, value) in pairs {
            for seed in [1, 2] {
                let run = Made { source, target, seed, ..Made::default() };
                made(folder.path(), &run, &format!("0,5,target_accuracy,{value}\n"), None);
            }
        }
        let results = loaded(folder.path());
        (folder, results)
    }

    #[test]
    fn sources_are_rows_and_targets_columns() {
        let pairs =
            [("amazon", "dslr", 0.5), ("dslr", "amazon", 0.75), ("amazon", "webcam", 0.625)];
        let (_folder, results) = results(&pairs);
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        let texts = texts(&figure.svg);
        for text in ["dann", "source", "target", "amazon", "webcam", "50.0", "75.0", "62.5"] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        assert_eq!(figure.table.rows.len(), 3);
        assert_eq!(figure.table.rows[0][3..], ["50.0", "0.0", "2"]);
        assert!(figure.description.ends_with("from 50.0 to 75.0."), "{}", figure.description);
        // The lowest and the highest value have the ends of the scale.
        for level in [0, 10] {
            let colour = crate::palette::hexadecimal(crate::palette::HEAT[level].light);
            assert!(figure.svg.contains(&colour), "{level}");
        }
    }

    #[test]
    fn one_pair_is_drawn_too() {
        let (_folder, results) = results(&[("a", "b", 0.5)]);
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        assert!(texts(&figure.svg).iter().any(|text| text == "50.0"));
    }
}
