//! Squared distances of all pairs of rows.

use burn::tensor::Tensor;

/// `|s_i - t_j|^2` of all pairs `[source rows, target rows]`, at least 0; on the tape where an input
/// is.
pub(super) fn squared_distances(source: &Tensor<2>, target: &Tensor<2>) -> Tensor<2> {
    let [source, target] = centred(source, target);
    let squares = |rows: &Tensor<2>| rows.clone().square().sum_dim(1);
    let sums = squares(&source) + squares(&target).transpose();
    (sums - source.matmul(target.transpose()).mul_scalar(2.0)).clamp_min(0.0)
}

/// Both domains around their joint mean, which is held constant: distances stay, rounding is least.
pub(super) fn centred(source: &Tensor<2>, target: &Tensor<2>) -> [Tensor<2>; 2] {
    let count = (source.dims()[0] + target.dims()[0]) as f64;
    let sums = [source, target].map(|rows| rows.clone().inner().sum_dim(0));
    let mean = sums.into_iter().reduce(|sum, other| sum + other).expect("there are two domains");
    let mean = mean.div_scalar(count);
    [source, target].map(|rows| rows.clone() - mean.clone())
}
