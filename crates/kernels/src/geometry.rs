//! Where a window stands in an image.

/// How a square window moves over an image of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Channels of the image.
    pub channels: usize,
    /// Height and width of the image.
    pub extent: [usize; 2],
    /// Height and width of the window.
    pub kernel: usize,
    /// Step between positions, both ways.
    pub stride: usize,
    /// Rows of zeros above and below, columns of zeros left and right.
    pub padding: [(usize, usize); 2],
}

impl Geometry {
    /// Rows and columns of positions.
    ///
    /// # Panics
    /// If the window is larger than the padded image, or the stride is 0.
    pub fn positions(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            let (before, after) = self.padding[axis];
            let padded = before + self.extent[axis] + after;
            assert!(
                padded >= self.kernel && self.stride > 0,
                "a window of {} with stride {} does not fit into {padded}",
                self.kernel,
                self.stride
            );
            (padded - self.kernel) / self.stride + 1
        })
    }

    /// Values under one window.
    pub(crate) fn window(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Values of an image.
    pub(crate) fn image(&self) -> usize {
        self.channels * self.extent[0] * self.extent[1]
    }

    /// Whether the window is one pixel that stands on every pixel in turn.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == [(0, 0); 2]
    }

    /// The positions along `axis` at which a window's `tap`-th row (or column) falls onto the
    /// image, and where the first of them falls.
    pub(crate) fn inside(&self, axis: usize, tap: usize) -> (std::ops::Range<usize>, usize) {
        let before = self.padding[axis].0;
        let positions = self.positions()[axis];
        let first = before.saturating_sub(tap).div_ceil(self.stride);
        let end = (before + self.extent[axis]).saturating_sub(tap).div_ceil(self.stride);
        let first = first.min(positions);
        let end = end.clamp(first, positions);
        (first..end, (first * self.stride + tap).saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_the_taps_that_fall_onto_the_image_agree_with_counting() {
        for (extent, kernel, stride, padding) in
            [(5, 3, 1, (1, 1)), (7, 3, 2, (0, 1)), (4, 5, 2, (2, 3)), (1, 1, 3, (0, 0))]
        {
            let geometry = Geometry {
                channels: 1,
                extent: [extent; 2],
                kernel,
                stride,
                padding: [padding; 2],
            };
            for tap in 0..kernel {
                let place = |position: usize| (position * stride + tap).checked_sub(padding.0);
                let all: Vec<usize> = (0..geometry.positions()[0])
                    .filter(|&position| place(position).is_some_and(|place| place < extent))
                    .collect();
                let (range, first) = geometry.inside(0, tap);
                assert_eq!(range.clone().collect::<Vec<_>>(), all, "{geometry:?} {tap}");
                if let Some(&start) = all.first() {
                    assert_eq!(Some(first), place(start));
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_window_beyond_the_image_is_refused() {
        Geometry { channels: 1, extent: [2; 2], kernel: 3, stride: 1, padding: [(0, 0); 2] }
            .positions();
    }
}
