//! A metric by training step.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::metric::{Measure, Unit};
use isthmus_results::compare::Summary;
use plotters::element::Polygon;
use plotters::series::LineSeries;
use plotters::style::Color;

use super::chart::{Axes, Ticks, axes, range, within_percent};
use super::count;
use crate::area::Area;
use crate::canvas::{self, Layout, LegendEntry};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::marker::Marker;
use crate::measured::heading;
use crate::results::{PlotOptions, Results, grouped};
use crate::runs::Run;

/// More lines than this cannot be told apart.
const MOST_SERIES: usize = 16;
/// A line has a mark about this often.
const MARKS: usize = 8;

/// Mean and spread over seeds by step, as they are drawn.
type Curve = BTreeMap<usize, Summary>;

struct Panel {
    title: String,
    /// By the method's place.
    curves: BTreeMap<usize, Curve>,
}

pub(super) fn draw(results: &Results, options: &PlotOptions) -> Result<Figure, ReportError> {
    let runs = results.select(options)?;
    let measure = results.measure(options, &runs)?;
    let (metric, unit) = (measure.name.as_str(), measure.unit);
    let all: BTreeSet<usize> = runs.iter().map(|run| run.series).collect();
    let kept: BTreeSet<usize> = all.iter().copied().take(MOST_SERIES).collect();
    let panels: Vec<Panel> = grouped(&runs, |run| results.place(run))
        .into_iter()
        .map(|(title, runs)| Panel { title, curves: curves(&runs, metric, unit, &kept) })
        .filter(|panel| !panel.curves.is_empty())
        .collect();
    if panels.is_empty() {
        return Err(results.no_metric(metric));
    }
    let shown: BTreeSet<usize> =
        panels.iter().flat_map(|panel| panel.curves.keys().copied()).collect();
    let layout = Layout {
        panels: panels.len(),
        columns: if panels.len() == 1 { 1 } else { 3.min(panels.len()) },
        panel: if panels.len() == 1 { (480, 320) } else { (400, 290) },
        legend: shown.iter().map(|&series| entry(results, series)).collect(),
    };
    let svg = canvas::draw(&layout, |number, root, area| {
        panel(results, &panels[number], &measure, root, area)
    })?;
    let table = table(results, &panels, &measure);
    let mut notes = Vec::new();
    if kept.len() < all.len() {
        notes.push(format!(
            "The first {} of {} methods are drawn; the others can be asked for by name.",
            kept.len(),
            all.len()
        ));
    }
    let seeds: BTreeSet<u64> = runs.iter().map(|run| run.record.run.seed).collect();
    if seeds.len() > 1 {
        notes.push(
            "Lines are means over seeds, bands reach one standard deviation to either side."
                .to_owned(),
        );
    }
    let name = heading(&measure);
    let places: Vec<&str> = panels.iter().map(|panel| panel.title.as_str()).collect();
    let title = match places.as_slice() {
        [place] => format!("{name} on {place}"),
        _ => format!("{name} by task"),
    };
    let description = format!(
        "Line chart of {name} by training step, mean and standard deviation over seeds, {}. {}",
        count(shown.len(), "method"),
        panels.iter().map(|panel| last_values(results, panel, unit)).collect::<Vec<_>>().join(" ")
    );
    Ok(Figure { title, description, svg, notes, table: table.cut() })
}

fn entry(results: &Results, series: usize) -> LegendEntry {
    LegendEntry {
        text: canvas::shortened(&results.methods[series].name(), 40),
        colour: results.colour(series),
        marker: Marker::of(series),
        line: true,
    }
}

fn curves(
    runs: &[&Run],
    metric: &str,
    unit: Unit,
    kept: &BTreeSet<usize>,
) -> BTreeMap<usize, Curve> {
    let mut values: BTreeMap<usize, BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for run in runs.iter().filter(|run| kept.contains(&run.series)) {
        for (step, value) in run.curve(metric) {
            let by_step = values.entry(run.series).or_default();
            by_step.entry(step).or_default().push(unit.shown(value));
        }
    }
    values
        .into_iter()
        .map(|(series, by_step)| {
            let curve = by_step
                .into_iter()
                .filter_map(|(step, values)| Some((step, Summary::of(&values)?)))
                .collect();
            (series, curve)
        })
        .collect()
}

fn deviation(summary: &Summary) -> f64 {
    summary.standard_deviation.unwrap_or(0.0)
}

fn panel(
    results: &Results,
    panel: &Panel,
    measure: &Measure,
    root: &Area<'_>,
    area: &Area<'_>,
) -> Result<(), ReportError> {
    let points = || panel.curves.values().flatten();
    let y = range(points().flat_map(|(_, summary)| {
        [summary.mean - deviation(summary), summary.mean + deviation(summary)]
    }));
    let axes_of = Axes {
        title: panel.title.clone(),
        x: "training step".to_owned(),
        y: heading(measure),
        x_range: range(points().map(|(&step, _)| step as f64)),
        y_range: within_percent(y, measure.unit.is_percent()),
        numbers: true,
        x_ticks: Ticks::Numbers,
    };
    let mut chart = axes(area, &axes_of)?;
    for (&series, curve) in &panel.curves {
        let colour = results.colour(series);
        let edge = |sign: f64| {
            curve.iter().map(move |(&step, summary)| {
                (step as f64, summary.mean + sign * deviation(summary))
            })
        };
        if curve.values().any(|summary| deviation(summary) > 0.0) {
            let outline: Vec<(f64, f64)> = edge(1.0).chain(edge(-1.0).rev()).collect();
            chart
                .draw_series([Polygon::new(outline, colour.mix(0.16))])
                .map_err(ReportError::drawing)?;
        }
    }
    for (&series, curve) in &panel.curves {
        let colour = results.colour(series);
        let line = curve.iter().map(|(&step, summary)| (step as f64, summary.mean));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))
            .map_err(ReportError::drawing)?;
        let every = curve.len().div_ceil(MARKS);
        for (&step, summary) in curve.iter().rev().step_by(every) {
            let place = chart.backend_coord(&(step as f64, summary.mean));
            Marker::of(series).draw(root, place, 4, colour.to_rgba())?;
        }
    }
    Ok(())
}

fn last_values(results: &Results, panel: &Panel, unit: Unit) -> String {
    let values: Vec<String> = panel
        .curves
        .iter()
        .filter_map(|(&series, curve)| {
            let (_, summary) = curve.last_key_value()?;
            Some(format!("{} {}", results.methods[series].name(), unit.text_of_shown(summary.mean)))
        })
        .collect();
    format!("{}, at the last step: {}.", panel.title, values.join(", "))
}

fn table(results: &Results, panels: &[Panel], measure: &Measure) -> DataTable {
    let (name, unit) = (heading(measure), measure.unit);
    let mut table = DataTable::new(
        format!("{name} by training step: mean and standard deviation over seeds"),
        &["method", "task", "step", "mean", "standard deviation", "seeds"],
    );
    for panel in panels {
        for (&series, curve) in &panel.curves {
            for (step, summary) in curve {
                let spread = summary.standard_deviation;
                table.rows.push(vec![
                    results.methods[series].name(),
                    panel.title.clone(),
                    step.to_string(),
                    unit.text_of_shown(summary.mean),
                    spread.map_or_else(|| "–".to_owned(), |spread| unit.text_of_shown(spread)),
                    summary.seeds.to_string(),
                ]);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette;
    use crate::testing::{Made, count, loaded, made, texts};

    fn results(methods: &[&str]) -> (tempfile::TempDir, Results) {
        let folder = tempfile::tempdir().unwrap();
        for (place, method) in methods.iter().enumerate() {
            for target in ["dslr", "webcam"] {
                for seed in [1, 2] {
                    let run = Made { method, place, target, seed, ..Made::default() };
                    let end = 0.5 + 0.1 * seed as f64;
                    let rows = format!(
                        "0,0,target_accuracy,0.25\n0,10,target_accuracy,{end}\n\
                         0,10,target_loss,NaN\n"
                    );
                    made(folder.path(), &run, &rows, None);
                }
            }
        }
        let results = loaded(folder.path());
        (folder, results)
    }

    #[test]
    fn a_panel_a_task_a_line_a_method_and_a_band_over_seeds() {
        let (_folder, results) = results(&["source-only", "dann"]);
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        let texts = texts(&figure.svg);
        for text in ["amazon → dslr", "amazon → webcam", "source-only", "dann", "training step"]
        {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        // A band a method and panel; the squares of the second method: two points in each panel
        // and the legend's.
        assert_eq!(count(&figure.svg, "polygon"), 2 * 2 + 2 * 2 + 1);
        let row = &figure.table.rows[1];
        assert_eq!(row[..4], ["source-only", "amazon → dslr", "10", "65.0"]);
        assert_eq!(row[4..], ["7.1", "2"]);
        assert!(figure.description.contains("at the last step: source-only 65.0, dann 65.0."));
    }

    #[test]
    fn one_method_keeps_its_colour_when_others_are_left_out() {
        let (_folder, results) = results(&["source-only", "dann"]);
        let options = PlotOptions { methods: vec!["dann".to_owned()], ..PlotOptions::default() };
        let figure = draw(&results, &options).unwrap();
        let colour = palette::hexadecimal(palette::series(1));
        assert!(figure.svg.contains(&colour));
        assert!(!figure.svg.contains(&palette::hexadecimal(palette::series(0))));
    }

    #[test]
    fn names_are_escaped() {
        let (_folder, results) = results(&["<b>&\"'"]);
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        assert!(texts(&figure.svg).iter().any(|text| text == "<b>&\"'"));
        texts(&figure.svg_file());
    }

    #[test]
    fn many_methods_are_cut_and_the_reader_is_told() {
        let names: Vec<String> = (0..18).map(|number| format!("method-{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (_folder, results) = results(&names);
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        assert!(figure.notes[0].starts_with("The first 16 of 18 methods are drawn"));
    }

    #[test]
    fn a_metric_without_numbers_is_refused() {
        let (_folder, results) = results(&["dann"]);
        for metric in ["target_loss", "accuracy"] {
            let options = PlotOptions { metric: Some(metric.to_owned()), ..PlotOptions::default() };
            assert_eq!(
                draw(&results, &options).unwrap_err().to_string(),
                format!(
                    "no run has the metric `{metric}`; there are: target_accuracy, target_loss"
                )
            );
        }
    }
}
