//! Resizing by convolution, in the integers of Pillow (`Image.resize`), so that resized images
//! are the very ones that common pretrained weights and published results saw.
//!
//! The kernel widens when the image shrinks (antialiasing); columns are resized first, each pass
//! rounds to bytes. (Pillow 13 takes the rows first for some images that lose much more height
//! than width, which changes some bytes of those.)

use isthmus_core::spec::Interpolation;

/// Bits after the binary point of a weight: sums of bytes times weights fit `i32`.
const PRECISION: u32 = 32 - 8 - 2;

/// The pixels that make up one pixel of the result, and their weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Resizes pixels `[height, width, C]` to `[new_height, new_width, C]`.
pub(crate) fn resize<const C: usize>(
    pixels: &[u8],
    [height, width]: [usize; 2],
    [new_height, new_width]: [usize; 2],
    interpolation: Interpolation,
) -> Vec<u8> {
    let narrowed;
    let mut current = pixels;
    if new_width != width {
        let taps = taps(width, new_width, interpolation);
        narrowed = columns::<C>(pixels, width, &taps);
        current = &narrowed;
    }
    if new_height != height {
        let taps = taps(height, new_height, interpolation);
        return rows(current, new_width * C, &taps);
    }
    current.to_vec()
}

fn columns<const C: usize>(pixels: &[u8], width: usize, taps: &[Taps]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(pixels.len() / width * taps.len());
    for row in pixels.chunks_exact(width * C) {
        for tap in taps {
            let mut sums = [1 << (PRECISION - 1); C];
            let (part, _) = row[tap.first * C..].as_chunks::<C>();
            for (pixel, &weight) in part.iter().zip(&tap.weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            resized.extend(sums.map(to_byte));
        }
    }
    resized
}

fn rows(pixels: &[u8], row_length: usize, taps: &[Taps]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(row_length * taps.len());
    let mut sums = vec![0i32; row_length];
    for tap in taps {
        sums.fill(1 << (PRECISION - 1));
        let part = pixels[tap.first * row_length..].chunks_exact(row_length);
        for (row, &weight) in part.zip(&tap.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        resized.extend(sums.iter().map(|&sum| to_byte(sum)));
    }
    resized
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

fn taps(size: usize, new_size: usize, interpolation: Interpolation) -> Vec<Taps> {
    let (kernel, reach): (fn(f64) -> f64, f64) = match interpolation {
        Interpolation::Bilinear => (triangle, 1.0),
        Interpolation::Bicubic => (catmull_rom, 2.0),
    };
    let scale = size as f64 / new_size as f64;
    let widening = scale.max(1.0);
    let reach = reach * widening;
    (0..new_size)
        .map(|index| {
            let centre = (index as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let last = ((centre + reach + 0.5) as usize).min(size);
            let weights: Vec<f64> =
                (first..last).map(|at| kernel((at as f64 - centre + 0.5) / widening)).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: f64| (weight / sum * f64::from(1 << PRECISION)).round() as i32;
            Taps { first, weights: weights.into_iter().map(fixed).collect() }
        })
        .collect()
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// The cubic convolution kernel with a = -1/2 (Keys, "Cubic convolution interpolation for digital
/// image processing", 1981).
fn catmull_rom(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Pillow 11 makes of the grey image of 4 rows and 5 columns with pixel i = 13 i.
    #[test]
    fn grey_images_are_resized_as_pillow_does() {
        let pixels: Vec<u8> = (0..20).map(|i| i * 13).collect();
        for (interpolation, side, expected) in PILLOW_GREY {
            let resized = resize::<1>(&pixels, [4, 5], [*side; 2], *interpolation);
            assert_eq!(resized, *expected, "{interpolation:?} {side}");
        }
    }

    /// What Pillow 11 makes of a colour image of 9 rows and 7 columns with value i = 31 i^2 mod
    /// 256: sharp edges, so that the bicubic kernel overshoots and is cut.
    #[test]
    fn colour_images_are_resized_as_pillow_does() {
        let pixels: Vec<u8> = (0..9 * 7 * 3u32).map(|i| (31 * i * i % 256) as u8).collect();
        for (interpolation, size, expected) in PILLOW_COLOUR {
            let resized = resize::<3>(&pixels, [9, 7], *size, *interpolation);
            assert_eq!(resized, *expected, "{interpolation:?} {size:?}");
        }
    }

    #[test]
    fn a_constant_image_stays_constant() {
        for value in [0, 1, 127, 255] {
            for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
                let resized = resize::<1>(&vec![value; 17 * 23], [17, 23], [31, 8], interpolation);
                assert_eq!(resized, vec![value; 31 * 8]);
            }
        }
    }

    const PILLOW_GREY: &[(Interpolation, usize, &[u8])] = &[
        (Interpolation::Bilinear, 2, &[59, 85, 162, 188]),
        (Interpolation::Bilinear, 3, &[25, 45, 65, 104, 124, 144, 182, 202, 222]),
        (
            Interpolation::Bilinear,
            7,
            &[
                0, 7, 17, 26, 35, 45, 52, 23, 30, 40, 49, 58, 68, 75, 60, 67, 77, 86, 95, 105, 112,
                98, 105, 115, 124, 133, 143, 150, 135, 142, 152, 161, 170, 180, 187, 172, 179, 189,
                198, 207, 217, 224, 195, 202, 212, 221, 230, 240, 247,
            ],
        ),
        (Interpolation::Bicubic, 2, &[49, 79, 168, 198]),
        (Interpolation::Bicubic, 3, &[17, 38, 59, 103, 124, 145, 188, 209, 230]),
        (
            Interpolation::Bicubic,
            7,
            &[
                0, 1, 12, 21, 30, 41, 48, 17, 23, 34, 43, 52, 63, 70, 59, 66, 77, 86, 95, 106, 113,
                96, 104, 115, 124, 133, 144, 151, 134, 141, 152, 161, 170, 181, 188, 177, 184, 195,
                204, 213, 224, 231, 199, 206, 217, 226, 235, 246, 253,
            ],
        ),
    ];

    const PILLOW_COLOUR: &[(Interpolation, [usize; 2], &[u8])] = &[
        (
            Interpolation::Bilinear,
            [4, 3],
            &[
                84, 169, 122, 160, 141, 130, 126, 145, 169, 124, 137, 153, 132, 132, 135, 146, 143,
                116, 122, 128, 82, 167, 127, 151, 121, 188, 105, 162, 100, 93, 165, 140, 156, 130,
                143, 138,
            ],
        ),
        (
            Interpolation::Bilinear,
            [5, 11],
            &[
                55, 99, 76, 74, 145, 90, 96, 203, 116, 82, 226, 176, 132, 173, 160, 229, 63, 86,
                182, 133, 123, 151, 151, 168, 143, 99, 224, 101, 142, 174, 67, 185, 126, 147, 145,
                109, 127, 129, 141, 98, 116, 179, 68, 153, 172, 119, 143, 118, 231, 99, 28, 128,
                113, 131, 93, 128, 167, 151, 141, 116, 164, 136, 107, 169, 130, 106, 100, 159, 144,
                114, 169, 122, 138, 176, 102, 187, 141, 148, 182, 146, 162, 135, 180, 151, 80, 118,
                207, 91, 123, 191, 189, 215, 75, 173, 193, 92, 148, 163, 120, 101, 85, 52, 92, 102,
                58, 94, 115, 67, 191, 66, 75, 230, 91, 118, 223, 174, 186, 135, 122, 171, 107, 118,
                147, 160, 177, 110, 97, 218, 73, 40, 244, 46, 183, 122, 122, 184, 99, 117, 179, 79,
                105, 139, 135, 57, 156, 173, 113, 215, 200, 246, 141, 92, 165, 114, 63, 130, 151,
                136, 158, 142, 165, 153, 131, 180, 144,
            ],
        ),
        (
            Interpolation::Bilinear,
            [9, 4],
            &[
                14, 130, 77, 110, 180, 148, 129, 70, 196, 64, 102, 177, 140, 168, 112, 146, 186,
                156, 235, 197, 89, 138, 198, 173, 105, 156, 122, 80, 143, 134, 106, 91, 138, 175,
                122, 132, 143, 69, 191, 149, 100, 114, 112, 119, 136, 149, 119, 41, 130, 213, 113,
                167, 212, 197, 67, 168, 208, 207, 199, 143, 68, 160, 83, 208, 70, 76, 178, 96, 157,
                94, 229, 61, 90, 70, 14, 198, 82, 110, 105, 178, 129, 52, 222, 64, 171, 76, 140,
                189, 178, 146, 167, 78, 235, 217, 153, 138, 202, 129, 105, 131, 141, 80, 128, 111,
                106, 87, 155, 175,
            ],
        ),
        (
            Interpolation::Bicubic,
            [4, 3],
            &[
                79, 169, 119, 164, 143, 132, 126, 141, 170, 129, 140, 156, 121, 132, 141, 153, 140,
                113, 120, 129, 73, 175, 119, 160, 113, 201, 100, 166, 99, 92, 163, 136, 153, 130,
                141, 142,
            ],
        ),
        (
            Interpolation::Bicubic,
            [5, 11],
            &[
                46, 92, 70, 70, 141, 79, 99, 212, 109, 72, 248, 191, 128, 180, 173, 230, 61, 89,
                193, 139, 110, 155, 164, 170, 146, 90, 241, 93, 144, 182, 54, 198, 121, 161, 153,
                105, 138, 124, 144, 98, 105, 193, 51, 158, 187, 113, 150, 112, 232, 100, 21, 117,
                111, 135, 71, 130, 183, 154, 145, 106, 177, 133, 99, 180, 121, 107, 93, 159, 155,
                107, 173, 124, 140, 185, 96, 204, 132, 150, 196, 139, 162, 128, 179, 150, 59, 103,
                229, 79, 109, 208, 198, 229, 59, 179, 199, 80, 144, 153, 124, 95, 83, 44, 75, 107,
                49, 81, 120, 60, 205, 48, 69, 251, 79, 118, 225, 174, 186, 124, 120, 180, 98, 107,
                152, 168, 179, 112, 93, 231, 63, 29, 255, 33, 192, 127, 127, 196, 93, 127, 187, 68,
                111, 124, 142, 42, 146, 196, 107, 216, 203, 253, 137, 79, 166, 103, 40, 118, 153,
                133, 166, 150, 167, 162, 140, 178, 150,
            ],
        ),
        (
            Interpolation::Bicubic,
            [9, 4],
            &[
                5, 133, 71, 118, 188, 147, 136, 58, 202, 57, 103, 178, 137, 169, 115, 145, 185,
                158, 246, 196, 79, 133, 201, 182, 102, 156, 124, 81, 142, 132, 106, 88, 136, 175,
                123, 134, 141, 69, 200, 150, 101, 110, 111, 119, 137, 150, 121, 36, 130, 211, 106,
                170, 214, 202, 56, 167, 213, 217, 200, 137, 60, 165, 82, 216, 63, 73, 184, 89, 166,
                89, 238, 56, 80, 67, 5, 208, 82, 118, 111, 180, 136, 46, 224, 57, 168, 67, 137,
                191, 187, 145, 166, 74, 246, 219, 153, 133, 206, 127, 102, 130, 143, 81, 129, 111,
                106, 83, 156, 175,
            ],
        ),
    ];
}
