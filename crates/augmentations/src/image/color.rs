//! Operations on the values of pixels. Numbers are those of Pillow's `ImageOps` and `ImageEnhance`.

use isthmus_core::augmentation::ImagePixels;

/// Stretches each channel so that its darkest value is 0 and its brightest 255.
pub(crate) fn autocontrast(image: &mut ImagePixels) {
    by_channel(image, |counts| {
        let lowest = counts.iter().position(|&count| count > 0)?;
        let highest = counts.iter().rposition(|&count| count > 0)?;
        if highest <= lowest {
            return None;
        }
        let scale = 255.0 / (highest - lowest) as f64;
        let offset = -(lowest as f64) * scale;
        Some(table(|value| (value as f64 * scale + offset) as i64))
    });
}

/// Spreads the values of each channel so that all are equally frequent, as far as can be.
pub(crate) fn equalize(image: &mut ImagePixels) {
    by_channel(image, |counts| {
        let last = counts.iter().rev().find(|&&count| count > 0)?;
        let step = (counts.iter().sum::<usize>() - last) / 255;
        if step == 0 {
            return None;
        }
        let mut sum = step / 2;
        Some(std::array::from_fn(|value| {
            let equalized = (sum / step).min(255);
            sum += counts[value];
            equalized as u8
        }))
    });
}

/// Keeps the `bits` highest bits of each value.
pub(crate) fn posterize(image: &mut ImagePixels, bits: u32) {
    let mask = match bits {
        0 => 0,
        bits => u8::MAX << (8 - bits.min(8)),
    };
    image.pixels.iter_mut().for_each(|value| *value &= mask);
}

/// Inverts values of at least `threshold`.
pub(crate) fn solarize(image: &mut ImagePixels, threshold: f64) {
    for value in image.pixels.iter_mut().filter(|value| f64::from(**value) >= threshold) {
        *value = 255 - *value;
    }
}

/// Multiplies the values by `factor`.
pub(crate) fn brightness(image: &mut ImagePixels, factor: f64) {
    image.pixels.iter_mut().for_each(|value| *value = blend(0, *value, factor));
}

/// Moves each pixel from its grey (factor 0) through its own colour (1) beyond. Grey images stay.
pub(crate) fn color(image: &mut ImagePixels, factor: f64) {
    if image.channels != 3 {
        return;
    }
    for pixel in image.pixels.chunks_exact_mut(3) {
        let grey = luma(pixel);
        pixel.iter_mut().for_each(|value| *value = blend(grey, *value, factor));
    }
}

/// Moves each value from the image's mean grey (factor 0) through itself (1) beyond.
pub(crate) fn contrast(image: &mut ImagePixels, factor: f64) {
    let greys = image.pixels.chunks_exact(image.channels).map(|pixel| match pixel {
        [grey] => u64::from(*grey),
        colour => u64::from(luma(colour)),
    });
    let count = (image.height * image.width).max(1);
    let mean = (greys.sum::<u64>() as f64 / count as f64 + 0.5) as u8;
    image.pixels.iter_mut().for_each(|value| *value = blend(mean, *value, factor));
}

/// Moves each value from a smoothed image (factor 0) through itself (1) beyond.
pub(crate) fn sharpness(image: &mut ImagePixels, factor: f64) {
    let original = image.clone();
    let ImagePixels { channels, height, width, .. } = original;
    let at = |row: usize, column: usize, channel: usize| {
        f64::from(original.pixels[(row * width + column) * channels + channel])
    };
    // The border has no neighbours to be smoothed with.
    for row in 1..height.saturating_sub(1) {
        for column in 1..width.saturating_sub(1) {
            for channel in 0..channels {
                let around =
                    (0..9).map(|place| at(row + place / 3 - 1, column + place % 3 - 1, channel));
                let own = at(row, column, channel);
                let smooth = ((around.sum::<f64>() + 4.0 * own) / 13.0 + 0.5) as u8;
                let value = &mut image.pixels[(row * width + column) * channels + channel];
                *value = blend(smooth, *value, factor);
            }
        }
    }
}

/// `from + factor * (to - from)`, cut off to a byte.
fn blend(from: u8, to: u8, factor: f64) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + factor as f32 * (to - from)).clamp(0.0, 255.0) as u8
}

/// Grey by ITU-R 601, in the integers that Pillow uses.
pub(crate) fn luma(rgb: &[u8]) -> u8 {
    let [red, green, blue] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
}

fn table(value: impl Fn(usize) -> i64) -> [u8; 256] {
    std::array::from_fn(|index| value(index).clamp(0, 255) as u8)
}

/// Maps each channel by a table that is made from how often each value is there.
fn by_channel(image: &mut ImagePixels, table: impl Fn(&[usize; 256]) -> Option<[u8; 256]>) {
    for channel in 0..image.channels {
        let mut counts = [0; 256];
        for &value in image.pixels.iter().skip(channel).step_by(image.channels) {
            counts[usize::from(value)] += 1;
        }
        let Some(table) = table(&counts) else { continue };
        for value in image.pixels.iter_mut().skip(channel).step_by(image.channels) {
            *value = table[usize::from(*value)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{colours, grey_ramp};

    /// The sum of the values, and of the values times their places from 1.
    fn sums(image: &ImagePixels) -> [u64; 2] {
        let values = || image.pixels.iter().map(|&value| u64::from(value));
        [values().sum(), values().zip(1..).map(|(value, place)| value * place).sum()]
    }

    #[test]
    fn the_operations_are_those_of_pillow() {
        // Computed by Pillow 13 from the same image.
        type Change = fn(&mut ImagePixels);
        let cases: [(&str, Change, [u64; 2]); 12] = [
            ("autocontrast", autocontrast, [11_434, 535_934]),
            ("equalize", equalize, [11_139, 522_154]),
            ("posterize", |image| posterize(image, 3), [9_760, 458_432]),
            ("solarize", |image| solarize(image, 100.0), [5_992, 271_610]),
            ("color 0.1", |image| color(image, 0.1), [11_169, 531_145]),
            ("color 1.9", |image| color(image, 1.9), [11_375, 530_709]),
            ("contrast 0.1", |image| contrast(image, 0.1), [11_198, 511_019]),
            ("contrast 1.9", |image| contrast(image, 1.9), [11_198, 527_788]),
            ("brightness 0.1", |image| brightness(image, 0.1), [1_074, 50_399]),
            ("brightness 1.9", |image| brightness(image, 1.9), [16_555, 768_641]),
            ("sharpness 0.1", |image| sharpness(image, 0.1), [11_122, 520_115]),
            ("sharpness 1.9", |image| sharpness(image, 1.9), [11_146, 524_062]),
        ];
        for (name, change, want) in cases {
            let mut image = colours();
            change(&mut image);
            assert_eq!(sums(&image), want, "{name}");
        }
        let mut dull = ImagePixels { channels: 3, height: 20, width: 30, pixels: Vec::new() };
        dull.pixels = (0..20 * 30 * 3).map(|index| (60 + index * 37 % 101) as u8).collect();
        equalize(&mut dull);
        assert_eq!(sums(&dull), [261_987, 235_966_349]);
    }

    #[test]
    fn posterize_and_solarize_work_by_bits_and_threshold() {
        let mut image = grey_ramp();
        posterize(&mut image, 2);
        assert!(image.pixels.iter().all(|value| value % 64 == 0));
        let mut image = grey_ramp();
        let before = image.pixels.clone();
        solarize(&mut image, 128.0);
        for (after, before) in image.pixels.iter().zip(before) {
            assert_eq!(*after, if before >= 128 { 255 - before } else { before });
        }
        let mut image = grey_ramp();
        posterize(&mut image, 8);
        solarize(&mut image, 256.0);
        assert_eq!(image, grey_ramp());
    }

    #[test]
    fn a_flat_image_has_no_contrast_to_stretch() {
        let flat = ImagePixels { channels: 1, height: 2, width: 2, pixels: vec![7; 4] };
        for change in [autocontrast, equalize] {
            let mut image = flat.clone();
            change(&mut image);
            assert_eq!(image, flat);
        }
    }

    #[test]
    fn a_factor_of_one_changes_nothing() {
        for change in [brightness, color, contrast, sharpness] {
            let mut image = colours();
            change(&mut image, 1.0);
            assert_eq!(image, colours());
        }
    }
}
