//! Marks of points: the second cue beside the colour.

use plotters::element::{Circle, PathElement, Polygon};
use plotters::style::{RGBAColor, ShapeStyle};

use crate::area::Area;
use crate::error::ReportError;

/// A shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    Ring,
    Plus,
}

/// Their number has no divisor in common with that of the colours: 56 series differ in one of
/// them at least.
const ALL: [Marker; 7] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Cross,
    Marker::Ring,
    Marker::Plus,
];

impl Marker {
    /// The mark of a series by its place.
    pub fn of(place: usize) -> Self {
        ALL[place % ALL.len()]
    }

    /// Draws the mark at a pixel of `area`.
    pub fn draw(
        self,
        area: &Area<'_>,
        (x, y): (i32, i32),
        size: i32,
        colour: RGBAColor,
    ) -> Result<(), ReportError> {
        let filled = ShapeStyle { color: colour, filled: true, stroke_width: 0 };
        let stroke = ShapeStyle { color: colour, filled: false, stroke_width: 2 };
        let polygon = |points: &[(i32, i32)]| {
            let points: Vec<(i32, i32)> = points.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
            area.draw(&Polygon::new(points, filled))
        };
        let lines = |lines: [[(i32, i32); 2]; 2]| {
            lines.into_iter().try_for_each(|line| {
                let line = line.map(|(dx, dy)| (x + dx, y + dy));
                area.draw(&PathElement::new(line.to_vec(), stroke))
            })
        };
        let s = size;
        match self {
            Self::Circle => area.draw(&Circle::new((x, y), size, filled)),
            Self::Ring => area.draw(&Circle::new((x, y), size, stroke)),
            Self::Square => polygon(&[(-s, -s), (s, -s), (s, s), (-s, s)]),
            Self::Triangle => polygon(&[(0, -s - 1), (s + 1, s), (-s - 1, s)]),
            Self::Diamond => polygon(&[(0, -s - 2), (s + 1, 0), (0, s + 2), (-s - 1, 0)]),
            Self::Cross => lines([[(-s, -s), (s, s)], [(-s, s), (s, -s)]]),
            Self::Plus => lines([[(-s - 1, 0), (s + 1, 0)], [(0, -s - 1), (0, s + 1)]]),
        }
        .map_err(ReportError::drawing)
    }
}
