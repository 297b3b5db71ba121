//! Embeddings of positions for images of another size.

use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData};

/// The embeddings of positions `[1, 1 + patches, size]`, the class token's first, brought to a grid of
/// `[rows, columns]` patches: those of a square grid are interpolated by cubic convolution, as PyTorch
/// does (a = -0.75, centres of pixels aligned); the class token's stays.
///
/// What is of no square grid, or not of this form, comes back as it is.
pub(crate) fn resized(data: TensorData, grid: [usize; 2]) -> TensorData {
    let &[1, tokens, size] = &data.shape()[..] else { return data };
    let [rows, columns] = grid;
    let Some(patches) = tokens.checked_sub(1) else { return data };
    let side = patches.isqrt();
    if side * side != patches || patches == 0 || [side, side] == grid {
        return data;
    }
    let all: Tensor<3> = Tensor::from_data(data, &Device::flex());
    let image = all.clone().narrow(1, 1, patches).swap_dims(1, 2).reshape([1, size, side, side]);
    let options = InterpolateOptions::new(InterpolateMode::Bicubic)
        .with_align_corners(false)
        .with_output_size(grid);
    let image = interpolate(image, options).reshape([1, size, rows * columns]).swap_dims(1, 2);
    Tensor::cat(vec![all.narrow(1, 0, 1), image], 1).into_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_stays_a_plane_and_the_class_token_stays() {
        // One value: 10 for the class token, then row + column of a grid of 4 x 4.
        let plane = (0..16).map(|at| (at / 4 + at % 4) as f32);
        let values: Vec<f32> = std::iter::once(10.0).chain(plane).collect();
        let found = resized(TensorData::new(values, [1, 17, 1]), [8, 8]);
        assert_eq!(found.shape()[..], [1, 65, 1]);
        let found: Vec<f32> = found.try_to_vec().unwrap();
        assert_eq!(found[0], 10.0);
        // Far from the border, the value at row 3 and column 4 is that at (3.5 / 2 - 0.5, 4.5 / 2 - 0.5).
        assert!((found[1 + 3 * 8 + 4] - (1.25 + 1.75)).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn what_fits_or_cannot_be_brought_to_fit_is_left() {
        let of = |tokens: usize| TensorData::new(vec![0.5_f32; tokens * 2], [1, tokens, 2]);
        for (tokens, grid) in [(17, [4, 4]), (13, [4, 4]), (0, [1, 1]), (1, [2, 2])] {
            assert_eq!(resized(of(tokens), grid), of(tokens));
        }
        assert_eq!(resized(of(17), [2, 8]).shape()[..], [1, 17, 2]);
    }
}
