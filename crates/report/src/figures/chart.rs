//! Axes of charts with numbers in both directions.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{Cartesian2d, SVGBackend};
use plotters::style::Color;

use crate::area::Area;
use crate::canvas::{label_style, shortened, titled};
use crate::error::ReportError;
use crate::palette::{AXIS, GRID};

/// A chart to draw in.
pub(super) type Chart<'a> =
    ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What the axes say.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    pub title: String,
    pub x: String,
    pub y: String,
    pub x_range: Range<f64>,
    pub y_range: Range<f64>,
    /// Whether numbers stand beside the axes.
    pub numbers: bool,
    /// What stands below the ticks of the first axis.
    pub x_ticks: Ticks,
}

/// What stands below the ticks of an axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Ticks {
    /// Their values.
    #[default]
    Numbers,
    /// Ten to the power of their values.
    Powers,
    /// Names, at 0, 1, 2, …
    Names(Vec<String>),
}

impl Ticks {
    fn text(&self, value: f64, length: f64) -> String {
        match self {
            Self::Numbers => tick(value, length),
            Self::Powers => {
                // As short as it can be said: 0.01, 0.003, 100.
                let number: f64 = format!("{:.0e}", 10.0_f64.powf(value)).parse().unwrap_or(value);
                let plain = format!("{number}");
                if plain.len() <= 6 { plain } else { format!("{number:e}") }
            }
            Self::Names(names) => {
                let place = value.round();
                let is_place = (value - place).abs() < 0.01 && place >= 0.0;
                let name = is_place.then(|| names.get(place as usize)).flatten();
                name.map_or_else(String::new, |name| shortened(name, 14))
            }
        }
    }
}

/// Draws title, axes and grid.
pub(super) fn axes<'a>(area: &Area<'a>, axes: &Axes) -> Result<Chart<'a>, ReportError> {
    let rest = titled(area, &axes.title)?;
    let (bottom, left) = if axes.numbers { (42, 62) } else { (24, 24) };
    let mut chart = ChartBuilder::on(&rest)
        .margin_right(14)
        .margin_top(6)
        .x_label_area_size(bottom)
        .y_label_area_size(left)
        .build_cartesian_2d(axes.x_range.clone(), axes.y_range.clone())
        .map_err(ReportError::drawing)?;
    let x_step = axes.x_range.end - axes.x_range.start;
    let y_step = axes.y_range.end - axes.y_range.start;
    let x_text = |value: &f64| axes.x_ticks.text(*value, x_step);
    let y_text = |value: &f64| tick(*value, y_step);
    let mut mesh = chart.configure_mesh();
    mesh.max_light_lines(0)
        .bold_line_style(GRID.light.stroke_width(1))
        .axis_style(AXIS.light.stroke_width(1))
        .label_style(label_style())
        .axis_desc_style(label_style())
        .x_desc(axes.x.as_str())
        .y_desc(axes.y.as_str())
        .x_label_formatter(&x_text)
        .y_label_formatter(&y_text);
    if axes.numbers {
        let names = match &axes.x_ticks {
            Ticks::Names(names) => names.len() + 1,
            Ticks::Numbers | Ticks::Powers => 6,
        };
        mesh.x_labels(names).y_labels(6);
    } else {
        mesh.x_labels(0).y_labels(0);
    }
    mesh.draw().map_err(ReportError::drawing)?;
    Ok(chart)
}

/// A number beside an axis of this length: as many decimals as tell ticks apart.
fn tick(value: f64, length: f64) -> String {
    let decimals = if length >= 5.0 {
        0
    } else {
        // Five ticks or so: one digit more than the length's own place.
        (1.0 - length.max(1e-9).log10().floor()) as usize
    };
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { text }
}

/// The range of some numbers with a little room around it; never empty.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> Range<f64> {
    let mut range: Option<(f64, f64)> = None;
    for value in values.into_iter().filter(|value| value.is_finite()) {
        let (low, high) = range.unwrap_or((value, value));
        range = Some((low.min(value), high.max(value)));
    }
    let (low, high) = range.unwrap_or((0.0, 1.0));
    let room = if high > low { (high - low) * 0.05 } else { 0.5_f64.max(low.abs() * 0.05) };
    low - room..high + room
}

/// The range, kept within what percentages can be.
pub(super) fn within_percent(range: Range<f64>, percent: bool) -> Range<f64> {
    if percent { range.start.max(0.0)..range.end.min(100.0).max(range.start + 0.1) } else { range }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_never_empty() {
        assert_eq!(range([]), -0.05..1.05);
        assert_eq!(range([2.0]), 1.5..2.5);
        assert_eq!(range([f64::NAN, 0.0, 10.0]), -0.5..10.5);
        assert_eq!(within_percent(-2.0..103.0, true), 0.0..100.0);
        assert_eq!(within_percent(-2.0..103.0, false), -2.0..103.0);
    }

    #[test]
    fn ticks_have_the_decimals_that_tell_them_apart() {
        assert_eq!(tick(40.0, 80.0), "40");
        assert_eq!(tick(0.25, 1.0), "0.2");
        assert_eq!(tick(0.254, 0.1), "0.25");
        assert_eq!(tick(-0.0001, 10.0), "0");
        assert_eq!(Ticks::Powers.text(-2.0, 3.0), "0.01");
        assert_eq!(Ticks::Powers.text(-2.5, 3.0), "0.003");
        assert_eq!(Ticks::Powers.text(-7.0, 3.0), "1e-7");
        let names = Ticks::Names(vec!["adam".to_owned(), "sgd".to_owned()]);
        assert_eq!(
            [names.text(1.0, 2.0), names.text(0.5, 2.0), names.text(2.0, 2.0)],
            ["sgd", "", ""]
        );
    }
}
