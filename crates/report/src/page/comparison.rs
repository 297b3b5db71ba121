//! The tables of `isthmus compare`.

use isthmus_results::{CompareOptions, Format, compare};
use maud::{Markup, html};

use super::markdown;
use crate::results::Results;

pub(super) fn body(results: &Results, metric: &str) -> Markup {
    let options = CompareOptions {
        paths: results.paths.clone(),
        metric: metric.to_owned(),
        ..CompareOptions::default()
    };
    match compare(&options) {
        Ok(comparison) => markdown::blocks(&comparison.render(Format::Markdown)),
        Err(error) => html! { p.warning { (error.to_string()) } },
    }
}
