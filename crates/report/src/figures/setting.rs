//! The final metric by the values that a sweep gave to a setting.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::metric::Measure;
use isthmus_results::compare::{Summary, by_value, setting, setting_text, settings_text};
use plotters::element::Polygon;
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor};
use serde_json::Value;

use super::chart::{Axes, Ticks, axes, range, within_percent};
use super::count;
use crate::area::Area;
use crate::canvas::{self, Layout, LegendEntry};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::marker::Marker;
use crate::measured::{heading, text};
use crate::palette;
use crate::results::{PlotOptions, Results, grouped};
use crate::runs::Run;

/// Values that span less than this factor are spread evenly, others by their logarithms.
const WIDE: f64 = 20.0;

/// A method with its other settings, as the legend names it.
struct Series {
    name: String,
    upper_bound: bool,
}

/// The values of the setting, in order, and where they stand.
struct Scale {
    values: Vec<Value>,
    places: Vec<f64>,
    ticks: Ticks,
}

struct Panel {
    title: String,
    /// By place of the series, then of the value.
    lines: BTreeMap<usize, BTreeMap<usize, Summary>>,
    /// By place of the series: methods that the sweep left alone.
    flat: BTreeMap<usize, Summary>,
}

pub(super) fn draw(results: &Results, options: &PlotOptions) -> Result<Figure, ReportError> {
    let runs = results.select(options)?;
    let key = key(&runs, options)?;
    let measure = results.measure(options, &runs)?;
    let runs: Vec<&Run> = runs
        .into_iter()
        .filter(|run| run.final_value(&measure.name).is_some_and(f64::is_finite))
        .collect();
    if runs.is_empty() {
        return Err(results.no_metric(&measure.name));
    }
    let scale = Scale::of(&runs, &key);
    let drawn = drawn_together(&runs, &key);
    let (series, of_run) = series(&runs, &key, drawn);
    let panels: Vec<Panel> = grouped(&runs, |run| results.place(run))
        .into_iter()
        .map(|(title, runs)| panel_of(title, &runs, (&key, drawn), &measure, &scale, &of_run))
        .collect();
    let single = panels.len() == 1;
    let layout = Layout {
        panels: panels.len(),
        columns: if single { 1 } else { 3.min(panels.len()) },
        panel: if single { (480, 320) } else { (400, 290) },
        legend: series
            .iter()
            .enumerate()
            .map(|(place, series)| LegendEntry {
                text: canvas::shortened(&series.name, 40),
                colour: colour(place, series),
                marker: Marker::of(place),
                line: true,
            })
            .collect(),
    };
    let name = heading(&measure);
    let svg = canvas::draw(&layout, |number, root, area| {
        panel(&panels[number], &series, &scale, (&key, &name), &measure, root, area)
    })?;
    let mut notes = Vec::new();
    if panels.iter().any(|panel| !panel.flat.is_empty()) {
        notes.push(format!("Flat lines are methods for which `{key}` was not swept."));
    }
    if drawn {
        notes.push("Other settings of the sweep differ from point to point.".to_owned());
    }
    let seeds: BTreeSet<u64> = runs.iter().map(|run| run.record.run.seed).collect();
    if seeds.len() > 1 {
        notes.push(
            "Lines are means over seeds, bands reach one standard deviation to either side."
                .to_owned(),
        );
    }
    let description = format!(
        "Line chart of {name} at the last step by {key}, {}, {}, {}.",
        count(scale.values.len(), "value"),
        count(series.len(), "method"),
        count(panels.len(), "task")
    );
    let table = table(&panels, &series, &scale, &key, &measure);
    Ok(Figure { title: format!("{name} by {key}"), description, svg, notes, table: table.cut() })
}

/// The key of the setting: the one asked for, or the only one that was swept.
fn key(runs: &[&Run], options: &PlotOptions) -> Result<String, ReportError> {
    let swept: BTreeSet<&str> =
        runs.iter().flat_map(|run| run.record.run.settings.keys()).map(String::as_str).collect();
    let list = || swept.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match (&options.setting, swept.len()) {
        (_, 0) => Err(ReportError::Missing(
            "No run is one of a sweep; list values under `[sweep.values]` in the experiment file."
                .to_owned(),
        )),
        (None, 1) => Ok(swept.iter().map(|key| (*key).to_owned()).collect()),
        (None, _) => Err(ReportError::Missing(format!(
            "Several settings were swept: {}; name one with `--setting`.",
            list()
        ))),
        (Some(key), _) => {
            let found = runs.iter().find_map(|run| Some(setting(&run.record.run, key)?.0));
            found.map(str::to_owned).ok_or_else(|| ReportError::Unknown {
                what: "setting",
                name: key.clone(),
                available: swept.iter().map(|key| (*key).to_owned()).collect(),
            })
        }
    }
}

fn value<'a>(run: &'a Run, key: &str) -> Option<&'a Value> {
    run.record.run.settings.get(key)
}

impl Scale {
    fn of(runs: &[&Run], key: &str) -> Self {
        let mut values: Vec<Value> =
            runs.iter().filter_map(|run| value(run, key)).cloned().collect();
        values.sort_by(by_value);
        values.dedup();
        let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
        let (places, ticks) = match numbers {
            Some(numbers) if is_wide(&numbers) => {
                (numbers.iter().map(|number| number.log10()).collect(), Ticks::Powers)
            }
            Some(numbers) => (numbers, Ticks::Numbers),
            None => {
                let names = values.iter().map(setting_text).collect();
                ((0..values.len()).map(|place| place as f64).collect(), Ticks::Names(names))
            }
        };
        Self { values, places, ticks }
    }

    fn place(&self, value: &Value) -> Option<usize> {
        self.values.iter().position(|found| found == value)
    }
}

/// Whether numbers, in order, are better told apart by their logarithms.
fn is_wide(numbers: &[f64]) -> bool {
    match (numbers.first(), numbers.last()) {
        (Some(&least), Some(&most)) => least > 0.0 && most / least >= WIDE,
        _ => false,
    }
}

/// The methods in the order of the file, upper bounds last, and the place of each run's among them.
fn series(runs: &[&Run], key: &str, drawn: bool) -> (Vec<Series>, BTreeMap<String, usize>) {
    let mut found: Vec<(bool, usize, String)> = runs
        .iter()
        .map(|run| {
            let info = &run.record.run;
            (info.target_labels_used, info.position.method, name(run, key, drawn))
        })
        .collect();
    found.sort();
    found.dedup_by(|one, other| one.2 == other.2);
    let places =
        found.iter().enumerate().map(|(place, (.., name))| (name.clone(), place)).collect();
    let series = found.into_iter().map(|(upper_bound, _, name)| Series { name, upper_bound });
    (series.collect(), places)
}

/// Whether the values of several settings were drawn together: then no two values of this one
/// have all others in common, and a line by these others would be a point.
fn drawn_together(runs: &[&Run], key: &str) -> bool {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        if let Some(value) = value(run, key) {
            values.entry(name(run, key, false)).or_default().insert(setting_text(value));
        }
    }
    let all: BTreeSet<&String> = values.values().flatten().collect();
    all.len() > 1 && values.values().all(|values| values.len() == 1)
}

/// The method, with the settings that are not on the axis unless they were drawn with it.
fn name(run: &Run, key: &str, drawn: bool) -> String {
    let info = &run.record.run;
    let mut rest = info.settings.clone();
    rest.remove(key);
    if drawn {
        rest.clear();
    }
    let mut name = info.method.clone();
    if !rest.is_empty() {
        name.push_str(&format!(" ({})", settings_text(&rest)));
    }
    if info.target_labels_used { format!("{name} (upper bound)") } else { name }
}

fn colour(place: usize, series: &Series) -> RGBColor {
    if series.upper_bound { palette::BOUND.light } else { palette::series(place) }
}

fn panel_of(
    title: String,
    runs: &[&Run],
    (key, drawn): (&str, bool),
    measure: &Measure,
    scale: &Scale,
    of_run: &BTreeMap<String, usize>,
) -> Panel {
    let mut values: BTreeMap<(usize, Option<usize>), Vec<f64>> = BTreeMap::new();
    for run in runs {
        let Some(&series) = of_run.get(&name(run, key, drawn)) else { continue };
        let place = value(run, key).and_then(|value| scale.place(value));
        let found = run.final_value(&measure.name).map(|value| measure.unit.shown(value));
        values.entry((series, place)).or_default().extend(found);
    }
    let mut panel = Panel { title, lines: BTreeMap::new(), flat: BTreeMap::new() };
    for ((series, place), values) in values {
        let Some(summary) = Summary::of(&values) else { continue };
        match place {
            Some(place) => {
                panel.lines.entry(series).or_default().insert(place, summary);
            }
            None => {
                panel.flat.insert(series, summary);
            }
        }
    }
    panel
}

fn deviation(summary: &Summary) -> f64 {
    summary.standard_deviation.unwrap_or(0.0)
}

fn panel(
    panel: &Panel,
    series: &[Series],
    scale: &Scale,
    (key, metric): (&str, &str),
    measure: &Measure,
    root: &Area<'_>,
    area: &Area<'_>,
) -> Result<(), ReportError> {
    let all = || panel.lines.values().flat_map(BTreeMap::values).chain(panel.flat.values());
    let y = range(all().flat_map(|it| [it.mean - deviation(it), it.mean + deviation(it)]));
    let x_range = range(scale.places.iter().copied());
    let axes_of = Axes {
        title: panel.title.clone(),
        x: key.to_owned(),
        y: metric.to_owned(),
        x_range: x_range.clone(),
        y_range: within_percent(y, measure.unit.is_percent()),
        numbers: true,
        x_ticks: scale.ticks.clone(),
    };
    let mut chart = axes(area, &axes_of)?;
    for (&place, line) in &panel.lines {
        let colour = colour(place, &series[place]);
        let edge = |sign: f64| {
            line.iter().map(move |(&value, summary)| {
                (scale.places[value], summary.mean + sign * deviation(summary))
            })
        };
        if line.values().any(|summary| deviation(summary) > 0.0) {
            let outline: Vec<(f64, f64)> = edge(1.0).chain(edge(-1.0).rev()).collect();
            chart
                .draw_series([Polygon::new(outline, colour.mix(0.16))])
                .map_err(ReportError::drawing)?;
        }
        chart
            .draw_series(LineSeries::new(edge(0.0), colour.stroke_width(2)))
            .map_err(ReportError::drawing)?;
        for point in edge(0.0) {
            let pixel = chart.backend_coord(&point);
            Marker::of(place).draw(root, pixel, 4, colour.to_rgba())?;
        }
    }
    for (&place, summary) in &panel.flat {
        let colour = colour(place, &series[place]);
        let line = [(x_range.start, summary.mean), (x_range.end, summary.mean)];
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(1)))
            .map_err(ReportError::drawing)?;
        let pixel = chart.backend_coord(&line[1]);
        Marker::of(place).draw(root, pixel, 4, colour.to_rgba())?;
    }
    Ok(())
}

fn table(
    panels: &[Panel],
    series: &[Series],
    scale: &Scale,
    key: &str,
    measure: &Measure,
) -> DataTable {
    let mut table = DataTable::new(
        format!("{} at the last step: mean and standard deviation over seeds", heading(measure)),
        &["method", "task", key, "mean", "standard deviation", "seeds"],
    );
    let shown = |value: f64| {
        if value.is_nan() { text(measure.unit, value) } else { measure.unit.text_of_shown(value) }
    };
    let mut add = |panel: &Panel, place: usize, value: String, summary: &Summary| {
        let spread = summary.standard_deviation;
        table.rows.push(vec![
            series[place].name.clone(),
            panel.title.clone(),
            value,
            shown(summary.mean),
            spread.map_or_else(|| "–".to_owned(), shown),
            summary.seeds.to_string(),
        ]);
    };
    for panel in panels {
        for (&place, line) in &panel.lines {
            for (&value, summary) in line {
                add(panel, place, setting_text(&scale.values[value]), summary);
            }
        }
        for (&place, summary) in &panel.flat {
            add(panel, place, "–".to_owned(), summary);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Made, count, loaded, made, texts};

    fn write(folder: &std::path::Path, settings: Value, seed: u64, accuracy: f64) {
        let settings = settings.as_object().unwrap().clone();
        let method = if settings.is_empty() { "source-only" } else { "dann" };
        let place = usize::from(!settings.is_empty());
        let run = Made { method, place, seed, settings, ..Made::default() };
        made(folder, &run, &format!("0,5,target_accuracy,{accuracy}\n"), None);
    }

    #[test]
    fn a_line_a_method_over_the_values_and_a_flat_one_where_none_was_swept() {
        let folder = tempfile::tempdir().unwrap();
        for seed in [1, 2] {
            write(folder.path(), json!({}), seed, 0.5);
            for (rate, accuracy) in [(0.1, 0.6), (0.001, 0.7), (0.01, 0.8)] {
                write(folder.path(), json!({ "training.lr": rate }), seed, accuracy);
            }
        }
        let results = loaded(folder.path());
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        let rows: Vec<(&str, &str, &str)> = figure
            .table
            .rows
            .iter()
            .map(|row| (row[0].as_str(), row[2].as_str(), row[3].as_str()))
            .collect();
        let expected = [
            ("dann", "0.001", "70.0"),
            ("dann", "0.01", "80.0"),
            ("dann", "0.1", "60.0"),
            ("source-only", "–", "50.0"),
        ];
        assert_eq!(rows, expected);
        let texts = texts(&figure.svg);
        for text in ["training.lr", "0.01", "amazon → dslr", "source-only"] {
            assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
        }
        // Three points, one end of the flat line, two entries of the legend; some are squares.
        assert!(count(&figure.svg, "circle") + count(&figure.svg, "polygon") >= 6);
        assert!(figure.notes[0].starts_with("Flat lines are methods"));
    }

    #[test]
    fn words_are_spread_evenly_and_several_settings_need_a_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, batch) in [("sgd", 16), ("adam", 32)] {
            write(folder.path(), json!({ "optimizer": name, "batch": batch }), 1, 0.5);
        }
        let results = loaded(folder.path());
        let error = draw(&results, &PlotOptions::default()).unwrap_err().to_string();
        assert!(error.contains("`batch`, `optimizer`; name one"), "{error}");
        let of =
            |name: &str| PlotOptions { setting: Some(name.to_owned()), ..PlotOptions::default() };
        let figure = draw(&results, &of("optimizer")).unwrap();
        assert!(texts(&figure.svg).iter().any(|text| text == "adam"), "{}", figure.svg);
        // Each optimizer has a batch of its own: they were drawn together.
        let rows: Vec<&str> = figure.table.rows.iter().map(|row| row[2].as_str()).collect();
        assert_eq!((figure.table.rows[0][0].as_str(), rows), ("dann", vec!["adam", "sgd"]));
        assert!(figure.notes[0].starts_with("Other settings"));
        write(folder.path(), json!({ "optimizer": "adam", "batch": 16 }), 1, 0.5);
        let figure = draw(&loaded(folder.path()), &of("optimizer")).unwrap();
        assert_eq!(figure.table.rows[0][0], "dann (batch=16)");
        let error = draw(&results, &of("lr")).unwrap_err().to_string();
        assert_eq!(error, "no run has the setting `lr`; there are: batch, optimizer");
    }

    #[test]
    fn without_a_sweep_the_table_that_makes_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), json!({}), 1, 0.5);
        let error = draw(&loaded(folder.path()), &PlotOptions::default()).unwrap_err().to_string();
        assert!(error.contains("`[sweep.values]`"), "{error}");
    }
}
