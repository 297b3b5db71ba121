//! Two-sample statistics of a product of kernels, with their gradient in closed form.
//!
//! All maximum mean discrepancies of this crate are one of two sums over pairs of rows: over all
//! pairs ([`all_pairs`]) or over a ring of neighbours ([`ring`]). Both take a list of layers whose
//! kernels are multiplied; one layer gives the ordinary discrepancy.

use super::gaussian::{Kernel, KernelValues, Scaled};
use crate::closed_form::attach;
use burn::tensor::Tensor;

/// One layer of features of both domains and its kernel.
pub(super) struct Layer<'a> {
    pub source: &'a Tensor<2>,
    pub target: &'a Tensor<2>,
    pub kernel: &'a Kernel,
}

/// Which pairs within one domain are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Estimator {
    /// All pairs, a row with itself included (V-statistic): never negative, biased.
    Biased,
    /// Pairs of different rows (U-statistic): unbiased, may be negative.
    Unbiased,
}

/// `mean K(s, s') + mean K(t, t') - 2 mean K(s, t)`.
///
/// The squared distances of a block come from one matrix product, each block of pairs is reduced
/// before the next one is computed, and the gradient needs one more product a block and side.
pub(super) fn all_pairs(layers: &[Layer<'_>], estimator: Estimator) -> Tensor<1> {
    let source_rows = layers[0].source.dims()[0];
    let target_rows = layers[0].target.dims()[0];
    let factors: Vec<Factors> = layers.iter().map(Factors::new).collect();
    // The kernel of a row with itself.
    let diagonal: usize = factors.iter().map(|layer| layer.powers.len()).product();

    let mut value = Tensor::zeros([1], &factors[0].unit.device());
    let mut pulls: Vec<[Option<Tensor<2>>; 2]> = layers.iter().map(|_| [None, None]).collect();
    for (domain, rows) in [source_rows, target_rows].into_iter().enumerate() {
        let (pairs, excluded) = match estimator {
            Estimator::Biased => (rows * rows, 0),
            Estimator::Unbiased => (rows * (rows - 1), rows * diagonal),
        };
        let block = Block::new(&factors, domain, domain);
        let sum = block.product().sum().sub_scalar(excluded as f64);
        value = value + sum.div_scalar(pairs as f64);
        for (layer, slope) in block.slopes(layers).into_iter().enumerate() {
            if let Some(slope) = slope {
                let pull = factors[layer].pull(slope, domain, domain);
                pulls[layer][domain] = Some(pull.div_scalar(pairs as f64));
            }
        }
    }

    let pairs = (source_rows * target_rows) as f64;
    let block = Block::new(&factors, 0, 1);
    value = value - block.product().sum().mul_scalar(2.0 / pairs);
    for (layer, slope) in block.slopes(layers).into_iter().enumerate() {
        let Some(slope) = slope else { continue };
        let sides = [
            factors[layer].pull(slope.clone(), 0, 1),
            factors[layer].pull(slope.transpose(), 1, 0),
        ];
        for (domain, push) in sides.into_iter().enumerate() {
            let push = push.div_scalar(pairs);
            pulls[layer][domain] = pulls[layer][domain].take().map(|pull| pull - push);
        }
    }

    for ((layer, factors), [source, target]) in layers.iter().zip(&factors).zip(pulls) {
        let scale = factors.unit.clone().recip().mul_scalar(-2.0).unsqueeze::<2>();
        if let (Some(source), Some(target)) = (source, target) {
            value = attach(value, layer.source, source * scale.clone());
            value = attach(value, layer.target, target * scale);
        }
    }
    value
}

/// `sum_ij a_i.a_j K(s_i, s_j) + sum_ij b_i.b_j K(t_i, t_j) - 2 sum_ij a_i.b_j K(s_i, t_j)` for rows
/// `a` and `b` of weights, which are constant.
pub(super) fn weighted_pairs(
    layer: &Layer<'_>,
    source_weights: &Tensor<2>,
    target_weights: &Tensor<2>,
) -> Tensor<1> {
    let factors = [Factors::new(layer)];
    let mut value = Tensor::zeros([1], &factors[0].unit.device());
    let mut pulls: [Option<Tensor<2>>; 2] = [None, None];
    for (from, to, sign) in [(0, 0, 1.0), (1, 1, 1.0), (0, 1, -2.0)] {
        let [left, right] = [from, to].map(|domain| [source_weights, target_weights][domain]);
        let weights = left.clone().matmul(right.clone().transpose()).mul_scalar(sign);
        let block = Block::new(&factors, from, to);
        value = value + (block.product() * weights.clone()).sum();
        let slope = block.slope(0) * weights;
        // A block between domains is one of the two that are equal.
        let sides: &[(usize, usize)] = if from == to { &[(from, to)] } else { &[(0, 1), (1, 0)] };
        for &(own, other) in sides {
            let slope = if own == from { slope.clone() } else { slope.clone().transpose() };
            let scale = if from == to { -2.0 } else { -1.0 };
            let pull = factors[0].pull(slope, own, other).mul_scalar(scale);
            pulls[own] = Some(match pulls[own].take() {
                Some(sum) => sum + pull,
                None => pull,
            });
        }
    }
    let unit = factors[0].unit.clone().recip().unsqueeze::<2>();
    for (input, pull) in [layer.source, layer.target].into_iter().zip(pulls) {
        if let Some(pull) = pull {
            value = attach(value, input, pull * unit.clone());
        }
    }
    value
}

/// One layer as factors of a matrix product that gives the exponents of a block of pairs:
/// `left = [u, -|u|^2/2, 1]` and `right = [v, 1, -|v|^2/2]`, hence `left right^T = -|u - v|^2/2`.
struct Factors {
    left: [Tensor<2>; 2],
    right: [Tensor<2>; 2],
    unit: Tensor<1>,
    powers: Vec<f64>,
}

impl Factors {
    fn new(layer: &Layer<'_>) -> Self {
        let scaled = Scaled::new(layer.source, layer.target, layer.kernel);
        let rows = [scaled.source, scaled.target];
        let extended = rows.map(|rows| {
            let halves = rows.clone().square().sum_dim(1).mul_scalar(-0.5);
            let ones = halves.ones_like();
            let left = Tensor::cat(vec![rows.clone(), halves.clone(), ones.clone()], 1);
            (left, Tensor::cat(vec![rows, ones, halves], 1))
        });
        let [(source_left, source_right), (target_left, target_right)] = extended;
        Self {
            left: [source_left, target_left],
            right: [source_right, target_right],
            unit: scaled.unit,
            powers: scaled.powers,
        }
    }

    /// `sum_j slope_ij (u_i - v_j)` for rows `u` of `from` and `v` of `to`.
    fn pull(&self, slope: Tensor<2>, from: usize, to: usize) -> Tensor<2> {
        let columns = self.left[from].dims()[1] - 2;
        // The column of ones in `right` gives the row sums of `slope`.
        let product = slope.matmul(self.right[to].clone());
        let sums = product.clone().narrow(1, columns, 1);
        self.left[from].clone().narrow(1, 0, columns) * sums - product.narrow(1, 0, columns)
    }
}

/// The kernels of every layer on all pairs of rows of two domains.
struct Block(Vec<KernelValues>);

impl Block {
    fn new(factors: &[Factors], from: usize, to: usize) -> Self {
        let layers = factors.iter().map(|layer| {
            let exponents = layer.left[from].clone().matmul(layer.right[to].clone().transpose());
            // Rounding must not give a pair a kernel above 1.
            KernelValues::new(exponents.clamp_max(0.0), &layer.powers)
        });
        Self(layers.collect())
    }

    /// The product of the kernels.
    fn product(&self) -> Tensor<2> {
        let mut kernels = self.0.iter().map(|layer| layer.kernel.clone());
        let first = kernels.next().expect("a discrepancy has at least one layer");
        kernels.fold(first, |product, kernel| product * kernel)
    }

    /// The derivative of the product with respect to the exponents of each layer, for the layers
    /// that need one.
    fn slopes(self, layers: &[Layer<'_>]) -> Vec<Option<Tensor<2>>> {
        (0..self.0.len())
            .map(|layer| {
                let tracked =
                    layers[layer].source.is_tracked() || layers[layer].target.is_tracked();
                tracked.then(|| self.slope(layer))
            })
            .collect()
    }

    fn slope(&self, layer: usize) -> Tensor<2> {
        let others = self.0.iter().enumerate().filter(|(other, _)| *other != layer);
        others.fold(self.0[layer].slope.clone(), |slope, (_, other)| slope * other.kernel.clone())
    }
}

/// `1/n sum_i [K(s_i, s_i+) + K(t_i, t_i+) - K(s_i, t_i+) - K(s_i+, t_i)]` with `i+ = i + 1`
/// modulo `n`: linear in the number of rows, memory and bandwidth included.
pub(super) fn ring(layers: &[Layer<'_>]) -> Tensor<1> {
    let rows = layers[0].source.dims()[0];
    let scaled: Vec<Ring> = layers.iter().map(Ring::new).collect();
    let quarter = |tensor: &Tensor<2>, index: usize| tensor.clone().narrow(0, index * rows, rows);

    let mut product = scaled[0].values.kernel.clone();
    for layer in &scaled[1..] {
        product = product * layer.values.kernel.clone();
    }
    let within = product.clone().narrow(0, 0, 2 * rows).sum();
    let between = product.narrow(0, 2 * rows, 2 * rows).sum();
    let mut value = (within - between).div_scalar(rows as f64);

    for (index, layer) in layers.iter().enumerate() {
        if !layer.source.is_tracked() && !layer.target.is_tracked() {
            continue;
        }
        let mut slope = scaled[index].values.slope.clone();
        for (_, other) in scaled.iter().enumerate().filter(|(other, _)| *other != index) {
            slope = slope * other.values.kernel.clone();
        }
        // Row i of a quarter: how strongly the pair i is pulled together, and along what.
        let scale = scaled[index].unit.clone().recip().div_scalar(rows as f64);
        let pull = scaled[index].differences.clone() * slope * scale.unsqueeze::<2>();
        let [source, target, ahead, behind] = [0, 1, 2, 3].map(|index| quarter(&pull, index));
        let source_gradient =
            next(source.clone(), 1) - source + ahead.clone() + next(behind.clone(), 1);
        let target_gradient = next(target.clone(), 1) - target - next(ahead, 1) - behind;
        value = attach(value, layer.source, source_gradient);
        value = attach(value, layer.target, target_gradient);
    }
    value
}

/// The pairs of one layer, in four quarters: `(s, s+)`, `(t, t+)`, `(s, t+)`, `(s+, t)`.
struct Ring {
    differences: Tensor<2>,
    values: KernelValues,
    unit: Tensor<1>,
}

impl Ring {
    fn new(layer: &Layer<'_>) -> Self {
        let Scaled { source, target, unit, powers } =
            Scaled::new(layer.source, layer.target, layer.kernel);
        let next_source = next(source.clone(), -1);
        let next_target = next(target.clone(), -1);
        let differences = Tensor::cat(
            vec![
                source.clone() - next_source.clone(),
                target.clone() - next_target.clone(),
                source - next_target,
                next_source - target,
            ],
            0,
        );
        let exponents = differences.clone().square().sum_dim(1).mul_scalar(-0.5);
        Self { differences, values: KernelValues::new(exponents, &powers), unit }
    }
}

/// Rows moved down the ring by `shift`.
fn next(rows: Tensor<2>, shift: i64) -> Tensor<2> {
    rows.roll_dim(shift, 0)
}
