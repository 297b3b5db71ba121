//! Lays out the panels and the legend of a figure.

use plotters::drawing::IntoDrawingArea;
use plotters::element::{PathElement, Text};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, TextStyle};

use crate::area::Area;
use crate::characters::allowed;
use crate::error::ReportError;
use crate::marker::Marker;
use crate::palette::{INK, PAPER};

/// Size of text in pixels.
pub(crate) const TEXT: f64 = 12.0;
const TITLE: f64 = 14.0;
/// Height of a panel's title.
pub(crate) const TITLE_HEIGHT: u32 = 26;
const LEGEND_LINE: u32 = 22;
const MARGIN: u32 = 8;
/// Room that a legend's mark and the gaps around it take.
const LEGEND_MARK: u32 = 46;
/// Mean width of a character of [`TEXT`] size; text is not measured, the reader's font decides.
const CHARACTER: f64 = 7.0;

/// One line of a legend.
#[derive(Clone, Debug)]
pub(crate) struct LegendEntry {
    pub text: String,
    pub colour: RGBColor,
    pub marker: Marker,
    /// Whether a line runs through the mark.
    pub line: bool,
}

/// The size and number of panels, and the legend above them.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub panels: usize,
    pub columns: usize,
    pub panel: (u32, u32),
    pub legend: Vec<LegendEntry>,
}

/// Draws a figure: `panel` is called for each panel with the whole figure and the panel's part.
pub(crate) fn draw(
    layout: &Layout,
    mut panel: impl FnMut(usize, &Area<'_>, &Area<'_>) -> Result<(), ReportError>,
) -> Result<String, ReportError> {
    let columns = layout.columns.min(layout.panels).max(1);
    let rows = layout.panels.div_ceil(columns).max(1);
    let (width, height) = layout.panel;
    let total = width * index(columns) + 2 * MARGIN;
    let places = legend_places(&layout.legend, total);
    let lines = places.last().map_or(0, |place| place.1 + 1);
    let top = MARGIN + LEGEND_LINE * lines;
    let size = (total, top + height * index(rows) + MARGIN);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&PAPER.light).map_err(ReportError::drawing)?;
        for (entry, (x, line)) in layout.legend.iter().zip(places) {
            let y = MARGIN + line * LEGEND_LINE + LEGEND_LINE / 2;
            legend_entry(&root, entry, (pixels(x), pixels(y)))?;
        }
        for number in 0..layout.panels {
            let x = MARGIN + width * index(number % columns);
            let y = top + height * index(number / columns);
            panel(number, &root, &root.clone().shrink((x, y), (width, height)))?;
        }
        root.present().map_err(ReportError::drawing)?;
    }
    Ok(allowed(svg))
}

fn legend_entry(
    root: &Area<'_>,
    entry: &LegendEntry,
    (x, y): (i32, i32),
) -> Result<(), ReportError> {
    if entry.line {
        let line = vec![(x, y), (x + 24, y)];
        root.draw(&PathElement::new(line, entry.colour.stroke_width(2)))
            .map_err(ReportError::drawing)?;
    }
    entry.marker.draw(root, (x + 12, y), 4, entry.colour.to_rgba())?;
    write(root, &entry.text, (x + 30, y), Anchor::Left)
}

/// Left edge and line of each entry.
fn legend_places(legend: &[LegendEntry], width: u32) -> Vec<(u32, u32)> {
    let (mut x, mut line) = (2 * MARGIN, 0);
    let mut places = Vec::with_capacity(legend.len());
    for entry in legend {
        let room = LEGEND_MARK + text_width(&entry.text);
        if x + room > width && x > 2 * MARGIN {
            x = 2 * MARGIN;
            line += 1;
        }
        places.push((x, line));
        x += room;
    }
    places
}

/// About how many pixels a text of normal size is wide.
pub(crate) fn text_width(text: &str) -> u32 {
    (text.chars().count() as f64 * CHARACTER).ceil() as u32
}

/// Where a text stands beside its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Left,
    Middle,
    Right,
    /// Upwards, its middle at the place.
    Upwards,
}

/// Writes a text of normal size.
pub(crate) fn write(
    area: &Area<'_>,
    text: &str,
    place: (i32, i32),
    anchor: Anchor,
) -> Result<(), ReportError> {
    write_in(area, text, place, anchor, INK.light)
}

/// Writes a text of normal size in a colour.
pub(crate) fn write_in(
    area: &Area<'_>,
    text: &str,
    place: (i32, i32),
    anchor: Anchor,
    colour: RGBColor,
) -> Result<(), ReportError> {
    let horizontal = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle | Anchor::Upwards => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let mut font = ("sans-serif", size(TEXT)).into_font();
    if anchor == Anchor::Upwards {
        font = font.transform(FontTransform::Rotate270);
    }
    let style = font.color(&colour).pos(Pos::new(horizontal, VPos::Center));
    area.draw(&Text::new(text.to_owned(), place, style)).map_err(ReportError::drawing)
}

/// The style of labels on axes.
pub(crate) fn label_style() -> TextStyle<'static> {
    ("sans-serif", size(TEXT)).into_font().color(&INK.light)
}

/// Writes a panel's title and returns what is left of it.
pub(crate) fn titled<'a>(area: &Area<'a>, title: &str) -> Result<Area<'a>, ReportError> {
    let (width, height) = area.dim_in_pixel();
    let style = ("sans-serif", size(TITLE))
        .into_font()
        .color(&INK.light)
        .pos(Pos::new(HPos::Center, VPos::Center));
    let place = (pixels(width / 2), pixels(TITLE_HEIGHT / 2));
    let longest = (f64::from(width) / (CHARACTER * TITLE / TEXT)) as usize;
    let text = shortened(title, longest.max(8));
    area.draw(&Text::new(text, place, style)).map_err(ReportError::drawing)?;
    Ok(area.clone().shrink((0, TITLE_HEIGHT), (width, height.saturating_sub(TITLE_HEIGHT))))
}

/// plotters measures fonts by their line height.
fn size(pixels: f64) -> f64 {
    pixels * 1.24
}

/// The text, cut where it is longer than `characters`; figures' tables have it in full.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Sizes of figures are far from the limits of both types.
pub(crate) fn pixels(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> LegendEntry {
        LegendEntry {
            text: text.to_owned(),
            colour: crate::palette::series(0),
            marker: Marker::Circle,
            line: true,
        }
    }

    #[test]
    fn a_legend_goes_on_in_the_next_line_where_it_is_too_wide() {
        let legend = vec![entry("source-only"), entry("dann"), entry("a-very-long-name")];
        let places = legend_places(&legend, 260);
        assert_eq!(places.iter().map(|place| place.1).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(places[2].0, places[0].0);
    }

    #[test]
    fn long_texts_are_cut_at_characters() {
        assert_eq!(shortened("ünïcödé", 7), "ünïcödé");
        assert_eq!(shortened("ünïcödé", 4), "ünï…");
    }
}
