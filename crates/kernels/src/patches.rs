//! The values under every position of a window, as a matrix, and back.

use crate::geometry::Geometry;

/// Where the positions of an image are among those of several, which lie side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Images side by side.
    pub(crate) images: usize,
    /// Which of them.
    pub(crate) index: usize,
}

impl Share {
    /// All of it.
    #[cfg(test)]
    const WHOLE: Self = Self { images: 1, index: 0 };
}

/// Writes what lies under each position to the image's share of `patches`,
/// `[channels * kernel * kernel, images * positions]`. Zeros of the padding are written too.
pub(crate) fn gather(image: &[f32], geometry: &Geometry, share: Share, patches: &mut [f32]) {
    let [rows, columns] = geometry.positions();
    let [height, width] = geometry.extent;
    let kernel = geometry.kernel;
    let taps = patches.chunks_exact_mut(share.images * rows * columns).enumerate();
    for (index, all) in taps {
        let patch = &mut all[share.index * rows * columns..][..rows * columns];
        let (channel, tap) = (index / (kernel * kernel), index % (kernel * kernel));
        let plane = &image[channel * height * width..][..height * width];
        let (down, top) = geometry.inside(0, tap / kernel);
        let (across, left) = geometry.inside(1, tap % kernel);
        let padded = down.len() < rows || across.len() < columns;
        if padded {
            patch.fill(0.0);
        }
        for (step, row) in down.enumerate() {
            let line = &plane[(top + step * geometry.stride) * width..][..width];
            let written = &mut patch[row * columns..][across.clone()];
            if geometry.stride == 1 {
                written.copy_from_slice(&line[left..][..written.len()]);
            } else if !written.is_empty() {
                let values = line[left..].iter().step_by(geometry.stride);
                for (value, &found) in written.iter_mut().zip(values) {
                    *value = found;
                }
            }
        }
    }
}

/// Adds each value of the image's share of `patches` to the place of `image` that [`gather`] took it
/// from.
pub(crate) fn scatter_add(patches: &[f32], geometry: &Geometry, share: Share, image: &mut [f32]) {
    let [rows, columns] = geometry.positions();
    let [height, width] = geometry.extent;
    let kernel = geometry.kernel;
    for (index, all) in patches.chunks_exact(share.images * rows * columns).enumerate() {
        let patch = &all[share.index * rows * columns..][..rows * columns];
        let (channel, tap) = (index / (kernel * kernel), index % (kernel * kernel));
        let plane = &mut image[channel * height * width..][..height * width];
        let (down, top) = geometry.inside(0, tap / kernel);
        let (across, left) = geometry.inside(1, tap % kernel);
        for (step, row) in down.enumerate() {
            let line = &mut plane[(top + step * geometry.stride) * width..][..width];
            let added = &patch[row * columns..][across.clone()];
            if geometry.stride == 1 {
                for (value, add) in line[left..].iter_mut().zip(added) {
                    *value += add;
                }
            } else if !added.is_empty() {
                for (value, add) in line[left..].iter_mut().step_by(geometry.stride).zip(added) {
                    *value += add;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, normal};

    fn geometries() -> Vec<Geometry> {
        [(5, 3, 1, (1, 1)), (6, 2, 2, (0, 1)), (4, 5, 2, (2, 3)), (3, 1, 1, (0, 0))]
            .map(|(extent, kernel, stride, padding)| Geometry {
                channels: 2,
                extent: [extent, extent + 1],
                kernel,
                stride,
                padding: [padding, (padding.1, padding.0)],
            })
            .into()
    }

    #[test]
    fn patches_hold_what_lies_under_the_window() {
        for geometry in geometries() {
            let image = normal(geometry.image(), 3);
            let [rows, columns] = geometry.positions();
            let mut patches = vec![f32::NAN; geometry.window() * rows * columns];
            gather(&image, &geometry, Share::WHOLE, &mut patches);
            let [height, width] = geometry.extent.map(|extent| extent as isize);
            let kernel = geometry.kernel;
            for (index, &value) in patches.iter().enumerate() {
                let (tap, position) = (index / (rows * columns), index % (rows * columns));
                let (channel, tap) = (tap / (kernel * kernel), tap % (kernel * kernel));
                let place = |position: usize, tap: usize, axis: usize| {
                    (position * geometry.stride + tap) as isize - geometry.padding[axis].0 as isize
                };
                let (y, x) = (
                    place(position / columns, tap / kernel, 0),
                    place(position % columns, tap % kernel, 1),
                );
                let wanted = if (0..height).contains(&y) && (0..width).contains(&x) {
                    image[(channel as isize * height * width + y * width + x) as usize]
                } else {
                    0.0
                };
                assert_eq!(value, wanted, "{geometry:?} {index}");
            }
        }
    }

    #[test]
    fn images_side_by_side_are_those_alone() {
        for geometry in geometries() {
            let [rows, columns] = geometry.positions();
            let positions = rows * columns;
            let mut both = vec![f32::NAN; 2 * geometry.window() * positions];
            let images = [3, 4].map(|seed| normal(geometry.image(), seed));
            for (index, image) in images.iter().enumerate() {
                gather(image, &geometry, Share { images: 2, index }, &mut both);
            }
            for (index, image) in images.iter().enumerate() {
                let mut alone = vec![f32::NAN; geometry.window() * positions];
                gather(image, &geometry, Share::WHOLE, &mut alone);
                let share = Share { images: 2, index };
                let own = both.chunks_exact(2 * positions);
                let own: Vec<f32> =
                    own.flat_map(|row| row[index * positions..][..positions].to_vec()).collect();
                assert_eq!(own, alone);
                let [mut found, mut wanted] = [0, 0].map(|_| vec![0.0; image.len()]);
                scatter_add(&both, &geometry, share, &mut found);
                scatter_add(&alone, &geometry, Share::WHOLE, &mut wanted);
                assert_eq!(found, wanted);
            }
        }
    }

    /// `<gather(x), y> = <x, scatter_add(y)>`: the one is the transpose of the other.
    #[test]
    fn scattering_is_the_transpose_of_gathering() {
        for geometry in geometries() {
            let image = normal(geometry.image(), 4);
            let [rows, columns] = geometry.positions();
            let mut patches = vec![0.0; geometry.window() * rows * columns];
            gather(&image, &geometry, Share::WHOLE, &mut patches);
            let other = normal(patches.len(), 5);
            let mut back = vec![0.0; image.len()];
            scatter_add(&other, &geometry, Share::WHOLE, &mut back);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            close(&[dot(&patches, &other)], &[dot(&image, &back)], 1e-3);
        }
    }
}
