//! Images of samples beside each other, as PNG.

use burn::tensor::TensorData;
use isthmus_core::spec::Transform;
use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

use crate::error::ReportError;

/// Pixels between two images.
const GAP: usize = 2;

/// Images beside each other.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    /// Pixels.
    pub(crate) width: usize,
    /// Pixels.
    pub(crate) height: usize,
    /// The file.
    pub(crate) png: Vec<u8>,
}

/// Draws `[images, channels, height, width]`, grey or colour, whose values are pixels in [0, 1]
/// after `transform`; what is beyond black or white is drawn as such.
///
/// # Errors
/// If they are no such images.
pub(crate) fn strip(
    images: &TensorData,
    transform: Option<&Transform>,
) -> Result<Strip, ReportError> {
    let wrong = |what: String| ReportError::Png(what);
    let &[count, channels, height, width] = images.shape().as_slice() else {
        return Err(wrong(format!("values of shape {:?} are no images", images.shape())));
    };
    let values = images.as_slice::<f32>().map_err(|error| wrong(format!("{error:?}")))?;
    if count * channels * height * width == 0 {
        return Err(wrong("images without a pixel cannot be drawn".to_owned()));
    }
    let full = (count * (width + GAP) - GAP, height);
    let size = |pixels: usize| u32::try_from(pixels).map_err(|error| wrong(error.to_string()));
    let mut drawn = Pixmap::new(size(full.0)?, size(full.1)?)
        .ok_or_else(|| wrong(format!("{} x {} pixels are too many", full.0, full.1)))?;
    let of_channel = |list: fn(&Transform) -> &Vec<f64>, channel: usize, default: f64| {
        let list = transform.map(list);
        list.and_then(|it| it.get(channel).or(it.first())).copied().unwrap_or(default)
    };
    let pixels = drawn.pixels_mut();
    for image in 0..count {
        for row in 0..height {
            for column in 0..width {
                let level = |channel: usize| {
                    let channel = channel.min(channels - 1);
                    let at = ((image * channels + channel) * height + row) * width + column;
                    let mean = of_channel(|it| &it.mean, channel, 0.0);
                    let std = of_channel(|it| &it.std, channel, 1.0);
                    let value = f64::from(values[at]) * std + mean;
                    (value.clamp(0.0, 1.0) * 255.0).round() as u8
                };
                let at = row * full.0 + image * (width + GAP) + column;
                let colour = PremultipliedColorU8::from_rgba(level(0), level(1), level(2), 255);
                pixels[at] = colour.ok_or_else(|| wrong("a colour is out of range".to_owned()))?;
            }
        }
    }
    let png = drawn.encode_png().map_err(|error| wrong(error.to_string()))?;
    Ok(Strip { width: full.0, height: full.1, png })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_those_before_the_transform() {
        // Two images of 1 x 2 grey pixels: black, white; beyond white, the middle.
        let images = TensorData::new(vec![-1.0_f32, 1.0, 7.0, 0.0], [2, 1, 1, 2]);
        let transform = Transform { mean: vec![0.5], std: vec![0.5], ..Transform::default() };
        let strip = strip(&images, Some(&transform)).unwrap();
        assert_eq!((strip.width, strip.height), (6, 1));
        let read = Pixmap::decode_png(&strip.png).unwrap();
        let grey: Vec<(u8, u8)> = read.pixels().iter().map(|it| (it.green(), it.alpha())).collect();
        assert_eq!(grey, [(0, 255), (255, 255), (0, 0), (0, 0), (255, 255), (128, 255)]);
    }

    #[test]
    fn colours_stay_and_what_is_no_image_is_said() {
        let images = TensorData::new(vec![1.0_f32, 0.0, 0.5], [1, 3, 1, 1]);
        let read = Pixmap::decode_png(&strip(&images, None).unwrap().png).unwrap();
        let pixel = read.pixels()[0];
        assert_eq!((pixel.red(), pixel.green(), pixel.blue()), (255, 0, 128));
        let error = strip(&TensorData::new(vec![1.0_f32], [1, 1]), None).unwrap_err();
        assert!(error.to_string().contains("are no images"), "{error}");
        let none = TensorData::new(Vec::<f32>::new(), [0, 1, 2, 2]);
        assert!(strip(&none, None).unwrap_err().to_string().contains("without a pixel"));
    }
}
