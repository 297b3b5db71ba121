//! Affine maps of images, bilinear, around the centre. What comes in from outside is filled.

use isthmus_core::augmentation::ImagePixels;

use super::between;

/// Rotates counter-clockwise by `degrees`.
pub(crate) fn rotate(image: &mut ImagePixels, degrees: f64, fill: u8) {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    map(image, fill, |x, y| (cosine * x - sine * y, sine * x + cosine * y));
}

/// Moves each row by `slope` times its distance from the centre.
pub(crate) fn shear_x(image: &mut ImagePixels, slope: f64, fill: u8) {
    map(image, fill, |x, y| (x + slope * y, y));
}

/// Moves each column by `slope` times its distance from the centre.
pub(crate) fn shear_y(image: &mut ImagePixels, slope: f64, fill: u8) {
    map(image, fill, |x, y| (x, y + slope * x));
}

/// Moves right by `x` and down by `y` pixels.
pub(crate) fn translate(image: &mut ImagePixels, [right, down]: [f64; 2], fill: u8) {
    map(image, fill, |x, y| (x - right, y - down));
}

/// Fills each pixel from the place that `from` tells, in pixels from the centre.
fn map(image: &mut ImagePixels, fill: u8, from: impl Fn(f64, f64) -> (f64, f64)) {
    let original = image.clone();
    let ImagePixels { channels, height, width, .. } = original;
    let centre = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
    let at = |column: i64, row: i64, channel: usize| {
        let inside = (0..width as i64).contains(&column) && (0..height as i64).contains(&row);
        match inside {
            true => {
                let pixel = row as usize * width + column as usize;
                f64::from(original.pixels[pixel * channels + channel])
            }
            false => f64::from(fill),
        }
    };
    for row in 0..height {
        for column in 0..width {
            let (x, y) = from(column as f64 - centre[0], row as f64 - centre[1]);
            let (x, y) = (x + centre[0], y + centre[1]);
            for channel in 0..channels {
                let value = between(x, y, |column, row| at(column, row, channel));
                image.pixels[(row * width + column) * channels + channel] = value.round() as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{colours, grey_ramp};

    fn changed(image: ImagePixels, change: impl Fn(&mut ImagePixels)) -> ImagePixels {
        let mut image = image;
        change(&mut image);
        image
    }

    #[test]
    fn nothing_moves_by_nothing() {
        assert_eq!(changed(colours(), |image| rotate(image, 0.0, 9)), colours());
        assert_eq!(changed(colours(), |image| shear_x(image, 0.0, 9)), colours());
        assert_eq!(changed(colours(), |image| translate(image, [0.0; 2], 9)), colours());
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let image = ImagePixels { channels: 1, height: 3, width: 3, pixels: (1..10).collect() };
        let turned = changed(image, |image| rotate(image, 90.0, 0));
        assert_eq!(turned.pixels, [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    }

    #[test]
    fn moved_pixels_leave_the_fill_behind() {
        let ramp = grey_ramp();
        let width = ramp.width;
        let moved = changed(ramp.clone(), |image| translate(image, [2.0, -1.0], 77));
        for row in 0..ramp.height {
            for column in 0..width {
                let want = match (column >= 2, row + 1 < ramp.height) {
                    (true, true) => ramp.pixels[(row + 1) * width + column - 2],
                    _ => 77,
                };
                assert_eq!(moved.pixels[row * width + column], want);
            }
        }
        // Half a pixel is the mean of two.
        let image = ImagePixels { channels: 1, height: 1, width: 3, pixels: vec![10, 20, 40] };
        let moved = changed(image, |image| translate(image, [0.5, 0.0], 0));
        assert_eq!(moved.pixels, [5, 15, 30]);
    }

    #[test]
    fn a_shear_keeps_the_middle_row() {
        let image = ImagePixels { channels: 1, height: 3, width: 3, pixels: (1..10).collect() };
        let sheared = changed(image.clone(), |image| shear_x(image, 1.0, 0));
        assert_eq!(sheared.pixels, [0, 1, 2, 4, 5, 6, 8, 9, 0]);
        let sheared = changed(image, |image| shear_y(image, 1.0, 0));
        assert_eq!(sheared.pixels, [0, 2, 6, 1, 5, 9, 4, 8, 0]);
    }
}
