//! A sheet of samples: one row a class, one column a set.

use plotters::drawing::IntoDrawingArea;
use plotters::element::PathElement;
use plotters::prelude::SVGBackend;
use plotters::style::Color;

use crate::area::Area;
use crate::canvas::{Anchor, pixels, shortened, text_width, write};
use crate::characters::allowed;
use crate::error::ReportError;
use crate::palette::{AXIS, PAPER, SERIES};
use crate::png;

/// Width and height of a picture, in pixels.
pub const PICTURE: u32 = 64;
const GAP: u32 = 4;
const LINE: u32 = 24;
const MARGIN: u32 = 8;
/// Most characters of a row's name.
const NAME: usize = 28;
/// Channels of a series that are drawn.
const MOST_CURVES: usize = 8;

/// A sheet of samples.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// Most pictures side by side in a cell.
    pub most: usize,
    /// The rows.
    pub rows: Vec<SheetRow>,
}

/// A row of a sheet.
#[derive(Clone, Debug)]
pub struct SheetRow {
    /// Its name.
    pub name: String,
    /// The pictures of each column.
    pub cells: Vec<Vec<Picture>>,
}

/// A sample.
#[derive(Clone, Debug)]
pub enum Picture {
    /// An image of at most [`PICTURE`] x [`PICTURE`] pixels.
    Image {
        /// Its width.
        width: usize,
        /// Its height.
        height: usize,
        /// Red, green and blue of each pixel, row by row.
        rgb: Vec<u8>,
    },
    /// Values in their order, a line each, from their smallest to their largest.
    Curves(Vec<Vec<f32>>),
}

impl Sheet {
    /// The sheet as a PNG image.
    ///
    /// # Errors
    /// If it would be too large.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        let names = self.rows.iter().map(|row| text_width(&shortened(&row.name, NAME)));
        let left = MARGIN + names.max().unwrap_or(0) + 2 * GAP;
        let heads = self.columns.iter().map(|head| text_width(head)).max().unwrap_or(0);
        let pictures = index(self.most.max(1)) * (PICTURE + GAP);
        let width = pictures.max(heads) + 2 * GAP;
        let size = (
            left + width * index(self.columns.len()) + MARGIN,
            MARGIN + LINE + (PICTURE + GAP) * index(self.rows.len()) + MARGIN,
        );
        let place = |row: usize, column: usize, number: usize| {
            (
                left + width * index(column) + (PICTURE + GAP) * index(number),
                MARGIN + LINE + (PICTURE + GAP) * index(row),
            )
        };
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            root.fill(&PAPER.light).map_err(ReportError::drawing)?;
            for (column, head) in self.columns.iter().enumerate() {
                let (x, _) = place(0, column, 0);
                write(&root, head, (pixels(x), pixels(MARGIN + LINE / 2)), Anchor::Left)?;
            }
            for (number, row) in self.rows.iter().enumerate() {
                let (_, y) = place(number, 0, 0);
                let middle = (pixels(left - 2 * GAP), pixels(y + PICTURE / 2));
                write(&root, &shortened(&row.name, NAME), middle, Anchor::Right)?;
                for (column, cell) in row.cells.iter().enumerate() {
                    for (at, picture) in cell.iter().enumerate() {
                        if let Picture::Curves(curves) = picture {
                            draw_curves(&root, curves, place(number, column, at))?;
                        }
                    }
                }
            }
            root.present().map_err(ReportError::drawing)?;
        }
        let mut drawn = png::pixmap(&allowed(svg), 1.0)?;
        for (number, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.cells.iter().enumerate() {
                for (at, picture) in cell.iter().enumerate() {
                    if let Picture::Image { width, height, rgb } = picture {
                        let place = place(number, column, at);
                        png::put(&mut drawn, place, [*width, *height], PICTURE, rgb);
                    }
                }
            }
        }
        png::encode(&drawn)
    }
}

fn draw_curves(
    root: &Area<'_>,
    curves: &[Vec<f32>],
    (x, y): (u32, u32),
) -> Result<(), ReportError> {
    let finite = || curves.iter().flatten().copied().filter(|value| value.is_finite());
    let (least, most) = (finite().fold(f32::MAX, f32::min), finite().fold(f32::MIN, f32::max));
    let range = if most > least { f64::from(most) - f64::from(least) } else { 1.0 };
    let (left, top, right, bottom) =
        (pixels(x), pixels(y), pixels(x + PICTURE), pixels(y + PICTURE));
    let border = vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    root.draw(&PathElement::new(border, AXIS.light.mix(0.5).stroke_width(1)))
        .map_err(ReportError::drawing)?;
    let side = f64::from(PICTURE);
    for (curve, role) in curves.iter().take(MOST_CURVES).zip(SERIES) {
        let last = curve.len().saturating_sub(1).max(1) as f64;
        let point = |(at, value): (usize, &f32)| {
            let across = at as f64 / last * side;
            let down = side - (f64::from(*value) - f64::from(least)) / range * side;
            (left + across.round() as i32, top + down.round() as i32)
        };
        let line: Vec<(i32, i32)> = curve.iter().enumerate().map(point).collect();
        root.draw(&PathElement::new(line, role.light.stroke_width(1)))
            .map_err(ReportError::drawing)?;
    }
    Ok(())
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX / 4096)
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::Pixmap;

    use super::*;

    #[test]
    fn images_and_curves_stand_in_their_cells() {
        let image = Picture::Image { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
        let curves = Picture::Curves(vec![vec![0.0, 1.0, 0.5], vec![1.0, f32::NAN, 0.0]]);
        let row = |name: &str, picture: Picture| SheetRow {
            name: name.to_owned(),
            cells: vec![vec![picture], Vec::new()],
        };
        let sheet = Sheet {
            columns: vec!["amazon".to_owned(), "dslr".to_owned()],
            most: 2,
            rows: vec![row("cat", image), row("dog", curves)],
        };
        let drawn = Pixmap::decode_png(&sheet.png().unwrap()).unwrap();
        let count = |colour: [u8; 3]| {
            let is = |it: &resvg::tiny_skia::PremultipliedColorU8| {
                [it.red(), it.green(), it.blue()] == colour
            };
            drawn.pixels().iter().filter(|it| is(it)).count()
        };
        // Two pixels, enlarged to half of the picture each, its height kept in proportion.
        let half = (PICTURE * PICTURE / 4) as usize;
        assert_eq!([count([255, 0, 0]), count([0, 0, 255])], [half, half]);
        assert!(count([0, 0x72, 0xb2]) > 20);
        assert!(Sheet::default().png().is_ok());
    }
}
