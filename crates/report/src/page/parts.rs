//! Pieces that sections are made of.

use maud::{Markup, PreEscaped, html};

use super::columns::{is_number, number_column};
use super::markdown;
use crate::error::ReportError;
use crate::figure::{DataTable, Figure};
use crate::theme::themed;

/// A table that scrolls by itself where it is wider than the page.
pub(super) fn table(table: &DataTable) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead {
                    tr {
                        @for (place, column) in table.columns.iter().enumerate() {
                            @let cells = table.rows.iter().filter_map(|row| row.get(place));
                            th scope="col" class=[number_column(place, cells)] { (column) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 {
                                    th scope="row" { (cell) }
                                } @else {
                                    td class=[is_number(cell).then_some("number")] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @for note in &table.notes { p.note { (note) } }
    }
}

/// Share of its own width, in percent, to which a chart shrinks on a narrow page; it scrolls on
/// narrower ones, where its text would be too small to read.
const SMALLEST: usize = 62;

/// The width of a chart in pixels.
fn width(svg: &str) -> usize {
    let text = svg.split_once("width=\"").and_then(|(_, rest)| rest.split_once('"'));
    text.and_then(|(width, _)| width.parse().ok()).unwrap_or(0)
}

/// A chart with its title, and its numbers to unfold.
pub(super) fn figure(figure: &Figure) -> Markup {
    let description = html! { (figure.description) }.into_string();
    let least = width(&figure.svg) * SMALLEST / 100;
    let opening =
        format!("<svg role=\"img\" aria-label=\"{description}\" style=\"min-width: {least}px\" ");
    let svg = themed(&figure.svg).replacen("<svg ", &opening, 1);
    html! {
        figure aria-label=(figure.title) {
            figcaption { (figure.title) }
            div.chart tabindex="0" role="group" aria-label=(figure.title) { (PreEscaped(svg)) }
            @for note in &figure.notes { p.note { (note) } }
            details {
                summary { "Numbers" }
                (table(&figure.table))
            }
        }
    }
}

/// Several charts beside each other where the page is wide enough. A chart that cannot be drawn
/// leaves the reason.
pub(super) fn figures(figures: Vec<Result<Figure, ReportError>>) -> Markup {
    html! {
        div.figures {
            @for drawn in figures {
                @match drawn {
                    Ok(drawn) => (figure(&drawn)),
                    Err(error) => (problem(&error)),
                }
            }
        }
    }
}

/// Why a part of the page is not there.
pub(super) fn problem(error: &ReportError) -> Markup {
    let class = if matches!(error, ReportError::Missing(_)) { "missing" } else { "warning" };
    html! { p class=(class) { (markdown::sentence(&error.to_string())) } }
}

/// A sentence about what the records lack; code stands between backticks.
pub(super) fn missing(sentence: &str) -> Markup {
    html! { p.missing { (markdown::sentence(sentence)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_does_not_shrink_until_its_text_cannot_be_read() {
        let svg = "<svg width=\"636\" height=\"330\"></svg>".to_owned();
        let drawn = Figure {
            title: "Features".to_owned(),
            description: "say \"it\"".to_owned(),
            svg,
            notes: Vec::new(),
            table: DataTable::default(),
        };
        let html = figure(&drawn).into_string();
        let opening = "<svg role=\"img\" aria-label=\"say &quot;it&quot;\" style=\"min-width: \
                       394px\" width=\"636\"";
        assert!(html.contains(opening), "{html}");
    }
}
