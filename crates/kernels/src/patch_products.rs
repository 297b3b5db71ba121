//! Convolutions as products of a weight and the patches under its windows, and their gradients.
//!
//! Forward, each image's patches are multiplied by the weight. Backward, the same patches and the
//! output's gradient make the weight's gradient, and the weight and the output's gradient make
//! that of the patches. Of images with few positions several are put side by side.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::host;
use crate::matrix::{Matrix, add_product, set_product};
use crate::patches::{Share, gather, scatter_add};

/// Chunks of a batch whose weight gradients are summed apart.
const CHUNKS: usize = 8;

/// Calls `work` with the patches of images side by side, `[window, images * positions]`; of one
/// image whose window is one pixel they are the image.
fn with_patches(
    images: &[f32],
    geometry: &Geometry,
    buffer: &mut Vec<f32>,
    work: impl FnOnce(Matrix<'_>),
) {
    let count = images.len() / geometry.image().max(1);
    let columns = count * positions(geometry);
    if count == 1 && geometry.is_pointwise() {
        return work(Matrix::new(images, geometry.channels, columns));
    }
    buffer.resize(geometry.window() * columns, 0.0);
    for (index, image) in images.chunks_exact(geometry.image()).enumerate() {
        gather(image, geometry, Share { images: count, index }, buffer);
    }
    work(Matrix::new(buffer, geometry.window(), columns));
}

fn positions(geometry: &Geometry) -> usize {
    geometry.positions().iter().product()
}

/// Images `[rows, positions]` each, side by side: `[rows, images * positions]`.
fn side_by_side<'a>(
    images: &'a [f32],
    rows: usize,
    positions: usize,
    buffer: &'a mut Vec<f32>,
) -> Matrix<'a> {
    let columns = images.len() / rows.max(1);
    if columns == positions {
        return Matrix::new(images, rows, columns);
    }
    buffer.resize(images.len(), 0.0);
    for (index, image) in images.chunks_exact(rows * positions).enumerate() {
        let parts = buffer.chunks_exact_mut(columns).zip(image.chunks_exact(positions));
        parts.for_each(|(to, row)| to[index * positions..][..positions].copy_from_slice(row));
    }
    Matrix::new(buffer, rows, columns)
}

/// Images whose patches stand side by side in one product. A large weight is read, or its gradient
/// written, once a product: few positions would not be worth it.
pub(crate) fn together(geometry: &Geometry, outputs: usize, images: usize) -> usize {
    /// Values of the weight for each of the positions that a product should have.
    const VALUES: usize = 1024;
    /// Positions that are enough for any weight.
    const ENOUGH: usize = 512;
    let wanted = (outputs * geometry.window() / VALUES).min(ENOUGH);
    wanted.div_ceil(positions(geometry).max(1)).clamp(1, images.max(1))
}

/// `[batch, outputs, rows, columns]` of a convolution; all tensors row by row.
pub(crate) fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    geometry: Geometry,
) -> FlexTensor {
    let images = input.layout().shape()[0];
    let outputs = weight.layout().shape()[0];
    let [rows, columns] = geometry.positions();
    let positions = rows * columns;
    let size = outputs * positions;
    let weight = Matrix::new(host::values(weight), outputs, geometry.window());
    let bias = bias.map(host::in_rows);

    // Starts at the bias, to which the products are added.
    let mut output = Vec::with_capacity(images * size);
    match &bias {
        Some(bias) => (0..images).for_each(|_| {
            for &bias in host::values(bias) {
                output.resize(output.len() + positions, bias);
            }
        }),
        None => output.resize(images * size, 0.0),
    }
    let together = together(&geometry, outputs, images);
    output
        .par_chunks_mut((together * size).max(1))
        .zip(host::values(input).par_chunks((together * geometry.image()).max(1)))
        .for_each_init(Buffers::default, |buffers, (output, images)| {
            let Buffers { patches, beside } = buffers;
            with_patches(images, &geometry, patches, |patches| {
                if patches.columns() == positions {
                    return add_product(weight, patches, output);
                }
                beside.resize(output.len(), 0.0);
                set_product(weight, patches, beside);
                add_apart(beside, outputs, positions, output);
            });
        });
    host::tensor(output, [images, outputs, rows, columns])
}

/// Adds `[rows, images * positions]` to images of `[rows, positions]`.
fn add_apart(product: &[f32], rows: usize, positions: usize, images: &mut [f32]) {
    let columns = product.len() / rows.max(1);
    for (index, image) in images.chunks_exact_mut((rows * positions).max(1)).enumerate() {
        for (to, row) in image.chunks_exact_mut(positions).zip(product.chunks_exact(columns)) {
            let own = &row[index * positions..][..positions];
            to.iter_mut().zip(own).for_each(|(to, value)| *to += value);
        }
    }
}

/// Memory that the products of a thread use again.
#[derive(Default)]
struct Buffers {
    patches: Vec<f32>,
    /// Outputs, or their gradients, of images side by side.
    beside: Vec<f32>,
}

/// The extents of a tensor.
pub(crate) fn shape(tensor: &FlexTensor) -> [usize; 4] {
    std::array::from_fn(|axis| tensor.layout().shape()[axis])
}

pub(crate) fn weight_gradient(
    input: &FlexTensor,
    weight: &FlexTensor,
    gradient: &FlexTensor,
    geometry: &Geometry,
) -> FlexTensor {
    let [images, outputs, rows, columns] = shape(gradient);
    let positions = rows * columns;
    let size = outputs * positions;
    let together = together(geometry, outputs, images);
    let chunk = images.div_ceil(CHUNKS).max(1).next_multiple_of(together);
    let parts: Vec<Vec<f32>> = host::values(input)
        .par_chunks((chunk * geometry.image()).max(1))
        .zip(host::values(gradient).par_chunks((chunk * size).max(1)))
        .map(|(images, gradients)| {
            let Buffers { mut patches, mut beside } = Buffers::default();
            let mut sum = vec![0.0; outputs * geometry.window()];
            let images = images.chunks((together * geometry.image()).max(1));
            for (images, gradients) in images.zip(gradients.chunks((together * size).max(1))) {
                let gradient = side_by_side(gradients, outputs, positions, &mut beside);
                with_patches(images, geometry, &mut patches, |patches| {
                    add_product(gradient, patches.transposed(), &mut sum);
                });
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; outputs * geometry.window()];
    for part in parts {
        for (total, value) in total.iter_mut().zip(part) {
            *total += value;
        }
    }
    host::tensor(total, shape(weight))
}

pub(crate) fn input_gradient(
    input: &FlexTensor,
    weight: &FlexTensor,
    gradient: &FlexTensor,
    geometry: &Geometry,
) -> FlexTensor {
    let [images, outputs, rows, columns] = shape(gradient);
    let positions = rows * columns;
    let size = outputs * positions;
    let weight = Matrix::new(host::values(weight), outputs, geometry.window()).transposed();
    let together = together(geometry, outputs, images);
    let mut found = vec![0.0; images * geometry.image()];
    found
        .par_chunks_mut((together * geometry.image()).max(1))
        .zip(host::values(gradient).par_chunks((together * size).max(1)))
        .for_each_init(Buffers::default, |buffers, (found, gradients)| {
            let Buffers { patches, beside } = buffers;
            let gradient = side_by_side(gradients, outputs, positions, beside);
            if geometry.is_pointwise() && gradient.columns() == positions {
                return set_product(weight, gradient, found);
            }
            patches.resize(geometry.window() * gradient.columns(), 0.0);
            set_product(weight, gradient, patches);
            let count = gradient.columns() / positions.max(1);
            for (index, image) in found.chunks_exact_mut(geometry.image()).enumerate() {
                scatter_add(patches, geometry, Share { images: count, index }, image);
            }
        });
    host::tensor(found, shape(input))
}
