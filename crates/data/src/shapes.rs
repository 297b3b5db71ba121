//! Whether the domains of a data set have one shape.

use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;

/// Checks that all samples of all domains have one shape; series may have lengths of their own.
pub(crate) fn check_shapes<'a>(
    shapes: impl IntoIterator<Item = (&'a str, InputShape)>,
) -> Result<(), DataError> {
    let mut shapes = shapes.into_iter();
    let Some((first, shape)) = shapes.next() else { return Ok(()) };
    let Some((name, other)) = shapes.find(|(_, other)| !shape.takes(*other)) else {
        return Ok(());
    };
    let advice = match (shape, other) {
        (InputShape::Features { .. }, InputShape::Features { .. }) => {
            "all domains need features of one length: extract them with the same network"
        }
        (InputShape::Image { .. }, InputShape::Image { .. }) => {
            "bring them to one shape with `transform` (resize, channels)"
        }
        (InputShape::Series { .. }, InputShape::Series { .. }) => {
            "where lengths differ, name their array in `lengths` of the `series` readers"
        }
        (InputShape::Series { .. }, InputShape::VariableSeries { .. })
        | (InputShape::VariableSeries { .. }, InputShape::Series { .. }) => {
            "name the array of `lengths` for every domain, or for none"
        }
        _ => "all domains must hold the same kind of samples",
    };
    Err(DataError::Mismatch(format!(
        "domain `{first}` has {shape}, domain `{name}` has {other}; {advice}"
    )))
}
