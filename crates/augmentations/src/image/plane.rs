//! One channel of an image in numbers: filtered, and read between its pixels.

use isthmus_core::augmentation::ImagePixels;

use super::Kernel;

/// The value of a white pixel.
pub(crate) const WHITE: f32 = 255.0;
/// Where a Gaussian filter is cut off, in standard deviations.
const CUT_OFF: f32 = 4.0;

/// A value in [0, 1], cut off to a byte.
pub(crate) fn byte(value: f32) -> u8 {
    (value * WHITE).round().clamp(0.0, WHITE) as u8
}

/// Values `[height, width]`; of a channel of an image 0 for black and 1 for white. Beyond the border
/// they are those of the border.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plane {
    /// Height in pixels, at least 1.
    pub height: usize,
    /// Width in pixels, at least 1.
    pub width: usize,
    /// The values, row by row.
    pub values: Vec<f32>,
}

/// Changes each channel of an image. An image without pixels stays as it is.
pub(crate) fn change_channels(image: &mut ImagePixels, change: impl Fn(&Plane) -> Plane) {
    if image.pixels.is_empty() {
        return;
    }
    for channel in 0..image.channels {
        let changed = change(&Plane::of(image, channel));
        let own = image.pixels.iter_mut().skip(channel).step_by(image.channels);
        own.zip(changed.values).for_each(|(pixel, value)| *pixel = byte(value));
    }
}

/// `values` at a place between their indices, linearly; `at` gives those at whole indices.
pub(crate) fn between(x: f64, y: f64, at: impl Fn(i64, i64) -> f64) -> f64 {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (x - left, y - top);
    let (left, top) = (left as i64, top as i64);
    let in_row = |row: i64| at(left, row) * (1.0 - right_share) + at(left + 1, row) * right_share;
    in_row(top) * (1.0 - lower_share) + in_row(top + 1) * lower_share
}

impl Plane {
    /// A channel of an image.
    pub fn of(image: &ImagePixels, channel: usize) -> Self {
        let own = image.pixels.iter().skip(channel).step_by(image.channels);
        let values = own.map(|&value| f32::from(value) / WHITE).collect();
        Self { height: image.height, width: image.width, values }
    }

    /// The values that `of` gives for rows and columns, row by row.
    pub fn from_places(
        [height, width]: [usize; 2],
        mut of: impl FnMut(usize, usize) -> f32,
    ) -> Self {
        let mut values = Vec::with_capacity(height * width);
        for row in 0..height {
            values.extend((0..width).map(|column| of(row, column)));
        }
        Self { height, width, values }
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// The value at a column and a row.
    pub fn at(&self, column: i64, row: i64) -> f32 {
        let inside = |place: i64, size: usize| place.clamp(0, size as i64 - 1) as usize;
        self.values[inside(row, self.height) * self.width + inside(column, self.width)]
    }

    /// The value at a place between the pixels, `x` columns and `y` rows from the first pixel's centre.
    pub fn between(&self, x: f64, y: f64) -> f32 {
        between(x, y, |column, row| f64::from(self.at(column, row))) as f32
    }

    /// The smallest and the largest value.
    pub fn range(&self) -> [f32; 2] {
        let extreme = |of: fn(f32, f32) -> f32| self.values.iter().copied().reduce(of);
        [extreme(f32::min).unwrap_or(0.0), extreme(f32::max).unwrap_or(0.0)]
    }

    /// Filtered by a Gaussian of this standard deviation in pixels, cut off at four of them.
    pub fn blurred(&self, deviation: f32) -> Self {
        if deviation <= 0.0 {
            return self.clone();
        }
        let weights = gaussian(deviation);
        let (height, width) = (self.height, self.width);
        let rows =
            filter(&self.values, height, width, &weights, |row, column| row * width + column);
        let values = filter(&rows, width, height, &weights, |column, row| row * width + column);
        Self { height, width, values }
    }

    /// Filtered by a kernel.
    pub fn filtered(&self, kernel: &Kernel) -> Self {
        let (height, width, reach) = (self.height, self.width, kernel.reach());
        let wide = width + 2 * reach;
        let bordered = Self::from_places([height + 2 * reach, wide], |row, column| {
            self.at(column as i64 - reach as i64, row as i64 - reach as i64)
        });
        let mut values = vec![0.0; self.values.len()];
        for (down, right, weight) in kernel.weights() {
            for (row, sums) in values.chunks_exact_mut(width).enumerate() {
                let from = &bordered.values[(row + down) * wide + right..][..width];
                sums.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Self { height, width, values }
    }
}

/// Weights of a Gaussian filter at distances 0, 1, …; of all on both sides the sum is 1.
pub(crate) fn gaussian(deviation: f32) -> Vec<f32> {
    let radius = (CUT_OFF * deviation).ceil() as usize;
    let mut weights: Vec<f32> =
        (0..=radius).map(|distance| (-0.5 * (distance as f32 / deviation).powi(2)).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// Filters lines of `length` values; `at` is where a value of a line stands.
fn filter(
    values: &[f32],
    lines: usize,
    length: usize,
    weights: &[f32],
    at: impl Fn(usize, usize) -> usize,
) -> Vec<f32> {
    let mut filtered = vec![0.0; values.len()];
    for line in 0..lines {
        for place in 0..length {
            let value = |place: usize| values[at(line, place.min(length - 1))];
            let both = |(distance, weight): (usize, &f32)| {
                weight * (value(place + distance) + value(place.saturating_sub(distance)))
            };
            let around: f32 = weights.iter().enumerate().skip(1).map(both).sum();
            filtered[at(line, place)] = weights[0] * value(place) + around;
        }
    }
    filtered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_the_filter() {
        let point = |row, column| if (row, column) == (14, 14) { 1.0 } else { 0.0 };
        let blurred = Plane::from_places([28, 28], point).blurred(1.0);
        let weights = gaussian(1.0);
        for (row, column) in [(14, 14), (14, 15), (13, 14), (15, 16)] {
            let [down, right] =
                [row, column].map(|place: i64| weights[place.abs_diff(14) as usize]);
            assert!((blurred.at(column, row) - down * right).abs() < 1e-6);
        }
    }

    #[test]
    fn values_between_pixels_are_linear_and_the_border_goes_on() {
        let plane = Plane::from_places([2, 3], |row, column| (row * 10 + column) as f32);
        assert_eq!(plane.between(1.5, 0.5), 6.5);
        assert_eq!(plane.between(2.0, 1.0), 12.0);
        assert_eq!(plane.between(-3.0, 7.0), 10.0);
        assert_eq!(plane.range(), [0.0, 12.0]);
    }
}
