//! The convolution by windows of 3 x 3 with stride 1, in fewer multiplications.
//!
//! Outputs are found in tiles of 2 x 2 from tiles of 4 x 4 inputs: both are transformed, so that a
//! channel's part in a tile is 16 products in place of 36 (Winograd's minimal filtering; Lavin and
//! Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, F(2 x 2, 3 x 3)). Each of
//! the 16 elements is one matrix product over all channels and tiles. The gradients are those of
//! these steps, backwards.
//!
//! What a transform writes lies `[channel, element, tile]`, what a product writes
//! `[element, channel, tile]`: threads then write apart. Images are taken in groups, one after the
//! other, so that sums do not depend on the number of threads.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::host;
use crate::matrix::{Matrix, add_product, set_product};
use crate::planes::{BLOCK, Planes};
use crate::vectors::on_vectors;

/// Elements of a transformed tile.
const ELEMENTS: usize = 16;
/// Tiles that make a product large enough.
const ENOUGH: usize = 256;

/// A value of each tile of a block.
type Lanes = [f32; BLOCK];

/// Whether a convolution is served here, and not better as it is: with few channels the transforms
/// cost more than they save.
pub(crate) fn serves(geometry: &Geometry, outputs: usize) -> bool {
    const CHANNELS: usize = 16;
    let [rows, columns] = geometry.positions();
    let wide = geometry.channels.min(outputs) >= CHANNELS && rows.min(columns) >= 4;
    geometry.kernel == 3 && geometry.stride == 1 && wide
}

/// The tiles of an image.
#[derive(Clone, Copy)]
struct Tiles {
    /// Windows of 4 x 4 with stride 2, one a tile.
    windows: Geometry,
    rows: usize,
    columns: usize,
    /// Rows and columns of outputs.
    positions: [usize; 2],
    /// Images of a group.
    together: usize,
}

impl Tiles {
    fn new(geometry: &Geometry, images: usize) -> Self {
        let positions = geometry.positions();
        let [rows, columns] = positions.map(|count| count.div_ceil(2));
        // The last tile is whole too.
        let padding = [(0, rows), (1, columns)].map(|(axis, tiles)| {
            let before = geometry.padding[axis].0;
            (before, 2 * tiles + 2 - before - geometry.extent[axis])
        });
        let windows = Geometry { channels: 1, kernel: 4, stride: 2, padding, ..*geometry };
        let together = ENOUGH.div_ceil(rows * columns).clamp(1, images.max(1));
        Self { windows, rows, columns, positions, together }
    }

    fn count(&self) -> usize {
        self.rows * self.columns
    }
}

/// What lies `[channel, element, tile]`: the matrix `[channels, tiles]` of an element.
fn of_element(values: &[f32], element: usize, channels: usize) -> Matrix<'_> {
    let tiles = values.len() / (channels * ELEMENTS);
    let row_stride = ELEMENTS * tiles;
    Matrix::strided(&values[element * tiles..], [channels, tiles], [row_stride, 1])
}

/// `[batch, outputs, rows, columns]` of a served convolution.
pub(crate) fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    geometry: &Geometry,
) -> FlexTensor {
    let [images, outputs] = [input.layout().shape()[0], weight.layout().shape()[0]];
    let tiles = Tiles::new(geometry, images);
    let [rows, columns] = tiles.positions;
    let filters = filters(host::values(weight), outputs, geometry.channels);
    let bias = bias.map(host::in_rows);
    let bias = bias.as_ref().map(host::values);
    let mut output = vec![0.0; images * outputs * rows * columns];
    let image = outputs * rows * columns;
    let (mut windows, mut products) = (Vec::new(), Vec::new());
    let groups = output.chunks_mut((tiles.together * image).max(1));
    let inputs = host::values(input).chunks((tiles.together * geometry.image()).max(1));
    for (output, images) in groups.zip(inputs) {
        let count = images.len() / geometry.image() * tiles.count();
        inputs_to(images, geometry.channels, &tiles, &mut windows);
        products.resize(ELEMENTS * outputs * count, 0.0);
        products.par_chunks_mut(outputs * count).enumerate().for_each(|(element, product)| {
            let filter = of_element(&filters, element, outputs);
            set_product(filter, of_element(&windows, element, geometry.channels), product);
        });
        output.par_chunks_mut(rows * columns).enumerate().for_each(|(place, plane)| {
            let (image, channel) = (place / outputs, place % outputs);
            let start = channel * count + image * tiles.count();
            let bias = bias.map_or(0.0, |bias| bias[channel]);
            output_of(&products[start..], outputs * count, &tiles, bias, plane);
        });
    }
    host::tensor(output, [images, outputs, rows, columns])
}

/// The gradients of input and weight, each where it is wanted.
pub(crate) fn gradients(
    input: &FlexTensor,
    weight: &FlexTensor,
    gradient: &FlexTensor,
    geometry: &Geometry,
    [wants_input, wants_weight]: [bool; 2],
) -> [Option<FlexTensor>; 2] {
    let [images, outputs] = [input.layout().shape()[0], weight.layout().shape()[0]];
    let channels = geometry.channels;
    let tiles = Tiles::new(geometry, images);
    let [rows, columns] = tiles.positions;
    let filters =
        if wants_input { filters(host::values(weight), outputs, channels) } else { Vec::new() };
    let mut of_input = vec![0.0; if wants_input { images * geometry.image() } else { 0 }];
    let mut of_filters = vec![0.0; if wants_weight { ELEMENTS * outputs * channels } else { 0 }];
    let (mut windows, mut spread, mut products) = (Vec::new(), Vec::new(), Vec::new());
    let group = tiles.together * geometry.image();
    let inputs = host::values(input).chunks(group.max(1));
    let gradients = host::values(gradient);
    let gradients = gradients.chunks((tiles.together * outputs * rows * columns).max(1));
    for (index, (images, gradients)) in inputs.zip(gradients).enumerate() {
        let count = images.len() / geometry.image() * tiles.count();
        gradients_to(gradients, outputs, &tiles, &mut spread);
        if wants_weight {
            inputs_to(images, channels, &tiles, &mut windows);
            let sums = of_filters.par_chunks_mut(outputs * channels).enumerate();
            sums.for_each(|(element, sum)| {
                let windows = of_element(&windows, element, channels).transposed();
                add_product(of_element(&spread, element, outputs), windows, sum);
            });
        }
        if wants_input {
            products.resize(ELEMENTS * channels * count, 0.0);
            products.par_chunks_mut(channels * count).enumerate().for_each(|(element, product)| {
                let filter = of_element(&filters, element, outputs).transposed();
                set_product(filter, of_element(&spread, element, outputs), product);
            });
            let plane = geometry.extent[0] * geometry.extent[1];
            let found = &mut of_input[index * group..][..images.len()];
            found.par_chunks_mut(plane).enumerate().for_each_init(
                || Planes::new(tiles.windows),
                |planes, (place, plane)| {
                    let (image, channel) = (place / channels, place % channels);
                    let start = channel * count + image * tiles.count();
                    input_gradient_of(&products[start..], channels * count, &tiles, planes);
                    planes.read(plane);
                },
            );
        }
    }
    let shape = |tensor: &FlexTensor| tensor.layout().shape().clone();
    [
        wants_input.then(|| host::shaped(of_input, shape(input))),
        wants_weight
            .then(|| host::shaped(weights_of(&of_filters, outputs, channels), shape(weight))),
    ]
}

/// Lanes from a place on.
#[inline(always)]
fn load(values: &[f32], start: usize) -> Lanes {
    *values[start..].first_chunk().expect("there is room for a whole block")
}

// Loops, where an array's `map` would be shorter: it is not always inlined, and then not compiled for
// the vector instructions at hand.

/// A value of each lane.
#[inline(always)]
fn each(of: impl Fn(usize) -> f32) -> Lanes {
    let mut lanes = [0.0; BLOCK];
    for (lane, value) in lanes.iter_mut().enumerate() {
        *value = of(lane);
    }
    lanes
}

/// `transform` along the columns and then along the rows of a tile.
#[inline(always)]
fn both_ways<const FROM: usize, const TO: usize>(
    tile: &[[Lanes; FROM]; FROM],
    transform: impl Fn(&[Lanes; FROM]) -> [Lanes; TO],
) -> [[Lanes; TO]; TO] {
    let mut across = [[[0.0; BLOCK]; TO]; FROM];
    for (to, row) in across.iter_mut().zip(tile) {
        *to = transform(row);
    }
    let mut both = [[[0.0; BLOCK]; TO]; TO];
    for column in 0..TO {
        let mut lines = [[0.0; BLOCK]; FROM];
        for (line, row) in lines.iter_mut().zip(&across) {
            *line = row[column];
        }
        for (row, lanes) in both.iter_mut().zip(&transform(&lines)) {
            row[column] = *lanes;
        }
    }
    both
}

/// The transform of inputs.
#[inline(always)]
fn of_inputs([a, b, c, d]: &[Lanes; 4]) -> [Lanes; 4] {
    [
        each(|it| a[it] - c[it]),
        each(|it| b[it] + c[it]),
        each(|it| c[it] - b[it]),
        each(|it| b[it] - d[it]),
    ]
}

/// The transpose of [`of_inputs`].
#[inline(always)]
fn to_inputs([a, b, c, d]: &[Lanes; 4]) -> [Lanes; 4] {
    let inner = each(|it| b[it] - c[it] + d[it]);
    [*a, inner, each(|it| b[it] + c[it] - a[it]), each(|it| -d[it])]
}

/// What makes outputs of products.
#[inline(always)]
fn to_outputs([a, b, c, d]: &[Lanes; 4]) -> [Lanes; 2] {
    [each(|it| a[it] + b[it] + c[it]), each(|it| b[it] - c[it] - d[it])]
}

/// The transpose of [`to_outputs`].
#[inline(always)]
fn of_outputs([a, b]: &[Lanes; 2]) -> [Lanes; 4] {
    [*a, each(|it| a[it] + b[it]), each(|it| a[it] - b[it]), each(|it| -b[it])]
}

/// Filters `[outputs, channels, 3, 3]`, transformed: `[output, element, channel]`.
fn filters(weight: &[f32], outputs: usize, channels: usize) -> Vec<f32> {
    let mut filters = vec![0.0; outputs * ELEMENTS * channels];
    let rows = weight.par_chunks(channels * 9);
    filters.par_chunks_mut(ELEMENTS * channels).zip(rows).for_each(|(filters, weight)| {
        for (channel, filter) in weight.chunks_exact(9).enumerate() {
            let mut across = [[0.0; 4]; 3];
            for (to, row) in across.iter_mut().zip(filter.chunks_exact(3)) {
                *to = of_filter([row[0], row[1], row[2]]);
            }
            for column in 0..4 {
                let down = of_filter([across[0][column], across[1][column], across[2][column]]);
                for (row, value) in down.into_iter().enumerate() {
                    filters[(4 * row + column) * channels + channel] = value;
                }
            }
        }
    });
    filters
}

/// The transform of filters, one way.
#[inline(always)]
fn of_filter([a, b, c]: [f32; 3]) -> [f32; 4] {
    let (sum, half) = (0.5 * (a + c), 0.5 * b);
    [a, sum + half, sum - half, c]
}

/// The transpose of [`of_filter`].
#[inline(always)]
fn to_filter([a, b, c, d]: [f32; 4]) -> [f32; 3] {
    let (sum, difference) = (0.5 * (b + c), 0.5 * (b - c));
    [a + sum, difference, sum + d]
}

/// The gradient of the weight from that of the filters, `[element, output, channel]`.
fn weights_of(filters: &[f32], outputs: usize, channels: usize) -> Vec<f32> {
    let mut weight = vec![0.0; outputs * channels * 9];
    weight.par_chunks_mut(channels * 9).enumerate().for_each(|(output, weight)| {
        for (channel, weight) in weight.chunks_exact_mut(9).enumerate() {
            let at = |row: usize, column: usize| {
                filters[((4 * row + column) * outputs + output) * channels + channel]
            };
            let mut across = [[0.0; 3]; 4];
            for (row, to) in across.iter_mut().enumerate() {
                *to = to_filter([at(row, 0), at(row, 1), at(row, 2), at(row, 3)]);
            }
            for column in 0..3 {
                let [a, b, c, d] = &across;
                let down = to_filter([a[column], b[column], c[column], d[column]]);
                for (row, value) in down.into_iter().enumerate() {
                    weight[3 * row + column] = value;
                }
            }
        }
    });
    weight
}

/// Writes the transformed tiles of images `[images, channels, height, width]`.
fn inputs_to(images: &[f32], channels: usize, tiles: &Tiles, windows: &mut Vec<f32>) {
    let [height, width] = tiles.windows.extent;
    let plane = height * width;
    let count = images.len() / (channels * plane);
    let all = count * tiles.count();
    windows.resize(channels * ELEMENTS * all, 0.0);
    windows.par_chunks_mut(ELEMENTS * all).enumerate().for_each_init(
        || Planes::new(tiles.windows),
        |planes, (channel, windows)| {
            for image in 0..count {
                planes.fill(&images[(image * channels + channel) * plane..][..plane]);
                let values = &planes.values;
                on_vectors(|| {
                    for row in 0..tiles.rows {
                        for block in (0..tiles.columns).step_by(BLOCK) {
                            let mut tile = [[[0.0; BLOCK]; 4]; 4];
                            for (down, line) in tile.iter_mut().enumerate() {
                                for (across, lanes) in line.iter_mut().enumerate() {
                                    *lanes = load(values, planes.start(row, down, across) + block);
                                }
                            }
                            let start = image * tiles.count() + row * tiles.columns + block;
                            let size = BLOCK.min(tiles.columns - block);
                            store(&both_ways(&tile, of_inputs), size, all, start, windows);
                        }
                    }
                });
            }
        },
    );
}

/// Writes the elements of a block of tiles, `stride` apart.
#[inline(always)]
fn store(tile: &[[Lanes; 4]; 4], size: usize, stride: usize, start: usize, to: &mut [f32]) {
    for (element, lanes) in tile.iter().flatten().enumerate() {
        let to = &mut to[element * stride + start..];
        match to.first_chunk_mut::<BLOCK>() {
            Some(to) if size == BLOCK => *to = *lanes,
            _ => to[..size].copy_from_slice(&lanes[..size]),
        }
    }
}

/// Reads the elements of a block of tiles, `stride` apart.
#[inline(always)]
fn read(from: &[f32], size: usize, stride: usize, start: usize) -> [[Lanes; 4]; 4] {
    let mut tile = [[[0.0; BLOCK]; 4]; 4];
    for (row, line) in tile.iter_mut().enumerate() {
        for (column, lanes) in line.iter_mut().enumerate() {
            let from = &from[(4 * row + column) * stride + start..];
            match from.first_chunk::<BLOCK>() {
                Some(from) if size == BLOCK => *lanes = *from,
                _ => lanes[..size].copy_from_slice(&from[..size]),
            }
        }
    }
    tile
}

/// Writes a plane of outputs from products, whose elements are `stride` apart.
fn output_of(products: &[f32], stride: usize, tiles: &Tiles, bias: f32, plane: &mut [f32]) {
    let columns = tiles.positions[1];
    on_vectors(|| {
        for (row, lines) in plane.chunks_mut(2 * columns).enumerate() {
            for block in (0..tiles.columns).step_by(BLOCK) {
                let size = BLOCK.min(tiles.columns - block);
                let tile = read(products, size, stride, row * tiles.columns + block);
                let outputs = both_ways(&tile, to_outputs);
                for (line, [even, odd]) in lines.chunks_exact_mut(columns).zip(&outputs) {
                    let mut beside = [0.0; 2 * BLOCK];
                    for (lane, pair) in beside.chunks_exact_mut(2).enumerate() {
                        pair.copy_from_slice(&[even[lane] + bias, odd[lane] + bias]);
                    }
                    let line = &mut line[2 * block..];
                    let size = line.len().min(2 * BLOCK);
                    line[..size].copy_from_slice(&beside[..size]);
                }
            }
        }
    });
}

/// Writes the transformed gradients of outputs `[images, outputs, rows, columns]`.
fn gradients_to(gradients: &[f32], outputs: usize, tiles: &Tiles, spread: &mut Vec<f32>) {
    let [rows, columns] = tiles.positions;
    let plane = rows * columns;
    let count = gradients.len() / (outputs * plane);
    let all = count * tiles.count();
    spread.resize(outputs * ELEMENTS * all, 0.0);
    spread.par_chunks_mut(ELEMENTS * all).enumerate().for_each(|(output, spread)| {
        for image in 0..count {
            let gradient = &gradients[(image * outputs + output) * plane..][..plane];
            on_vectors(|| {
                for (row, lines) in gradient.chunks(2 * columns).enumerate() {
                    for block in (0..tiles.columns).step_by(BLOCK) {
                        let size = BLOCK.min(tiles.columns - block);
                        let mut tile = [[[0.0; BLOCK]; 2]; 2];
                        for (line, [even, odd]) in lines.chunks_exact(columns).zip(&mut tile) {
                            let mut beside = [0.0; 2 * BLOCK];
                            let line = &line[2 * block..];
                            let size = line.len().min(2 * BLOCK);
                            beside[..size].copy_from_slice(&line[..size]);
                            for (lane, pair) in beside.chunks_exact(2).enumerate() {
                                (even[lane], odd[lane]) = (pair[0], pair[1]);
                            }
                        }
                        let start = image * tiles.count() + row * tiles.columns + block;
                        store(&both_ways(&tile, of_outputs), size, all, start, spread);
                    }
                }
            });
        }
    });
}

/// Sums what products say of the inputs of overlapping tiles.
fn input_gradient_of(products: &[f32], stride: usize, tiles: &Tiles, planes: &mut Planes) {
    planes.clear();
    on_vectors(|| {
        for row in 0..tiles.rows {
            for block in (0..tiles.columns).step_by(BLOCK) {
                let size = BLOCK.min(tiles.columns - block);
                let tile = read(products, size, stride, row * tiles.columns + block);
                let inputs = both_ways(&tile, to_inputs);
                for (down, line) in inputs.iter().enumerate() {
                    for (across, lanes) in line.iter().enumerate() {
                        let start = planes.start(row, down, across) + block;
                        let to = &mut planes.values[start..][..BLOCK];
                        to.iter_mut().zip(lanes).for_each(|(to, value)| *to += value);
                    }
                }
            }
        }
    });
}
