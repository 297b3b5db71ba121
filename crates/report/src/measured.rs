//! How values of a measure are written in charts.

use isthmus_core::metric::{Measure, Unit};

/// The measure's name with its unit, for axes and captions.
pub(crate) fn heading(measure: &Measure) -> String {
    let words = measure.name.replace('_', " ");
    if measure.unit.is_percent() { format!("{words} (%)") } else { words }
}

/// A value as text.
pub(crate) fn text(unit: Unit, value: f64) -> String {
    if value.is_nan() { "–".to_owned() } else { unit.text(value) }
}
