//! Draws the states of methods beside each other.

use std::collections::BTreeSet;
use std::ops::Range;

use plotters::style::Color;
use rayon::prelude::*;

use super::distances::table_rows;
use super::samples::{Before, Domains, States, keeps_features, read};
use crate::area::Area;
use crate::canvas::{self, Layout, LegendEntry};
use crate::embedding::{Embedding, embed};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::figures::chart::{Axes, Ticks, axes, range};
use crate::figures::count;
use crate::marker::Marker;
use crate::palette;
use crate::results::{PlotOptions, Results, grouped};
use crate::runs::Run;

/// One state of one run, laid out.
struct Panel {
    title: String,
    places: Vec<[f64; 2]>,
    /// Number of the first places that are of the source.
    sources: usize,
    /// What both axes show: that of all states that were laid out together.
    ranges: [Range<f64>; 2],
}

/// The panels of one method.
struct Row {
    panels: Vec<Panel>,
    embeddings: Vec<Embedding>,
    /// Whether its two states were laid out together.
    together: bool,
}

pub(in crate::figures) fn draw(
    results: &Results,
    options: &PlotOptions,
) -> Result<Figure, ReportError> {
    let runs: Vec<&Run> =
        results.select(options)?.into_iter().filter(|run| keeps_features(&run.record)).collect();
    let Some(first) = runs.first() else {
        return Err(ReportError::Missing(
            "No record holds features; set `outputs = 500` under `[record]` in the experiment file \
             to keep those of up to 500 samples a domain."
                .to_owned(),
        ));
    };
    // One run a method; all of one task, so that the methods can be compared.
    let (dataset, task) = (&first.record.run.dataset, &first.record.run.task);
    let chosen: Vec<&Run> = grouped(&runs, |run| run.series)
        .into_iter()
        .filter_map(|(_, runs)| {
            let on_task =
                |run: &&&Run| run.record.run.dataset == *dataset && run.record.run.task == *task;
            runs.iter().find(on_task).copied()
        })
        .collect();

    let mut table = DataTable::new(
        "Samples by class, and the distance between the source's and the target's mean feature of \
         the class, in units of the spread within classes",
        &["method", "class", "source samples", "target samples", "before", "after"],
    );
    let mut states = Vec::new();
    for run in &chosen {
        let name = results.method(run).name();
        let found = read(results, run)?;
        let before = found.before.as_ref().map(|(_, domains)| domains);
        table_rows(&mut table, &name, before, found.after.as_ref());
        states.push((name, found));
    }
    let rows: Vec<Row> =
        states.par_iter().map(|(name, states)| laid_out(name, states, options)).collect();
    let used: BTreeSet<&str> =
        rows.iter().flat_map(|row| &row.embeddings).map(|it| it.title()).collect();
    let used = used.into_iter().collect::<Vec<_>>().join(" or ");
    let notes = notes(&states, &rows);

    let panels: Vec<Panel> = rows.into_iter().flat_map(|row| row.panels).collect();
    let layout = Layout {
        panels: panels.len(),
        columns: 2,
        panel: (310, 290),
        legend: vec![entry("source", SOURCE), entry("target", TARGET)],
    };
    let svg = canvas::draw(&layout, |number, root, area| panel(&panels[number], root, area))?;
    let place = results.place(first);
    let title = match chosen.as_slice() {
        [run] => format!(
            "Features of {} on {place} (seed {}), {used}",
            results.method(run).name(),
            run.record.run.seed
        ),
        _ => format!("Features on {place} (seed {}), {used}", first.record.run.seed),
    };
    let shown: Vec<String> = panels
        .iter()
        .map(|panel| {
            format!(
                "{}, {} and {}",
                panel.title,
                count(panel.sources, "source sample"),
                count(panel.places.len() - panel.sources, "target sample")
            )
        })
        .collect();
    let description = format!(
        "Scatter chart of features in the plane by {used}, circles of the source and triangles of \
         the target, before and after adaptation: {}. Source and target overlap where adaptation \
         aligned them; the table gives the distances of their classes.",
        shown.join("; ")
    );
    Ok(Figure { title, description, svg, notes, table: table.cut() })
}

/// What is meant by "before", and what was laid out together.
fn notes(states: &[(String, States)], rows: &[Row]) -> Vec<String> {
    let named = |is: &dyn Fn(usize, &States) -> bool| -> String {
        let names = states.iter().enumerate().filter(|(place, (_, states))| is(*place, states));
        names.map(|(_, (name, _))| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let origin = |before| {
        named(&|_, states| states.before.as_ref().map(|(origin, _)| *origin) == Some(before))
    };
    let both = |place: usize| rows[place].panels.len() > 1;
    let sentences = [
        ("Before: the model that the last stage starts from", origin(Before::LastStage)),
        ("Before: the model of the source-only run with the same seed", origin(Before::SourceOnly)),
        (
            "Before: what the extractor makes of the samples before the first step, without a \
             bottleneck (features by chance, unless its weights were pretrained)",
            origin(Before::Extractor),
        ),
        (
            "The record holds no features from before adaptation",
            named(&|_, states| states.before.is_none()),
        ),
        (
            "Before and after are laid out together and drawn on the same axes",
            named(&|place, _| both(place) && rows[place].together),
        ),
        (
            "Before and after have different numbers of features, and each is laid out by itself",
            named(&|place, _| both(place) && !rows[place].together),
        ),
    ];
    let mut notes = vec!["Axes have no unit.".to_owned()];
    let applicable = sentences.into_iter().filter(|(_, names)| !names.is_empty());
    // Of one method, its name is in the title.
    notes.extend(applicable.map(|(sentence, names)| match states {
        [_] => format!("{sentence}."),
        _ => format!("{sentence}: {names}."),
    }));
    notes
}

/// Places of source and target among the colours and marks of series.
const SOURCE: usize = 0;
const TARGET: usize = 1;

fn mark(domain: usize) -> Marker {
    if domain == SOURCE { Marker::Circle } else { Marker::Triangle }
}

fn entry(text: &str, domain: usize) -> LegendEntry {
    LegendEntry {
        text: text.to_owned(),
        colour: palette::series(domain),
        marker: mark(domain),
        line: false,
    }
}

/// Lays out both states in one plane where their features have the same number of values.
fn laid_out(name: &str, states: &States, options: &PlotOptions) -> Row {
    let before = states.before.as_ref().map(|(_, domains)| (format!("{name}, before"), domains));
    let after = states.after.as_ref().map(|domains| (format!("{name}, after"), domains));
    let shown: Vec<(String, &Domains)> = before.into_iter().chain(after).collect();
    let together = shown.windows(2).all(|pair| pair[0].1.width() == pair[1].1.width());
    let groups: Vec<Vec<(String, &Domains)>> =
        if together { vec![shown] } else { shown.into_iter().map(|state| vec![state]).collect() };
    let mut row = Row { panels: Vec::new(), embeddings: Vec::new(), together };
    for group in groups {
        let points: Vec<&[f32]> = group.iter().flat_map(|(_, domains)| points(domains)).collect();
        let (places, embedding) = embed(&points, options.embedding);
        let ranges = [0, 1].map(|axis| range(places.iter().map(|place| place[axis])));
        row.embeddings.push(embedding);
        let mut rest = places.as_slice();
        for (title, domains) in group {
            let sources = domains.source.features.len();
            let (own, others) = rest.split_at(sources + domains.target.features.len());
            rest = others;
            row.panels.push(Panel { title, places: own.to_vec(), sources, ranges: ranges.clone() });
        }
    }
    row
}

fn points(domains: &Domains) -> impl Iterator<Item = &[f32]> {
    let samples = [&domains.source, &domains.target];
    samples.into_iter().flat_map(|samples| samples.features.iter().map(Vec::as_slice))
}

fn panel(panel: &Panel, root: &Area<'_>, area: &Area<'_>) -> Result<(), ReportError> {
    let [x_range, y_range] = panel.ranges.clone();
    let axes_of = Axes {
        title: panel.title.clone(),
        x: String::new(),
        y: String::new(),
        x_range,
        y_range,
        numbers: false,
        x_ticks: Ticks::Numbers,
    };
    let chart = axes(area, &axes_of)?;
    // In turn, so that neither domain hides the other.
    let (sources, targets) = panel.places.split_at(panel.sources);
    for number in 0..sources.len().max(targets.len()) {
        for (domain, places) in [(SOURCE, sources), (TARGET, targets)] {
            let Some(place) = places.get(number) else { continue };
            let pixel = chart.backend_coord(&(place[0], place[1]));
            mark(domain).draw(root, pixel, 3, palette::series(domain).mix(0.6))?;
        }
    }
    Ok(())
}
