//! What the tests of augmentations share.

use isthmus_core::augmentation::{Augmentation, ImagePixels, SampleMut};
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::random::Key;

/// A small colour image, every value different.
pub(crate) fn colours() -> ImagePixels {
    let pixels = (0..6 * 5 * 3).map(|index| (index * 37 % 251) as u8).collect();
    ImagePixels { channels: 3, height: 5, width: 6, pixels }
}

/// A grey image from dark to bright.
pub(crate) fn grey_ramp() -> ImagePixels {
    let pixels = (0..8 * 8).map(|index| (20 + index * 3) as u8).collect();
    ImagePixels { channels: 1, height: 8, width: 8, pixels }
}

/// An image, changed.
pub(crate) fn image(
    augmentation: &dyn Augmentation,
    image: &ImagePixels,
    key: &Key,
) -> ImagePixels {
    let mut image = image.clone();
    let dims = (image.channels, image.height, image.width);
    augmentation.apply(SampleMut::Image(&mut image), key);
    assert_eq!((image.channels, image.height, image.width), dims);
    assert_eq!(image.pixels.len(), dims.0 * dims.1 * dims.2);
    image
}

/// A feature vector, changed.
pub(crate) fn features(augmentation: &dyn Augmentation, values: &[f32], key: &Key) -> Vec<f32> {
    let mut values = values.to_vec();
    augmentation.apply(SampleMut::Features(&mut values), key);
    values
}

/// A series of two channels, changed.
pub(crate) fn series(augmentation: &dyn Augmentation, values: &[f32], key: &Key) -> Vec<f32> {
    let mut values = values.to_vec();
    let length = values.len() / 2;
    augmentation.apply(SampleMut::Series { length, values: &mut values }, key);
    values
}

/// Asserts that what a key makes is always the same, and that other keys make something else.
pub(crate) fn assert_by_key<T: PartialEq + std::fmt::Debug>(change: impl Fn(&Key) -> T) {
    let key = Key::new(3);
    let made: Vec<T> = (0..20).map(|index| change(&key.at(index))).collect();
    let again: Vec<T> = (0..20).rev().map(|index| change(&key.at(index))).collect();
    assert!(made.iter().eq(again.iter().rev()), "equal keys make different samples");
    let different = made.iter().filter(|one| **one != made[0]).count();
    assert!(different > 10, "only {different} of 20 keys make another sample");
}

/// Mean and standard deviation.
pub(crate) fn moments(values: &[f32]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let square = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    [mean, (square / count).sqrt()]
}

/// A grey image of one value.
pub(crate) fn flat(value: u8) -> ImagePixels {
    ImagePixels { channels: 1, height: 100, width: 100, pixels: vec![value; 10_000] }
}

/// An image, corrupted.
pub(crate) fn corrupted(
    corruption: &dyn Corruption,
    image: &ImagePixels,
    severity: Severity,
) -> ImagePixels {
    let mut image = image.clone();
    let size = image.pixels.len();
    corruption.apply(SampleMut::Image(&mut image), severity, &Key::new(4));
    assert_eq!(image.pixels.len(), size);
    image
}

/// Asserts that what a key makes of an image is always the same, other keys make something else, and
/// stronger corruptions are further from the image.
pub(crate) fn assert_corrupts_by_key(corruption: &dyn Corruption) {
    let changed = |severity, key: &Key| {
        let mut image = flat(100);
        corruption.apply(SampleMut::Image(&mut image), severity, key);
        image
    };
    assert_by_key(|key| changed(Severity::ALL[2], key));
    let distances = Severity::ALL.map(|severity| {
        let pixels = changed(severity, &Key::new(5)).pixels;
        pixels.iter().map(|&value| u64::from(value.abs_diff(100))).sum::<u64>()
    });
    assert!(distances.is_sorted() && distances[0] > 0, "{distances:?}");
}

/// A picture of edges, slopes and stripes.
pub(crate) fn picture(channels: usize, height: usize, width: usize) -> ImagePixels {
    let mut pixels = Vec::with_capacity(channels * height * width);
    for row in 0..height {
        for column in 0..width {
            let [down, right] =
                [(row, height), (column, width)].map(|(at, side)| (at as f32 + 0.5) / side as f32);
            let disk = if (down - 0.4).hypot(right - 0.6) < 0.25 { 80.0 } else { 0.0 };
            let stripe =
                if (((right + down) * 24.0) as usize).is_multiple_of(2) { 30.0 } else { 0.0 };
            let grey = 40.0 + 60.0 * right + disk + stripe;
            pixels.extend((0..channels).map(|channel| (grey * (1.0 - 0.2 * channel as f32)) as u8));
        }
    }
    ImagePixels { channels, height, width, pixels }
}

/// A black square of grey with a white pixel in its centre.
pub(crate) fn point(side: usize) -> ImagePixels {
    let mut pixels = vec![0; side * side];
    pixels[side / 2 * side + side / 2] = 255;
    ImagePixels { channels: 1, height: side, width: side, pixels }
}

/// Mean absolute difference of the values of two images.
pub(crate) fn distance(one: &ImagePixels, other: &ImagePixels) -> f64 {
    let pairs = one.pixels.iter().zip(&other.pixels);
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / one.pixels.len().max(1) as f64
}

/// Asserts that every severity changes pictures of usual sizes, always in the same way, and fits the
/// smallest ones.
pub(crate) fn assert_changes_pictures(corruption: &dyn Corruption) {
    for (channels, [height, width]) in [1, 3].into_iter().flat_map(|channels| {
        [[1, 1], [1, 3], [2, 2], [5, 40], [28, 28], [224, 224]].map(|size| (channels, size))
    }) {
        let image = picture(channels, height, width);
        for severity in Severity::ALL {
            let changed = corrupted(corruption, &image, severity);
            assert_eq!((changed.height, changed.width), (height, width));
            assert_eq!(changed, corrupted(corruption, &image, severity));
            assert!(height < 28 || changed != image, "{channels}, {height}, {severity}");
        }
    }
}

/// Asserts the same, and that stronger corruptions are further from a picture on average.
pub(crate) fn assert_corrupts_pictures(corruption: &dyn Corruption) {
    assert_changes_pictures(corruption);
    for channels in [1, 3] {
        let image = picture(channels, 120, 112);
        let distances = Severity::ALL.map(|severity| {
            let distances = (0..6).map(|key| {
                let mut changed = image.clone();
                corruption.apply(SampleMut::Image(&mut changed), severity, &Key::new(key));
                distance(&changed, &image)
            });
            distances.sum::<f64>() / 6.0
        });
        // Of ImageNet-C, too, one severity is sometimes nearer to the image than the one before.
        let [first, second, _, fourth, fifth] = distances;
        assert!(first > 0.0 && first < fifth && first + second < fourth + fifth, "{distances:?}");
    }
}

/// Asserts that other keys make something else of a picture.
pub(crate) fn assert_draws_by_key(corruption: &dyn Corruption) {
    assert_by_key(|key| {
        let mut image = picture(3, 28, 28);
        corruption.apply(SampleMut::Image(&mut image), Severity::ALL[4], key);
        image
    });
}
