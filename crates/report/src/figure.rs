//! A figure: a chart, what it shows in words, and its numbers.

use crate::characters::allowed;
use crate::error::ReportError;
use crate::png;

/// A chart with its description and its numbers.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is, in a few words.
    pub title: String,
    /// What it shows, for readers who do not see it.
    pub description: String,
    /// The chart as an SVG image, in the light colours of [`palette`](crate::palette).
    pub svg: String,
    /// What a reader must know besides, e.g. which methods are not drawn.
    pub notes: Vec<String>,
    /// The numbers behind it.
    pub table: DataTable,
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataTable {
    /// What it holds.
    pub caption: String,
    /// Heads of the columns; the first column heads the rows.
    pub columns: Vec<String>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<String>>,
    /// What a reader must know besides, e.g. how many rows were left out.
    pub notes: Vec<String>,
}

/// Tables behind charts hold at most this many rows: a page stays small enough to be opened.
const MOST_ROWS: usize = 400;

impl DataTable {
    /// An empty table.
    pub fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { caption: caption.into(), columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Leaves out rows beyond what a page can hold, and says so.
    pub(crate) fn cut(mut self) -> Self {
        if self.rows.len() > MOST_ROWS {
            let all = self.rows.len();
            self.rows.truncate(MOST_ROWS);
            self.notes.push(format!("The first {MOST_ROWS} of {all} rows."));
        }
        self
    }
}

impl Figure {
    /// The chart as an SVG file with title and description.
    pub fn svg_file(&self) -> String {
        let title = maud::html! { (self.title) }.into_string();
        let description = maud::html! { (self.description) }.into_string();
        let words = format!(">\n<title>{title}</title>\n<desc>{description}</desc>");
        allowed(self.svg.replacen('>', &words, 1))
    }

    /// The chart as a PNG image, `scale` pixels for each unit of the SVG image. Text is drawn in
    /// DejaVu Sans, whatever fonts the system has.
    ///
    /// # Errors
    /// If the image would be empty or too large.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, ReportError> {
        png::render(&self.svg, scale)
    }
}
