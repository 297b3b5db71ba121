//! Parts of images.

use isthmus_core::augmentation::ImagePixels;
use rand::RngExt;

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

/// A part cut out of an image.
pub(crate) fn cut(image: &ImagePixels, crop: Crop) -> ImagePixels {
    let mut pixels = Vec::with_capacity(crop.height * crop.width * image.channels);
    for row in crop.top..crop.top + crop.height {
        let start = (row * image.width + crop.left) * image.channels;
        pixels.extend_from_slice(&image.pixels[start..start + crop.width * image.channels]);
    }
    ImagePixels { channels: image.channels, height: crop.height, width: crop.width, pixels }
}

/// A random part of the image: its share of the area uniform, the logarithm of its aspect ratio
/// uniform in 3/4 to 4/3; after ten parts that do not fit, the largest centred part that does
/// (torchvision's `RandomResizedCrop`).
pub(crate) fn random_part(
    height: usize,
    width: usize,
    share: [f64; 2],
    random: &mut impl RngExt,
) -> Crop {
    const ATTEMPTS: usize = 10;
    const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];
    let area = (height * width) as f64;
    for _ in 0..ATTEMPTS {
        let part = area * random.random_range(share[0]..=share[1]);
        let ratio = random.random_range(RATIO[0].ln()..=RATIO[1].ln()).exp();
        let part_width = (part * ratio).sqrt().round() as usize;
        let part_height = (part / ratio).sqrt().round() as usize;
        if (1..=width).contains(&part_width) && (1..=height).contains(&part_height) {
            return Crop {
                top: random.random_range(0..=height - part_height),
                left: random.random_range(0..=width - part_width),
                height: part_height,
                width: part_width,
            };
        }
    }
    let ratio = (width as f64 / height as f64).clamp(RATIO[0], RATIO[1]);
    let part_width = ((height as f64 * ratio).round() as usize).clamp(1, width);
    let part_height = ((width as f64 / ratio).round() as usize).clamp(1, height);
    Crop {
        top: (height - part_height) / 2,
        left: (width - part_width) / 2,
        height: part_height,
        width: part_width,
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::random::Key;

    use super::*;

    #[test]
    fn random_parts_lie_inside_and_keep_their_ranges() {
        let mut random = Key::new(1).rng();
        for _ in 0..500 {
            let part = random_part(50, 80, [0.08, 1.0], &mut random);
            assert!(part.top + part.height <= 50 && part.left + part.width <= 80);
            let ratio = part.width as f64 / part.height as f64;
            assert!((0.6..1.65).contains(&ratio), "{part:?}");
        }
        // A strip cannot hold a part of nearly its area: the fallback is centred.
        let part = random_part(10, 100, [0.99, 1.0], &mut random);
        assert_eq!(part, Crop { top: 0, left: 43, height: 10, width: 13 });
    }
}
