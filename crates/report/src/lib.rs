//! A page that shows the results of experiments, and figures for papers.
//!
//! [`Results`] reads records; [`report`](fn@report) makes one self-contained HTML page of them,
//! [`plot`] one figure. Charts are drawn by `plotters` in the colours of [`palette`]; the page
//! replaces these by style-sheet variables, so that the charts follow the reader's light or dark
//! setting.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod area;
mod canvas;
mod characters;
mod embedding;
pub mod error;
mod figure;
mod figures;
mod marker;
mod measured;
mod page;
pub mod palette;
mod png;
mod results;
mod runs;
mod sheet;
mod strip;
#[cfg(test)]
mod testing;
mod theme;

pub use embedding::Embedding;
pub use error::ReportError;
pub use figure::{DataTable, Figure};
pub use figures::{FigureKind, plot};
pub use page::report;
pub use results::{Method, PlotOptions, Results};
pub use runs::Run;
pub use sheet::{PICTURE, Picture, Sheet, SheetRow};
