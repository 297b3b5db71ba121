//! Pooling by the largest value.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Tensor, module};
use rayon::prelude::*;

use crate::host::{self, Place, Taped};

/// The largest value of each `size x size` window; windows stand side by side, and rows and
/// columns that fill no window are left out. A NaN is larger than any number.
///
/// The gradient goes to the first of the largest values.
///
/// # Shapes
/// - `input`: `[batch, channels, height, width]`
/// - result: `[batch, channels, height / size, width / size]`
pub fn max_pool(input: Tensor<4>, size: usize) -> Tensor<4> {
    // A window's place is kept in a byte.
    let served = (1..=16).contains(&size);
    match Place::of([input.device()], [input.dtype()]) {
        Place::Host if served => {
            Tensor::from_primitive::<Flex>(forward(&host::host(input), size).0)
        }
        Place::TapedHost if served => {
            let (input, node) = host::taped(input).into_parts();
            let shape: [usize; 4] = std::array::from_fn(|axis| input.layout().shape()[axis]);
            let (output, places) = forward(&input, size);
            let prepared =
                PoolGradient.prepare::<NoCheckpointing>([node]).compute_bound().stateful();
            Tensor::from_primitive::<Taped>(match prepared {
                OpsKind::Tracked(prepared) => prepared.finish((places, shape, size), output),
                OpsKind::UnTracked(prepared) => prepared.finish(output),
            })
        }
        _ => module::max_pool2d(input, MaxPoolOptions::new([size; 2])),
    }
}

/// The largest values, and where in its window each was.
fn forward(input: &FlexTensor, size: usize) -> (FlexTensor, Vec<u8>) {
    let input = host::in_rows(input);
    let shape: [usize; 4] = std::array::from_fn(|axis| input.layout().shape()[axis]);
    let [batch, channels, height, width] = shape;
    let (rows, columns) = (height / size, width / size);
    let count = batch * channels * rows * columns;
    let (mut output, mut places) = (vec![0.0; count], vec![0; count]);
    if count > 0 {
        let image = channels * rows * columns;
        output
            .par_chunks_mut(image)
            .zip(places.par_chunks_mut(image))
            .zip(host::values(&input).par_chunks(channels * height * width))
            .for_each(|((output, places), image)| {
                pool(image, [height, width], size, output, places);
            });
    }
    (host::tensor(output, [batch, channels, rows, columns]), places)
}

/// Pools the planes of one image.
fn pool(
    image: &[f32],
    [height, width]: [usize; 2],
    size: usize,
    output: &mut [f32],
    places: &mut [u8],
) {
    let (rows, columns) = (height / size, width / size);
    let planes = image.chunks_exact(height * width);
    let lines = output.chunks_exact_mut(columns).zip(places.chunks_exact_mut(columns));
    let windows = planes.flat_map(|plane| plane.chunks_exact(size * width).take(rows));
    for (window, (output, places)) in windows.zip(lines) {
        if size == 2 {
            pairs(window.split_at(width), output, places);
            continue;
        }
        output.fill(f32::NEG_INFINITY);
        for (y, line) in window.chunks_exact(width).enumerate() {
            let columns = line.chunks_exact(size);
            for ((best, place), values) in output.iter_mut().zip(&mut *places).zip(columns) {
                for (x, &value) in values.iter().enumerate() {
                    if value > *best || value.is_nan() {
                        (*best, *place) = (value, (y * size + x) as u8);
                    }
                }
            }
        }
    }
}

/// Pools two lines by two columns, without a branch.
fn pairs((top, bottom): (&[f32], &[f32]), output: &mut [f32], places: &mut [u8]) {
    let windows = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
    for ((output, place), (top, bottom)) in output.iter_mut().zip(places).zip(windows) {
        let (mut best, mut at) = (top[0], 0_i32);
        for (value, candidate) in [(top[1], 1), (bottom[0], 2), (bottom[1], 3)] {
            let larger = (value > best) | value.is_nan();
            best = if larger { value } else { best };
            at = if larger { candidate } else { at };
        }
        (*output, *place) = (best, at as u8);
    }
}

#[derive(Debug)]
struct PoolGradient;

impl Backward<Flex, 1> for PoolGradient {
    type State = (Vec<u8>, [usize; 4], usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let (places, shape, size) = ops.state;
        let gradient = host::in_rows(&gradients.consume::<Flex>(&ops.node));
        let Some(node) = node else { return };
        let [_, channels, height, width] = shape;
        let (rows, columns) = (height / size, width / size);
        // Where a place of a window lies, counted from the window's first value.
        let offsets: Vec<usize> =
            (0..size * size).map(|place| place / size * width + place % size).collect();
        let mut found = vec![0.0; shape.iter().product()];
        if !places.is_empty() {
            let image = channels * rows * columns;
            found
                .par_chunks_mut(channels * height * width)
                .zip(host::values(&gradient).par_chunks(image))
                .zip(places.par_chunks(image))
                .for_each(|((found, gradient), places)| {
                    let planes = found.chunks_exact_mut(height * width);
                    let windows =
                        planes.flat_map(|plane| plane.chunks_exact_mut(size * width).take(rows));
                    let lines = gradient.chunks_exact(columns).zip(places.chunks_exact(columns));
                    for (window, (gradient, places)) in windows.zip(lines) {
                        for (column, (&value, &place)) in gradient.iter().zip(places).enumerate() {
                            window[offsets[usize::from(place)] + column * size] = value;
                        }
                    }
                });
        }
        gradients.register::<Flex>(node.id, host::tensor(found, shape));
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::testing::{all, close, leaf};

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        for (shape, size) in
            [([3, 2, 8, 8], 2), ([2, 3, 7, 9], 2), ([2, 2, 7, 10], 3), ([1, 1, 4, 4], 1)]
        {
            let input = leaf(shape, 1);
            let theirs = module::max_pool2d(input.clone(), MaxPoolOptions::new([size; 2]));
            let ours = max_pool(input.clone(), size);
            assert_eq!(all(ours.clone()), all(theirs.clone()));
            let factor = leaf(ours.dims(), 2).detach();
            let [found, wanted] = [ours, theirs].map(|output| {
                let gradients = (output * factor.clone()).sum().backward();
                all(input.grad(&gradients).unwrap())
            });
            close(&found, &wanted, 1e-6);
            assert_eq!(all(max_pool(input.clone().inner(), size)), all(max_pool(input, size)));
        }
    }

    #[test]
    fn nan_and_infinity_are_not_hidden() {
        let image = |values: [f32; 4]| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 1, 2, 2]), &Device::flex())
        };
        assert!(all(max_pool(image([0.0, f32::NAN, 3.0, 1.0]), 2))[0].is_nan());
        assert_eq!(all(max_pool(image([f32::NEG_INFINITY; 4]), 2)), [f32::NEG_INFINITY]);
    }

    #[test]
    fn images_smaller_than_a_window_leave_nothing() {
        assert_eq!(max_pool(leaf([2, 1, 1, 5], 1), 2).dims(), [2, 1, 0, 2]);
    }
}
