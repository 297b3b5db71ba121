//! Features of source and target in the plane.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use isthmus_results::Record;
use plotters::style::Color;
use rayon::prelude::*;

use super::chart::{Axes, axes, range};
use super::count;
use crate::canvas::{self, Area, Layout, LegendEntry};
use crate::embedding::{Embedding, embed};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::marker::Marker;
use crate::palette;
use crate::results::{PlotOptions, Results, grouped};
use crate::runs::Run;

/// Names of tensors of the state before the last stage.
const BEFORE: &str = "before_";

/// Features and classes of some samples of a domain.
#[derive(Debug)]
struct Samples {
    features: Vec<Vec<f32>>,
    labels: Vec<u32>,
}

/// Samples of both domains.
#[derive(Debug)]
struct Domains {
    source: Samples,
    target: Samples,
}

/// Shape and values of a tensor of a record by name.
type Tensors<'a> = dyn Fn(&str) -> Option<(Vec<usize>, Vec<f32>)> + 'a;

/// One state of one run, laid out.
struct Panel {
    title: String,
    places: Vec<[f64; 2]>,
    /// Number of the first places that are of the source.
    sources: usize,
}

/// Whether a record holds features.
pub(crate) fn keeps_features(record: &Record) -> bool {
    record.digests().contains_key("outputs.safetensors")
}

pub(super) fn draw(results: &Results, options: &PlotOptions) -> Result<Figure, ReportError> {
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

    let mut states = Vec::new();
    let mut without_before = Vec::new();
    let mut table = DataTable::new(
        "Samples by class, and the distance between the source's and the target's mean feature of \
         the class, in units of the spread within classes",
        &["method", "class", "source samples", "target samples", "before", "after"],
    );
    for run in &chosen {
        let name = results.method(run).name();
        let (before, after) = read(&run.record)?;
        table_rows(&mut table, &name, before.as_ref(), after.as_ref());
        if before.is_none() {
            without_before.push(name.clone());
        }
        for (state, domains) in [("before", before), ("after", after)] {
            if let Some(domains) = domains {
                states.push((format!("{name}, {state}"), domains));
            }
        }
    }
    let panels: Vec<(Panel, Embedding)> =
        states.par_iter().map(|(title, domains)| laid_out(title, domains, options)).collect();
    let used: BTreeSet<&str> = panels.iter().map(|(_, embedding)| embedding.title()).collect();
    let used = used.into_iter().collect::<Vec<_>>().join(" or ");

    let layout = Layout {
        panels: panels.len(),
        columns: 2,
        panel: (310, 290),
        legend: vec![entry("source", SOURCE), entry("target", TARGET)],
    };
    let svg = canvas::draw(&layout, |number, root, area| panel(&panels[number].0, root, area))?;
    let place = results.place(first);
    let title = match chosen.as_slice() {
        [run] => format!(
            "Features of {} on {place} (seed {}), {used}",
            results.method(run).name(),
            run.record.run.seed
        ),
        _ => format!("Features on {place} (seed {}), {used}", first.record.run.seed),
    };
    let description = format!(
        "Scatter chart of features in the plane by {used}, circles of the source and triangles of \
         the target, before and after the last stage: {}. Source and target overlap where \
         adaptation aligned them; the table gives the distances of their classes.",
        panels
            .iter()
            .map(|(panel, _)| {
                let targets = panel.places.len() - panel.sources;
                format!(
                    "{}, {} and {}",
                    panel.title,
                    count(panel.sources, "source sample"),
                    count(targets, "target sample")
                )
            })
            .collect::<Vec<_>>()
            .join("; ")
    );
    let mut notes = vec!["Axes have no unit; each panel is laid out by itself.".to_owned()];
    if !without_before.is_empty() {
        notes.push(format!(
            "The record holds no features from before adaptation: {}.",
            without_before.join(", ")
        ));
    }
    Ok(Figure { title, description, svg, notes, table: table.cut() })
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

fn laid_out(title: &str, domains: &Domains, options: &PlotOptions) -> (Panel, Embedding) {
    let points: Vec<&[f32]> = [&domains.source, &domains.target]
        .into_iter()
        .flat_map(|samples| samples.features.iter().map(Vec::as_slice))
        .collect();
    let (places, embedding) = embed(&points, options.embedding);
    let sources = domains.source.features.len();
    (Panel { title: title.to_owned(), places, sources }, embedding)
}

fn panel(panel: &Panel, root: &Area<'_>, area: &Area<'_>) -> Result<(), ReportError> {
    let axes_of = Axes {
        title: panel.title.clone(),
        x: String::new(),
        y: String::new(),
        x_range: range(panel.places.iter().map(|place| place[0])),
        y_range: range(panel.places.iter().map(|place| place[1])),
        numbers: false,
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

/// The samples before and after the last stage.
fn read(record: &Record) -> Result<(Option<Domains>, Option<Domains>), ReportError> {
    let Some(tensors) = record.outputs()? else { return Ok((None, None)) };
    // Labels and features are read by name; the closure hides the tensors' own type.
    let tensor = |name: &str| -> Option<(Vec<usize>, Vec<f32>)> {
        let data = tensors.get(name)?;
        Some((data.shape().to_vec(), data.try_to_vec::<f32>().ok()?))
    };
    let before = domains(&record.directory, BEFORE, &tensor)?;
    let after = domains(&record.directory, "", &tensor)?;
    Ok((before, after))
}

fn domains(
    record: &Path,
    prefix: &str,
    tensor: &Tensors<'_>,
) -> Result<Option<Domains>, ReportError> {
    let fail = |problem: String| ReportError::Outputs { record: record.to_owned(), problem };
    let samples = |domain: &str| -> Result<Option<Samples>, ReportError> {
        let (features, labels) =
            (format!("{prefix}{domain}_features"), format!("{prefix}{domain}_labels"));
        let Some((shape, values)) = tensor(&features) else { return Ok(None) };
        let Some((_, classes)) = tensor(&labels) else {
            return Err(fail(format!("it has `{features}` without `{labels}`")));
        };
        let rows = shape.first().copied().unwrap_or(0);
        if rows == 0 || rows != classes.len() {
            return Err(fail(format!(
                "`{features}` has {rows} rows and `{labels}` {}; both must have one a sample",
                classes.len()
            )));
        }
        if let Some(row) = values
            .chunks((values.len() / rows).max(1))
            .position(|row| row.iter().any(|value| !value.is_finite()))
        {
            return Err(fail(format!(
                "row {row} of `{features}` is not finite: training diverged"
            )));
        }
        let width = values.len() / rows;
        let features = (0..rows).map(|row| values[row * width..(row + 1) * width].to_vec());
        let labels = classes.iter().map(|&class| class as u32).collect();
        Ok(Some(Samples { features: features.collect(), labels }))
    };
    let (Some(source), Some(target)) = (samples("source")?, samples("target")?) else {
        return Ok(None);
    };
    let width = |samples: &Samples| samples.features.first().map_or(0, Vec::len);
    if width(&source) != width(&target) {
        return Err(fail(format!(
            "features of the source have {} values and those of the target {}",
            width(&source),
            width(&target)
        )));
    }
    Ok(Some(Domains { source, target }))
}

fn table_rows(
    table: &mut DataTable,
    method: &str,
    before: Option<&Domains>,
    after: Option<&Domains>,
) {
    let distances = |domains: Option<&Domains>| domains.map(class_distances).unwrap_or_default();
    let (earlier, later) = (distances(before), distances(after));
    let Some(domains) = after.or(before) else { return };
    let (sources, targets) = (sizes(&domains.source), sizes(&domains.target));
    let classes: BTreeSet<u32> = sources.keys().chain(targets.keys()).copied().collect();
    for class in classes {
        let size = |sizes: &BTreeMap<u32, usize>| sizes.get(&class).copied().unwrap_or(0);
        let distance = |distances: &BTreeMap<u32, f64>| {
            distances.get(&class).map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
        };
        table.rows.push(vec![
            method.to_owned(),
            class.to_string(),
            size(&sources).to_string(),
            size(&targets).to_string(),
            distance(&earlier),
            distance(&later),
        ]);
    }
}

fn sizes(samples: &Samples) -> BTreeMap<u32, usize> {
    let mut sizes = BTreeMap::new();
    for &class in &samples.labels {
        *sizes.entry(class).or_default() += 1;
    }
    sizes
}

fn means(samples: &Samples) -> BTreeMap<u32, Vec<f64>> {
    let sizes = sizes(samples);
    let mut means: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (features, class) in samples.features.iter().zip(&samples.labels) {
        let mean = means.entry(*class).or_insert_with(|| vec![0.0; features.len()]);
        for (mean, &value) in mean.iter_mut().zip(features) {
            *mean += f64::from(value) / sizes[class] as f64;
        }
    }
    means
}

/// The distance between the domains' means of each class that both have, divided by the root mean
/// square distance of samples from the mean of their own class and domain.
fn class_distances(domains: &Domains) -> BTreeMap<u32, f64> {
    let (sources, targets) = (means(&domains.source), means(&domains.target));
    let (mut squares, mut samples) = (0.0, 0);
    for (domain, means) in [(&domains.source, &sources), (&domains.target, &targets)] {
        for (features, class) in domain.features.iter().zip(&domain.labels) {
            let mean = &means[class];
            let differences =
                features.iter().zip(mean).map(|(&value, mean)| (f64::from(value) - mean).powi(2));
            squares += differences.sum::<f64>();
            samples += 1;
        }
    }
    let spread = (squares / f64::from(samples.max(1))).sqrt();
    if spread <= 0.0 {
        return BTreeMap::new();
    }
    sources
        .iter()
        .filter_map(|(class, source)| {
            let target = targets.get(class)?;
            let squares: f64 =
                source.iter().zip(target).map(|(one, other)| (one - other).powi(2)).sum();
            Some((*class, squares.sqrt() / spread))
        })
        .collect()
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
