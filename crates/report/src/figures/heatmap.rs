//! Tables of cells whose colour shows their value.

use plotters::element::Rectangle;
use plotters::style::Color;

use crate::area::Area;
use crate::canvas::write_in;
use crate::canvas::{Anchor, TITLE_HEIGHT, pixels, shortened, text_width, titled, write};
use crate::error::ReportError;
use crate::palette;

/// Labels beside and below the cells are cut at this many characters.
const LABEL: usize = 18;
const AXIS_HEIGHT: u32 = 22;
const LINE: u32 = 18;
const MARGIN: u32 = 10;

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Where on the scale, in [0, 1].
    pub share: f64,
    /// What stands in it; nothing where cells are too small for text.
    pub text: String,
}

/// A table of cells.
#[derive(Clone, Debug)]
pub(super) struct Heatmap {
    pub title: String,
    /// What the rows are.
    pub down: String,
    /// What the columns are.
    pub across: String,
    pub rows: Vec<String>,
    pub columns: Vec<String>,
    /// By row and column.
    pub cells: Vec<Vec<Option<Cell>>>,
    /// Size of a cell.
    pub cell: (u32, u32),
}

impl Heatmap {
    /// Width of the labels of rows.
    fn label_width(&self) -> u32 {
        let longest = self.rows.iter().map(|row| text_width(&shortened(row, LABEL))).max();
        longest.unwrap_or(0) + 8
    }

    /// How many columns share one label, so that labels do not run into each other.
    fn label_step(&self) -> usize {
        let widest = self.columns.iter().map(|column| text_width(&shortened(column, LABEL))).max();
        let room = self.cell.0.max(1);
        (widest.unwrap_or(0) + 4).div_ceil(room).max(1) as usize
    }

    /// Width of cells and labels.
    fn width(&self) -> u32 {
        let cells = number(self.columns.len()) * self.cell.0;
        MARGIN + AXIS_HEIGHT + self.label_width() + cells + MARGIN
    }

    /// The room that the table takes.
    pub fn size(&self) -> (u32, u32) {
        let rows = number(self.rows.len());
        let width = self.width();
        let height = TITLE_HEIGHT + rows * self.cell.1 + LINE + AXIS_HEIGHT + MARGIN;
        // The title and the name of the columns need room too.
        let words = text_width(&self.title).max(text_width(&self.across)) * 6 / 5 + 2 * MARGIN;
        (width.max(words), height)
    }

    /// Draws the table.
    pub fn draw(&self, area: &Area<'_>) -> Result<(), ReportError> {
        let area = titled(area, &self.title)?;
        let start = area.dim_in_pixel().0.saturating_sub(self.width()) / 2 + MARGIN;
        let left = pixels(start + AXIS_HEIGHT + self.label_width());
        let (width, height) = (pixels(self.cell.0), pixels(self.cell.1));
        let (columns, rows) = (pixels(number(self.columns.len())), pixels(number(self.rows.len())));
        let step = self.label_step();
        for (row, label) in self.rows.iter().enumerate() {
            let y = pixels(number(row)) * height;
            // Rows lower than a line of text cannot all be labelled.
            if row % (LINE.div_ceil(self.cell.1.max(1)) as usize) == 0 {
                let place = (left - 6, y + height / 2);
                write(&area, &shortened(label, LABEL), place, Anchor::Right)?;
            }
            for (column, cell) in self.cells[row].iter().enumerate() {
                let x = left + pixels(number(column)) * width;
                if let Some(cell) = cell {
                    self.cell(&area, (x, y), cell)?;
                }
            }
        }
        let bottom = rows * height;
        let frame = [(left, 0), (left + columns * width, bottom)];
        area.draw(&Rectangle::new(frame, palette::AXIS.light.stroke_width(1)))
            .map_err(ReportError::drawing)?;
        for (column, label) in self.columns.iter().enumerate().step_by(step) {
            let x = left + pixels(number(column)) * width + width / 2;
            let place = (x, bottom + pixels(LINE) / 2 + 2);
            write(&area, &shortened(label, LABEL), place, Anchor::Middle)?;
        }
        let middle = (left + columns * width / 2, bottom + pixels(LINE + AXIS_HEIGHT / 2) + 2);
        write(&area, &self.across, middle, Anchor::Middle)?;
        write(&area, &self.down, (pixels(start + AXIS_HEIGHT / 2), bottom / 2), Anchor::Upwards)
    }

    fn cell(&self, area: &Area<'_>, (x, y): (i32, i32), cell: &Cell) -> Result<(), ReportError> {
        let (width, height) = (pixels(self.cell.0), pixels(self.cell.1));
        let (colour, ink) = palette::heat(cell.share);
        area.draw(&Rectangle::new([(x, y), (x + width, y + height)], colour.filled()))
            .map_err(ReportError::drawing)?;
        if cell.text.is_empty() {
            return Ok(());
        }
        write_in(area, &cell.text, (x + width / 2, y + height / 2), Anchor::Middle, ink)
    }
}

/// The room that the largest of the tables takes: panels are of one size.
pub(super) fn panel_size(tables: &[Heatmap]) -> (u32, u32) {
    tables
        .iter()
        .map(Heatmap::size)
        .fold((0, 0), |(width, height), size| (width.max(size.0), height.max(size.1)))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
