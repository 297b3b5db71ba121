//! Checks that configurations share.

use isthmus_core::config::FieldProblem;
use isthmus_core::error::NetworkError;
use isthmus_core::input::InputShape;

/// Refuses a dropout probability outside of [0, 1).
pub(crate) fn probability(field: &str, value: f64) -> Result<(), FieldProblem> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(FieldProblem {
        field: field.to_owned(),
        message: format!("`{field}` is {value}, expected a probability in [0, 1)"),
    })
}

/// Refuses a size of 0.
pub(crate) fn sizes(field: &str, values: &[usize]) -> Result<(), FieldProblem> {
    if values.iter().all(|&size| size > 0) {
        return Ok(());
    }
    Err(FieldProblem {
        field: field.to_owned(),
        message: format!("`{field}` has a size of 0, expected sizes of at least 1"),
    })
}

/// Refuses a standard deviation that is not a finite number of at least 0.
pub(crate) fn deviation(field: &str, value: Option<f64>) -> Result<(), FieldProblem> {
    match value {
        Some(value) if !(value.is_finite() && value >= 0.0) => Err(FieldProblem {
            field: field.to_owned(),
            message: format!("`{field}` is {value}, expected a number of at least 0"),
        }),
        _ => Ok(()),
    }
}

/// Refuses an input without values.
pub(crate) fn not_empty(network: &str, shape: InputShape) -> Result<usize, NetworkError> {
    if shape.is_empty() {
        return Err(NetworkError::Input {
            network: network.to_owned(),
            expected: "at least one value a sample".to_owned(),
            found: shape.to_string(),
        });
    }
    Ok(shape.len())
}

/// The number of values of one sample, for networks that flatten samples.
///
/// # Errors
/// If it has none, samples have different lengths, or they are texts.
pub(crate) fn flat(network: &str, shape: InputShape) -> Result<usize, NetworkError> {
    match shape {
        InputShape::VariableSeries { .. } | InputShape::Text => Err(NetworkError::Input {
            network: network.to_owned(),
            expected: "samples of one size, since it flattens them".to_owned(),
            found: shape.to_string(),
        }),
        _ => not_empty(network, shape),
    }
}

/// Refuses samples that are no texts.
pub(crate) fn texts(network: &str, shape: InputShape) -> Result<(), NetworkError> {
    match shape {
        InputShape::Text => Ok(()),
        _ => Err(NetworkError::Input {
            network: network.to_owned(),
            expected: "texts".to_owned(),
            found: shape.to_string(),
        }),
    }
}

/// The channels, height and width of an image.
///
/// # Errors
/// If the input is not an image.
pub(crate) fn image(network: &str, shape: InputShape) -> Result<[usize; 3], NetworkError> {
    match shape {
        InputShape::Image { channels, height, width } if !shape.is_empty() => {
            Ok([channels, height, width])
        }
        _ => Err(NetworkError::Input {
            network: network.to_owned(),
            expected: "images".to_owned(),
            found: shape.to_string(),
        }),
    }
}

/// Refuses inputs that an ImageNet network cannot take.
pub(crate) fn rgb(network: &str, shape: InputShape) -> Result<(), NetworkError> {
    let [channels, height, width] = image(network, shape)?;
    if channels == 3 && height >= 32 && width >= 32 {
        return Ok(());
    }
    Err(NetworkError::Input {
        network: network.to_owned(),
        expected: "RGB images of at least 32x32 pixels".to_owned(),
        found: shape.to_string(),
    })
}
