//! A black border around images.

use isthmus_core::augmentation::ImagePixels;

/// The size of an image of this size with a border to `side` pixels.
pub(crate) fn padded_size(height: usize, width: usize, side: Option<usize>) -> [usize; 2] {
    let side = side.unwrap_or(0);
    [height.max(side), width.max(side)]
}

/// The image in the middle of a black one of `side` pixels; sides that are longer stay. What cannot
/// be halved goes below and to the right.
pub(crate) fn padded(image: ImagePixels, side: Option<usize>) -> ImagePixels {
    let [height, width] = padded_size(image.height, image.width, side);
    if [height, width] == [image.height, image.width] {
        return image;
    }
    let (top, left) = ((height - image.height) / 2, (width - image.width) / 2);
    let mut pixels = vec![0; height * width * image.channels];
    let row = image.width * image.channels;
    for (number, own) in image.pixels.chunks_exact(row).enumerate() {
        let start = ((top + number) * width + left) * image.channels;
        pixels[start..start + row].copy_from_slice(own);
    }
    ImagePixels { height, width, pixels, ..image }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_in_the_middle_and_larger_ones_stay() {
        let pixels = (1..=6).collect();
        let image = ImagePixels { channels: 3, height: 1, width: 2, pixels };
        let wide = padded(image.clone(), Some(4));
        assert_eq!((wide.height, wide.width), (4, 4));
        let mut expected = vec![0; 4 * 4 * 3];
        expected[4 * 3 + 3..4 * 3 + 9].copy_from_slice(&image.pixels);
        assert_eq!(wide.pixels, expected);
        assert_eq!(padded(image.clone(), Some(1)), image);
        assert_eq!(padded(image.clone(), None), image);
        assert_eq!(padded_size(1, 5, Some(4)), [4, 5]);
    }
}
