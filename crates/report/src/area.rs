//! What figures draw on.

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::SVGBackend;

/// A part of a figure.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
