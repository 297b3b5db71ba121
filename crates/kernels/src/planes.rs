//! Planes of images with zeros around, laid out so that a window's taps read neighbours.

use crate::geometry::Geometry;

/// Neighbouring positions that are computed together.
pub(crate) const BLOCK: usize = 8;

/// A plane with zeros around. A column `x` of the padded plane is the `x / stride`-th of those with
/// its remainder, which lie together in each row.
pub(crate) struct Planes {
    pub(crate) geometry: Geometry,
    /// Columns of positions.
    pub(crate) columns: usize,
    /// Columns of one remainder, and room for a last block that is not full.
    run: usize,
    /// Row by row, in each row remainder by remainder.
    pub(crate) values: Vec<f32>,
}

impl Planes {
    /// The planes of a geometry, all zero.
    pub(crate) fn new(geometry: Geometry) -> Self {
        let [_, columns] = geometry.positions();
        let padded = |axis: usize| {
            geometry.padding[axis].0 + geometry.extent[axis] + geometry.padding[axis].1
        };
        let run = (padded(1).div_ceil(geometry.stride))
            .max(columns.next_multiple_of(BLOCK) + geometry.kernel);
        let values = vec![0.0; padded(0) * geometry.stride * run];
        Self { geometry, columns, run, values }
    }

    /// Where the run begins that a tap reads at a row of positions.
    #[inline(always)]
    pub(crate) fn start(&self, row: usize, down: usize, across: usize) -> usize {
        let Geometry { stride, .. } = self.geometry;
        ((row * stride + down) * stride + across % stride) * self.run + across / stride
    }

    /// Takes a plane in. What is around it stays zero.
    pub(crate) fn fill(&mut self, plane: &[f32]) {
        let Geometry { extent: [_, width], stride, padding, .. } = self.geometry;
        let (above, left) = (padding[0].0, padding[1].0);
        for (row, line) in plane.chunks_exact(width.max(1)).enumerate() {
            let start = (above + row) * stride * self.run;
            if stride == 1 {
                self.values[start + left..][..width].copy_from_slice(line);
                continue;
            }
            for remainder in 0..stride {
                // The first column of this remainder.
                let first = (remainder + stride - left % stride) % stride;
                let run = &mut self.values[start + remainder * self.run..];
                let run = &mut run[(left + first) / stride..];
                for (to, &value) in run.iter_mut().zip(line.iter().skip(first).step_by(stride)) {
                    *to = value;
                }
            }
        }
    }

    /// Gives the plane out, without what is around it.
    pub(crate) fn read(&self, plane: &mut [f32]) {
        let Geometry { extent: [_, width], stride, padding, .. } = self.geometry;
        let (above, left) = (padding[0].0, padding[1].0);
        for (row, line) in plane.chunks_exact_mut(width.max(1)).enumerate() {
            let start = (above + row) * stride * self.run;
            for remainder in 0..stride {
                let first = (remainder + stride - left % stride) % stride;
                let run = &self.values[start + remainder * self.run..];
                let run = &run[(left + first) / stride..];
                for (to, &value) in line.iter_mut().skip(first).step_by(stride).zip(run) {
                    *to = value;
                }
            }
        }
    }

    /// Makes all of it zero.
    pub(crate) fn clear(&mut self) {
        self.values.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal;

    #[test]
    fn a_tap_reads_what_lies_under_it_and_the_plane_comes_back() {
        for (extent, kernel, stride, padding) in [
            ([5, 6], 3, 1, [(1, 1), (0, 2)]),
            ([7, 9], 5, 2, [(1, 2), (2, 2)]),
            ([6, 11], 2, 3, [(0, 0), (1, 0)]),
        ] {
            let geometry = Geometry { channels: 1, extent, kernel, stride, padding };
            let [height, width] = extent;
            let plane = normal(height * width, 1);
            let mut planes = Planes::new(geometry);
            planes.fill(&plane);
            let [rows, columns] = geometry.positions();
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |it| (row, it))) {
                for (down, across) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
                    let y = (row * stride + down).checked_sub(padding[0].0);
                    let x = (column * stride + across).checked_sub(padding[1].0);
                    let wanted = match (y, x) {
                        (Some(y), Some(x)) if y < height && x < width => plane[y * width + x],
                        _ => 0.0,
                    };
                    let found = planes.values[planes.start(row, down, across) + column];
                    assert_eq!(found, wanted, "{geometry:?} {row} {column} {down} {across}");
                }
            }
            let mut back = vec![f32::NAN; plane.len()];
            planes.read(&mut back);
            assert_eq!(back, plane);
        }
    }
}
