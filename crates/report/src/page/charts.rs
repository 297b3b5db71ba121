//! The sections of charts.

use std::collections::BTreeSet;

use maud::{Markup, html};
use rayon::prelude::*;

use super::parts;
use crate::error::ReportError;
use crate::figure::Figure;
use crate::figures::{FigureKind, keeps_features, plot, validator_names};
use crate::results::{PlotOptions, Results};

/// The options with each metric that the page is of: the one asked for, or all primary ones.
fn by_metric(results: &Results, options: &PlotOptions) -> Vec<PlotOptions> {
    let names = match &options.metric {
        Some(metric) => vec![metric.clone()],
        None => results.primaries().into_iter().map(|measure| measure.name).collect(),
    };
    let with = |metric| PlotOptions { metric: Some(metric), ..options.clone() };
    names.into_iter().map(with).collect()
}

/// A chart a metric and task.
pub(super) fn curves(results: &Results, options: &PlotOptions) -> Markup {
    let mut all: Vec<PlotOptions> = Vec::new();
    for options in by_metric(results, options) {
        for run in &results.runs {
            let tasks = vec![run.record.run.task.to_string()];
            let shown = options.metric.as_ref().is_some_and(|it| !run.curve(it).is_empty());
            let options = PlotOptions { tasks, ..options.clone() };
            if shown && !all.contains(&options) {
                all.push(options);
            }
        }
    }
    if all.is_empty() {
        all = by_metric(results, options);
    }
    draw_all(results, FigureKind::Curves, all)
}

/// A chart a validator and metric.
pub(super) fn validators(results: &Results, options: &PlotOptions) -> Markup {
    let names = validator_names(results);
    let of_metric = by_metric(results, options);
    if names.is_empty() {
        return draw_all(results, FigureKind::Validators, of_metric);
    }
    let all = of_metric.iter().flat_map(|options| {
        names
            .iter()
            .map(|name| PlotOptions { validator: Some((*name).to_owned()), ..options.clone() })
    });
    html! {
        p {
            "Every point is an evaluation. Where points rise to the right, the validator's choice \
             is a good one; " code { "isthmus validators" } " ranks them."
        }
        (draw_all(results, FigureKind::Validators, all.collect()))
    }
}

/// One chart a metric: its panels share a scale.
pub(super) fn matrix(results: &Results, options: &PlotOptions) -> Markup {
    draw_all(results, FigureKind::Matrix, by_metric(results, options))
}

/// A chart a method.
pub(super) fn confusion(results: &Results) -> Markup {
    by_method(results, FigureKind::Confusion, &PlotOptions::default(), |_| true)
}

/// A chart a method that has features.
pub(super) fn features(results: &Results, options: &PlotOptions) -> Markup {
    let with: BTreeSet<usize> = results
        .runs
        .iter()
        .filter(|run| keeps_features(&run.record))
        .map(|run| run.series)
        .collect();
    by_method(results, FigureKind::Features, options, |series| with.contains(&series))
}

/// More charts than this are not read.
const MOST_METHODS: usize = 16;

fn by_method(
    results: &Results,
    kind: FigureKind,
    options: &PlotOptions,
    keep: impl Fn(usize) -> bool,
) -> Markup {
    let kept: Vec<&str> = results
        .methods
        .iter()
        .enumerate()
        .filter(|(series, _)| keep(*series))
        .map(|(_, method)| method.label.as_str())
        .collect();
    if kept.is_empty() {
        return single(results, kind, options);
    }
    let all: Vec<PlotOptions> = kept
        .iter()
        .take(MOST_METHODS)
        .map(|label| PlotOptions { methods: vec![(*label).to_owned()], ..options.clone() })
        .collect();
    html! {
        (draw_all(results, kind, all))
        @if kept.len() > MOST_METHODS {
            p.note {
                "The first " (MOST_METHODS) " of " (kept.len()) " methods; "
                code { "isthmus plot " (kind) " --method NAME" } " draws any other."
            }
        }
    }
}

fn single(results: &Results, kind: FigureKind, options: &PlotOptions) -> Markup {
    match plot(results, kind, options) {
        Ok(figure) => parts::figures(vec![Ok(figure)]),
        Err(error) => parts::problem(&error),
    }
}

fn draw_all(results: &Results, kind: FigureKind, all: Vec<PlotOptions>) -> Markup {
    let drawn: Vec<Result<Figure, ReportError>> =
        all.par_iter().map(|options| plot(results, kind, options)).collect();
    parts::figures(drawn)
}
