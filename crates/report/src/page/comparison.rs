//! The tables of `isthmus compare`.

use isthmus_results::{CompareOptions, Format, Selection, Selections, compare};
use maud::{Markup, html};

use super::markdown;
use crate::results::Results;

/// The last checkpoints; choices have a section of their own.
pub(super) fn body(results: &Results, metric: Option<&str>) -> Markup {
    let selections = Selections::One(Selection::Last);
    tables(CompareOptions { selections, ..options(results, metric) })
}

/// What is compared in every section: the runs of the page.
pub(super) fn options(results: &Results, metric: Option<&str>) -> CompareOptions {
    CompareOptions {
        paths: results.paths.clone(),
        metric: metric.map(str::to_owned),
        rounds: results.rounds,
        ..CompareOptions::default()
    }
}

/// The tables that the options ask for, or why there are none.
pub(super) fn tables(options: CompareOptions) -> Markup {
    match compare(&options) {
        Ok(comparison) => markdown::blocks(&comparison.render(Format::Markdown)),
        Err(error) => html! { p.warning { (error.to_string()) } },
    }
}
