//! Images as translators take them.

use burn::tensor::{Device, Tensor};
use isthmus_core::error::MethodError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::method::MethodContext;
use isthmus_core::stage::{SampleView, StageData};

/// How many images of a domain a picture shows.
const SHOWN: usize = 12;

/// Channels, height and width of a method's samples.
///
/// # Errors
/// If they are no images.
pub(crate) fn extent(method: &str, context: &MethodContext) -> Result<[usize; 3], MethodError> {
    match context.input_shape {
        InputShape::Image { channels, height, width } => Ok([channels, height, width]),
        shape => Err(no_images(method, shape)),
    }
}

/// The images of a batch, `[rows, channels, height, width]`.
///
/// # Errors
/// If it has none.
pub(crate) fn images(method: &str, input: Input) -> Result<Tensor<4>, MethodError> {
    let shape = input.shape();
    match input {
        Input::Images(images) => Ok(images),
        _ => Err(no_images(method, shape)),
    }
}

/// Some training images of the sources, spread over them, for a picture.
///
/// # Errors
/// If one cannot be read, or they are no images.
pub(crate) fn some_of_source(
    method: &str,
    data: &dyn StageData,
    device: &Device,
) -> Result<Tensor<4>, MethodError> {
    let rows = data.source_ranges().last().map_or(0, |range| range.end);
    images(method, data.source_at(&spread(rows), SampleView::Plain, device)?.input)
}

/// Some training images of the target, likewise.
///
/// # Errors
/// If one cannot be read, or they are no images.
pub(crate) fn some_of_target(
    method: &str,
    data: &dyn StageData,
    device: &Device,
) -> Result<Tensor<4>, MethodError> {
    let chosen = spread(data.target_rows());
    images(method, data.target_at(&chosen, SampleView::Plain, device)?.input)
}

fn spread(rows: usize) -> Vec<usize> {
    let shown = rows.min(SHOWN);
    (0..shown).map(|place| place * rows / shown).collect()
}

fn no_images(method: &str, shape: InputShape) -> MethodError {
    MethodError::Unsuitable(format!(
        "`{method}` translates images, and the model is given {shape}: use a data set of images and \
         an extractor that is trained"
    ))
}
