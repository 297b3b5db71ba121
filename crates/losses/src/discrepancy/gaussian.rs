//! Gaussian kernels of one or several widths, prepared for whole blocks of pairs.

use burn::tensor::Tensor;

/// A Gaussian kernel, or a sum of Gaussian kernels, on squared distances.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// `sum_a exp(-|x - y|^2 / (2 a m))` over the given factors `a`, where `m` is the mean squared
    /// distance over all ordered pairs of the joint batch, pairs of a row with itself included.
    /// `m` is a constant in the gradient.
    MeanDistance(Vec<f64>),
    /// `exp(-|x - y|^2 / (2 sigma^2))`.
    Fixed {
        /// The standard deviation of the Gaussian, in the units of a distance.
        sigma: f64,
    },
}

/// The smallest squared width: two domains that are one point have a kernel of 1, not NaN.
const SMALLEST_WIDTH: f64 = 1e-30;

/// Both domains in units in which the widest kernel is `exp(-|u - v|^2 / 2)`.
pub(super) struct Scaled {
    /// Source rows, centred at the joint mean.
    pub source: Tensor<2>,
    /// Target rows, centred at the joint mean.
    pub target: Tensor<2>,
    /// The unit of length: features are `unit * source + mean`.
    pub unit: Tensor<1>,
    /// Kernel `k` is the widest one to the power `powers[k]`; ascending, the first is 1.
    pub powers: Vec<f64>,
}

impl Scaled {
    /// Centres and scales both domains; the result carries no gradient.
    pub(super) fn new(source: &Tensor<2>, target: &Tensor<2>, kernel: &Kernel) -> Self {
        let source = source.clone().inner();
        let target = target.clone().inner();
        let rows = source.dims()[0] + target.dims()[0];

        // Distances do not change when both domains move, but rounding is least at the centre.
        let mean = (source.clone().sum_dim(0) + target.clone().sum_dim(0)).div_scalar(rows as f64);
        let source = source - mean.clone();
        let target = target - mean;

        let (unit, powers) = match kernel {
            Kernel::MeanDistance(factors) => {
                let (widest, powers) = powers_of_widest(factors);
                // At the centre, the mean over all pairs of |x - y|^2 is twice that of |x|^2.
                let squares = source.clone().square().sum() + target.clone().square().sum();
                let squared_width = squares.mul_scalar(2.0 * widest / rows as f64);
                (squared_width.clamp_min(SMALLEST_WIDTH).sqrt(), powers)
            }
            Kernel::Fixed { sigma } => {
                assert!(*sigma > 0.0, "Kernel::Fixed: sigma must be positive, got {sigma}");
                (Tensor::full([1], *sigma, &source.device()), vec![1.0])
            }
        };
        let divisor = unit.clone().unsqueeze::<2>();
        Self { source: source / divisor.clone(), target: target / divisor, unit, powers }
    }
}

/// The largest factor, and the largest factor divided by each of them, ascending.
fn powers_of_widest(factors: &[f64]) -> (f64, Vec<f64>) {
    assert!(
        !factors.is_empty() && factors.iter().all(|factor| *factor > 0.0),
        "Kernel::MeanDistance: needs positive factors, got {factors:?}"
    );
    let widest = factors.iter().copied().fold(f64::MIN, f64::max);
    let mut powers: Vec<f64> = factors.iter().map(|factor| widest / factor).collect();
    powers.sort_by(f64::total_cmp);
    (widest, powers)
}

/// The kernel on some pairs, from the exponent `-|u - v|^2 / 2` of the widest one.
pub(super) struct KernelValues {
    /// `K = sum_k w^powers[k]`, with `w` the widest kernel.
    pub kernel: Tensor<2>,
    /// `sum_k powers[k] w^powers[k]`, the derivative of `K` with respect to the exponent.
    pub slope: Tensor<2>,
}

impl KernelValues {
    /// Evaluates the kernel. Widths that halve from one to the next cost one exponential in all:
    /// the narrower kernel is the square of the wider.
    pub(super) fn new(exponents: Tensor<2>, powers: &[f64]) -> Self {
        let squares_only = powers.windows(2).all(|pair| pair[1] == 2.0 * pair[0]);
        let kept = (!squares_only).then(|| exponents.clone());
        let mut power = exponents.exp();
        let mut kernel = power.clone();
        let mut slope = power.clone();
        for pair in powers.windows(2) {
            power = match &kept {
                Some(exponents) if pair[1] != 2.0 * pair[0] => {
                    exponents.clone().mul_scalar(pair[1]).exp()
                }
                _ => power.square(),
            };
            kernel = kernel + power.clone();
            slope = slope + power.clone().mul_scalar(pair[1]);
        }
        Self { kernel, slope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, values};

    #[test]
    fn squaring_equals_one_exponential_a_width() {
        let exponents = matrix([3, 5], 4).inner().square().neg().mul_scalar(2.0);
        let halving = KernelValues::new(exponents.clone(), &[1.0, 2.0, 4.0, 8.0, 16.0]);
        let uneven = KernelValues::new(exponents.clone(), &[1.0, 1.5, 3.0]);
        let sum = |powers: &[f64], weighted: bool| -> Vec<f64> {
            values(&exponents)
                .iter()
                .map(|exponent| {
                    powers
                        .iter()
                        .map(|power| (exponent * power).exp() * if weighted { *power } else { 1.0 })
                        .sum()
                })
                .collect()
        };
        let powers = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_close(&values(&halving.kernel), &sum(&powers, false), 2e-6);
        assert_close(&values(&halving.slope), &sum(&powers, true), 2e-6);
        let powers = [1.0, 1.5, 3.0];
        assert_close(&values(&uneven.kernel), &sum(&powers, false), 2e-6);
        assert_close(&values(&uneven.slope), &sum(&powers, true), 2e-6);
    }

    #[test]
    fn factors_may_come_in_any_order() {
        assert_eq!(powers_of_widest(&[0.5, 2.0, 1.0]), (2.0, vec![1.0, 2.0, 4.0]));
    }

    #[test]
    fn unit_is_the_mean_squared_distance_of_all_pairs() {
        let (source, target) = (matrix([4, 3], 1), matrix([6, 3], 2));
        let rows: Vec<f64> = [values(&source), values(&target)].concat();
        let rows: Vec<&[f64]> = rows.chunks(3).collect();
        let mut total = 0.0;
        for a in &rows {
            for b in &rows {
                total += a.iter().zip(*b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            }
        }
        let scaled = Scaled::new(&source, &target, &Kernel::MeanDistance(vec![2.0, 1.0]));
        let unit = values(&scaled.unit)[0];
        assert_close(&[unit * unit], &[2.0 * total / 100.0], 1e-6);
    }
}
