//! Filters that take a mean over points around each pixel.

/// The weights of the pixels around one; their sum is 1.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// How many pixels it reaches to each side.
    reach: usize,
    /// `[2 reach + 1, 2 reach + 1]`, row by row.
    weights: Vec<f32>,
}

impl Kernel {
    /// The weighted mean over points around a pixel: how far right and down of it each is, in pixels,
    /// and its weight. Between pixels values are linear, so that points closer than a pixel count.
    pub fn over(points: &[(f64, f64, f64)]) -> Self {
        let furthest = |(right, down, _): &(f64, f64, f64)| right.abs().max(down.abs());
        let reach = points.iter().map(furthest).fold(0.0, f64::max).ceil() as usize;
        let side = 2 * reach + 1;
        let mut weights = vec![0.0; side * side];
        let total: f64 = points.iter().map(|(.., weight)| weight).sum();
        for &(right, down, weight) in points {
            let (left, top) = (right.floor(), down.floor());
            for (rows, row_share) in [(0.0, 1.0 - (down - top)), (1.0, down - top)] {
                for (columns, share) in [(0.0, 1.0 - (right - left)), (1.0, right - left)] {
                    let share = share * row_share;
                    if share > 0.0 {
                        let row = (top + rows + reach as f64) as usize;
                        let column = (left + columns + reach as f64) as usize;
                        weights[row * side + column] += share * weight / total;
                    }
                }
            }
        }
        Self { reach, weights: weights.into_iter().map(|weight| weight as f32).collect() }
    }

    /// Blur along a line that begins at each pixel: weights fall with the distance as half a Gaussian
    /// of this standard deviation, and end at `length`, both in pixels. The line goes to the right, turned
    /// counter-clockwise by `degrees`.
    pub fn along_line(length: f64, deviation: f64, degrees: f64) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        // Four points a pixel.
        let count = (length * 4.0).ceil().max(1.0) as usize;
        let points = (0..=count).map(|point| {
            let distance = length * point as f64 / count as f64;
            let weight = (-0.5 * (distance / deviation).powi(2)).exp();
            (distance * cosine, -distance * sine, weight)
        });
        Self::over(&points.collect::<Vec<_>>())
    }

    /// The mean over a disk of this radius in pixels.
    pub fn disk(radius: f64) -> Self {
        // Four points a pixel, and enough for a disk within a pixel.
        let half = (radius * 4.0).ceil().max(8.0) as i64;
        let place = |index: i64| radius * index as f64 / half as f64;
        let points = (-half..=half)
            .flat_map(|row| (-half..=half).map(move |column| (place(column), place(row), 1.0)))
            .filter(|(right, down, _)| right.hypot(*down) <= radius);
        Self::over(&points.collect::<Vec<_>>())
    }

    /// How many pixels it reaches to each side.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// The rows and columns of the kernel with their weights, but for those of no weight.
    pub fn weights(&self) -> impl Iterator<Item = (usize, usize, f32)> {
        let side = 2 * self.reach + 1;
        let all = self.weights.iter().enumerate();
        all.filter(|(_, weight)| **weight > 0.0)
            .map(move |(place, weight)| (place / side, place % side, *weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weighted mean of how far right and down the kernel's pixels are, and the sum of weights.
    fn centre(kernel: &Kernel) -> [f32; 3] {
        let reach = kernel.reach() as f32;
        kernel.weights().fold([0.0; 3], |[right, down, sum], (row, column, weight)| {
            let (row, column) = (row as f32 - reach, column as f32 - reach);
            [right + weight * column, down + weight * row, sum + weight]
        })
    }

    #[test]
    fn weights_sum_to_one_and_are_where_the_points_are() {
        let close = |have: [f32; 3], want: [f32; 3]| {
            assert!(have.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "{have:?}");
        };
        close(centre(&Kernel::over(&[(0.25, -1.5, 2.0)])), [0.25, -1.5, 1.0]);
        for radius in [0.3, 1.0, 7.7] {
            close(centre(&Kernel::disk(radius)), [0.0, 0.0, 1.0]);
        }
        let [right, down, sum] = centre(&Kernel::along_line(8.0, 3.0, 90.0));
        assert!(right.abs() < 1e-5 && down < -1.0 && (sum - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_line_is_as_long_as_stated() {
        let kernel = Kernel::along_line(6.0, 100.0, 0.0);
        let columns: Vec<usize> = kernel.weights().map(|(_, column, _)| column).collect();
        assert_eq!(columns, [6, 7, 8, 9, 10, 11, 12]);
    }
}
