//! The metric against the scores of validators.

use std::collections::BTreeSet;

use isthmus_core::metric::Unit;
use isthmus_core::validation::SCORE_PREFIX;
use plotters::style::Color;

use super::chart::{Axes, Ticks, axes, range, within_percent};
use super::count;
use crate::area::Area;
use crate::canvas::{self, Layout, LegendEntry};
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::marker::Marker;
use crate::measured::heading;
use crate::results::{PlotOptions, Results};
use crate::runs::Run;

/// More points than this make a chart that is slow to open and no clearer.
const MOST_POINTS: usize = 4000;

/// So many times the spread of the middle half of the scores beyond it, a score counts as far out.
const FAR: f64 = 3.0;

struct Point {
    series: usize,
    /// Whether it is of an upper bound, which is trained on target labels.
    bound: bool,
    score: f64,
    value: f64,
    task: String,
    seed: u64,
    step: usize,
}

/// The names of the validators that scored a run.
pub(crate) fn validator_names(results: &Results) -> BTreeSet<&str> {
    results.metrics().into_iter().filter_map(|metric| metric.strip_prefix(SCORE_PREFIX)).collect()
}

pub(super) fn draw(results: &Results, options: &PlotOptions) -> Result<Figure, ReportError> {
    let all = results.select(options)?;
    // A metric that is a validator's score asks for that validator alone.
    let asked = options.metric.as_deref().and_then(|metric| metric.strip_prefix(SCORE_PREFIX));
    let only = options.validator.as_deref().or(asked);
    if let Some(name) = only
        && !validator_names(results).contains(name)
    {
        return Err(results.no_metric(&format!("{SCORE_PREFIX}{name}")));
    }
    let metric = options.metric.clone().filter(|_| asked.is_none());
    let measure = results.measure(&PlotOptions { metric, ..options.clone() }, &all)?;
    let (metric, unit) = (measure.name.as_str(), measure.unit);
    if !all.iter().any(|run| run.evaluations().values().any(|it| it.contains_key(metric))) {
        return Err(results.no_metric(metric));
    }
    let panels: Vec<(&str, Vec<Point>)> = validator_names(results)
        .into_iter()
        .filter(|name| only.is_none_or(|only| only == *name))
        .map(|name| (name, points(results, &all, name, metric, unit)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    if panels.is_empty() {
        return Err(ReportError::Missing(format!(
            "No run was scored by a validator beside `{metric}`; list validators under \
             `[selection]` in the experiment file to record their scores."
        )));
    }
    let shown: BTreeSet<usize> =
        panels.iter().flat_map(|(_, points)| points.iter().map(|point| point.series)).collect();
    let legend = shown
        .iter()
        .map(|&series| LegendEntry {
            text: canvas::shortened(&results.methods[series].name(), 40),
            colour: results.colour(series),
            marker: Marker::of(series),
            line: false,
        })
        .collect();
    let single = panels.len() == 1;
    let layout = Layout {
        panels: panels.len(),
        columns: 3,
        panel: if single { (460, 340) } else { (380, 300) },
        legend,
    };
    let svg = canvas::draw(&layout, |number, root, area| {
        let (name, points) = &panels[number];
        panel(results, name, points, &heading(&measure), unit, root, area)
    })?;
    let mut table = DataTable::new(
        format!("Scores of validators (higher is better) and {}", heading(&measure)),
        &["validator", "method", "task", "seed", "step", "score", &heading(&measure)],
    );
    let mut notes = Vec::new();
    for (name, points) in &panels {
        for point in points {
            table.rows.push(vec![
                (*name).to_owned(),
                results.methods[point.series].name(),
                point.task.clone(),
                point.seed.to_string(),
                point.step.to_string(),
                format!("{:.4}", point.score),
                format!("{:.2}", point.value),
            ]);
        }
        let beyond = beyond(points);
        if beyond > 0 {
            notes.push(format!(
                "{name}: {} far from the others {} at the edge.",
                count(beyond, "score"),
                if beyond == 1 { "is drawn" } else { "are drawn" }
            ));
        }
        if points.len() > MOST_POINTS {
            notes.push(format!(
                "{name}: one in {} of {} evaluations is drawn.",
                points.len().div_ceil(MOST_POINTS),
                points.len()
            ));
        }
    }
    let names: Vec<&str> = panels.iter().map(|(name, _)| *name).collect();
    let title = match names.as_slice() {
        [name] => format!("{} against the score of {name}", heading(&measure)),
        _ => format!("{} against the scores of validators", heading(&measure)),
    };
    let description = format!(
        "Scatter chart, a point an evaluation: {} upwards, the score of {} to the right; {} in {}.",
        heading(&measure),
        names.join(", "),
        count(panels.iter().map(|(_, points)| points.len()).sum(), "point"),
        count(shown.len(), "method")
    );
    Ok(Figure { title, description, svg, notes, table: table.cut() })
}

fn points(results: &Results, runs: &[&Run], name: &str, metric: &str, unit: Unit) -> Vec<Point> {
    let score_name = format!("{SCORE_PREFIX}{name}");
    let mut points = Vec::new();
    for run in runs {
        for (step, values) in run.candidates() {
            let (Some(&score), Some(&value)) =
                (values.get(score_name.as_str()), values.get(metric))
            else {
                continue;
            };
            if score.is_finite() && value.is_finite() {
                points.push(Point {
                    series: run.series,
                    bound: run.record.run.target_labels_used,
                    score,
                    value: unit.shown(value),
                    task: results.place(run),
                    seed: run.record.run.seed,
                    step,
                });
            }
        }
    }
    points
}

/// The scores that set the axis: those of adapted models, and of these what is not far out. One run that
/// a validator scores by 1000 would press all others into a line.
fn usual_scores(points: &[Point]) -> Vec<f64> {
    let mut scores: Vec<f64> =
        points.iter().filter(|point| !point.bound).map(|point| point.score).collect();
    if scores.is_empty() {
        return points.iter().map(|point| point.score).collect();
    }
    scores.sort_by(f64::total_cmp);
    let at = |share: f64| scores[(share * (scores.len() - 1) as f64).round() as usize];
    let (low, high) = (at(0.25), at(0.75));
    let margin = FAR * (high - low);
    if margin > 0.0 {
        scores.retain(|score| (low - margin..=high + margin).contains(score));
    }
    scores
}

/// How many points lie beyond the scores that set the axis.
fn beyond(points: &[Point]) -> usize {
    let usual = usual_scores(points);
    let smallest = usual.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = usual.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    points.iter().filter(|point| !(smallest..=largest).contains(&point.score)).count()
}

fn panel(
    results: &Results,
    name: &str,
    points: &[Point],
    metric: &str,
    unit: Unit,
    root: &Area<'_>,
    area: &Area<'_>,
) -> Result<(), ReportError> {
    let axes_of = Axes {
        title: name.to_owned(),
        x: "score (higher is better)".to_owned(),
        y: metric.to_owned(),
        x_range: range(usual_scores(points)),
        y_range: within_percent(range(points.iter().map(|point| point.value)), unit.is_percent()),
        numbers: true,
        x_ticks: Ticks::Numbers,
    };
    let chart = axes(area, &axes_of)?;
    let [left, right] = [axes_of.x_range.start, axes_of.x_range.end];
    for point in points.iter().step_by(points.len().div_ceil(MOST_POINTS).max(1)) {
        let place = chart.backend_coord(&(point.score.clamp(left, right), point.value));
        let colour = results.colour(point.series).mix(0.75);
        Marker::of(point.series).draw(root, place, 3, colour)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, count, loaded, made, texts};

    #[test]
    fn every_evaluation_with_a_score_is_a_point() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "0,0,target_accuracy,0.1\n0,0,validator/entropy,-3\n\
                    0,5,target_accuracy,0.5\n0,5,validator/entropy,-2\n0,5,validator/dev,NaN\n\
                    0,9,target_accuracy,0.6\n0,9,validator/entropy,-1\n0,9,validator/dev,0.5\n";
        made(folder.path(), &Made::default(), rows, None);
        let results = loaded(folder.path());
        let figure = draw(&results, &PlotOptions::default()).unwrap();
        assert!(texts(&figure.svg).iter().any(|text| text == "entropy"));
        // Two points of `entropy`, one of `dev`, one in the legend.
        assert_eq!(count(&figure.svg, "circle"), 4);
        assert_eq!(figure.table.rows.len(), 3);
        let one =
            PlotOptions { metric: Some("validator/dev".to_owned()), ..PlotOptions::default() };
        let figure = draw(&results, &one).unwrap();
        assert_eq!(figure.table.rows[0][5..], ["0.5000", "60.00"]);
        let none =
            PlotOptions { metric: Some("validator/snd".to_owned()), ..PlotOptions::default() };
        assert!(draw(&results, &none).unwrap_err().to_string().contains("validator/entropy"));
    }

    #[test]
    fn neither_upper_bounds_nor_single_runs_far_out_set_the_axis() {
        let point = |score: f64, bound: bool| Point {
            series: 0,
            bound,
            score,
            value: 50.0,
            task: "a -> b".to_owned(),
            seed: 1,
            step: 1,
        };
        let mut points: Vec<Point> = (0..20).map(|at| point(f64::from(at) / 10.0, false)).collect();
        assert_eq!((usual_scores(&points).len(), beyond(&points)), (20, 0));
        points.push(point(-1000.0, false));
        points.push(point(5.0, true));
        let usual = usual_scores(&points);
        assert_eq!((usual.first(), usual.last()), (Some(&0.0), Some(&1.9)));
        assert_eq!(beyond(&points), 2);
        // Where there is nothing else, an upper bound is shown.
        assert_eq!(usual_scores(&points[21..]), [5.0]);
    }

    #[test]
    fn without_scores_the_setting_that_records_them_is_named() {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path(), &Made::default(), "0,5,target_accuracy,0.5\n", None);
        let results = loaded(folder.path());
        let error = draw(&results, &PlotOptions::default()).unwrap_err().to_string();
        assert!(error.contains("list validators under `[selection]`"), "{error}");
    }
}
