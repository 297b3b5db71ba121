//! Contrastive domain discrepancy (CAN).

use super::distances::squared_distances;
use crate::checks::assert_domains;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::collections::BTreeMap;

/// The kernels' widths, as factors of the mean squared distance.
const WIDTHS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// The smallest squared width, and the smallest and the largest exponent of a kernel.
const SMALLEST: f64 = 1e-5;
const LARGEST: f64 = 1e5;

/// The two parts of the contrastive domain discrepancy, shape `[1]` each.
#[derive(Clone, Debug)]
pub struct ContrastiveDiscrepancy {
    /// Discrepancy between rows of one class in both domains.
    pub intra: Tensor<1>,
    /// Discrepancy between rows of a class in the source and of another one in the target.
    pub inter: Tensor<1>,
}

impl ContrastiveDiscrepancy {
    /// `intra - inter`.
    pub fn loss(&self) -> Tensor<1> {
        self.intra.clone() - self.inter.clone()
    }
}

/// Discrepancies of classes between the domains: least where the rows of a class are alike in both
/// domains and those of different classes are not.
///
/// ```text
/// D(x, y) = |x - y|^2
/// m_ab    = mean of D over all ordered pairs of different rows of class a in the source and b in
///           the target together
/// k_ab    = sum_w exp(-D / (w m_ab)),  w = 1/4, 1/2, 1, 2, 4
/// e_ab    = mean k_ab(S_a, S_a) + mean k_ab(T_b, T_b) - 2 mean k_ab(S_a, T_b)
/// intra   = sum_a e_aa / K,   inter = sum_{a != b} e_ab / (K (K - 1))
/// ```
///
/// Means of kernels include pairs of a row with itself; `m_ab` is constant in the gradient. `K` is
/// the number of `classes` of the data set. Rows of classes that one of the domains has not do not
/// count; where no class is left both parts are 0.
///
/// Source: Kang et al., "Contrastive adaptation network for unsupervised domain adaptation", 2019,
/// eq. 3 to 5. Peers: the authors' code is the same on rows sorted by class; skada has another kernel
/// and other means.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - `source_labels`, `target_labels`: a class for each row, in any order
///
/// # Panics
/// If a domain is empty, shapes do not fit or there is a label that is no class.
pub fn cdd(
    source: &Tensor<2>,
    target: &Tensor<2>,
    source_labels: &[u32],
    target_labels: &[u32],
    classes: usize,
) -> ContrastiveDiscrepancy {
    assert_domains("cdd", source, target, 1);
    assert!(
        source_labels.len() == source.dims()[0] && target_labels.len() == target.dims()[0],
        "cdd: needs {} and {} labels, got {} and {}",
        source.dims()[0],
        target.dims()[0],
        source_labels.len(),
        target_labels.len()
    );
    let last = source_labels.iter().chain(target_labels).max();
    assert!(
        last.is_none_or(|last| (*last as usize) < classes),
        "cdd: the label {last:?} is no class below {classes}"
    );
    let device = source.device().inner();
    let mut common = BTreeMap::new();
    for label in source_labels {
        if target_labels.contains(label) {
            let next = common.len();
            common.entry(*label).or_insert(next);
        }
    }
    if common.is_empty() {
        let zero = Tensor::zeros([1], &device);
        return ContrastiveDiscrepancy { intra: zero.clone(), inter: zero };
    }
    let own = Members::new(source, source_labels, &common, &device);
    let other = Members::new(target, target_labels, &common, &device);
    let discrepancies = between_classes(&own, &other);
    let within = discrepancies.clone() * Tensor::eye(common.len(), &device);
    let (all, intra) = (discrepancies.sum(), within.sum());
    let pairs = (classes * (classes - 1)).max(1) as f64;
    ContrastiveDiscrepancy {
        inter: (all - intra.clone()).div_scalar(pairs),
        intra: intra.div_scalar(classes as f64),
    }
}

/// The rows of one domain whose class counts.
struct Members {
    /// `[rows, features]`, on the tape.
    rows: Tensor<2>,
    /// Which class a row is of: `[rows, classes]`, 1 or 0.
    classes: Tensor<2>,
    /// The number of rows of each class `[1, classes]`.
    counts: Tensor<2>,
}

impl Members {
    fn new(
        rows: &Tensor<2>,
        labels: &[u32],
        common: &BTreeMap<u32, usize>,
        device: &Device,
    ) -> Self {
        let (mut places, mut classes) = (Vec::new(), Vec::new());
        for (place, label) in labels.iter().enumerate() {
            if let Some(class) = common.get(label) {
                places.push(place as i64);
                classes
                    .extend((0..common.len()).map(|it| if it == *class { 1.0_f32 } else { 0.0 }));
            }
        }
        let count = places.len();
        let places = TensorData::new(places, [count]);
        let places = Tensor::<1, Int>::from_data(places, &rows.device());
        let classes = TensorData::new(classes, [count, common.len()]);
        let classes = Tensor::<2>::from_data(classes, device);
        let counts = classes.clone().sum_dim(0);
        Self { rows: rows.clone().select(0, places), classes, counts }
    }

    /// Which pairs of rows are of one class, `[rows, rows]`.
    fn of_one_class(&self) -> Tensor<2> {
        self.classes.clone().matmul(self.classes.clone().transpose())
    }
}

/// `e_ab` for the classes `a` of the source and `b` of the target, `[classes, classes]`.
fn between_classes(source: &Members, target: &Members) -> Tensor<2> {
    let own = squared_distances(&source.rows, &source.rows);
    let other = squared_distances(&target.rows, &target.rows);
    let across = squared_distances(&source.rows, &target.rows);

    let sums = |distances: &Tensor<2>, left: &Members, right: &Members| {
        let lines = left.classes.clone().transpose().matmul(distances.clone().inner());
        lines.matmul(right.classes.clone())
    };
    let within = |distances: &Tensor<2>, members: &Members| {
        let pairs = distances.clone().inner() * members.of_one_class();
        pairs.sum_dim(1).transpose().matmul(members.classes.clone())
    };
    let total = within(&own, source).transpose()
        + within(&other, target)
        + sums(&across, source, target).mul_scalar(2.0);
    let counts = source.counts.clone().transpose() + target.counts.clone();
    let widths = total / (counts.clone().square() - counts);

    let of_own = kernel_means(own, source, widths.clone());
    let of_other = kernel_means(other, target, widths.clone().transpose()).transpose();
    let by_row = source.classes.clone().matmul(widths).matmul(target.classes.clone().transpose());
    let pairs = source.counts.clone().transpose().matmul(target.counts.clone());
    let lines = source.classes.clone().transpose().matmul(kernels(across, &by_row));
    of_own + of_other - lines.matmul(target.classes.clone()).mul_scalar(2.0) / pairs
}

/// The mean kernel of the rows of class `a` of one domain with each other, by the widths
/// `[classes, classes]` that belong to `a` and each class `b` of the other domain.
fn kernel_means(distances: Tensor<2>, members: &Members, widths: Tensor<2>) -> Tensor<2> {
    let rows = distances.dims()[0];
    let classes = widths.dims()[0];
    // Of each row, one width for each class of the other domain, along the first dimension.
    let by_row = members.classes.clone().matmul(widths).transpose();
    let by_row = by_row.reshape([classes, rows, 1]);
    let pairs = members.of_one_class().unsqueeze::<3>();
    let sums = (kernels(distances.unsqueeze::<3>(), &by_row) * pairs).sum_dim(2);
    let sums = sums.squeeze_dim::<2>(2).matmul(members.classes.clone());
    sums.transpose() / members.counts.clone().square().transpose()
}

/// The sum of the kernels of all widths.
fn kernels<const D: usize>(distances: Tensor<D>, widths: &Tensor<D>) -> Tensor<D> {
    let kernel = |factor: f64| {
        let width = widths.clone().mul_scalar(factor).clamp_min(SMALLEST);
        (distances.clone() / width).clamp(SMALLEST, LARGEST).neg().exp()
    };
    let [first, rest @ ..] = WIDTHS;
    rest.into_iter().fold(kernel(first), |sum, factor| sum + kernel(factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar};

    /// Pair by pair in 64-bit arithmetic.
    fn direct(source: &[(f64, u32)], target: &[(f64, u32)], classes: usize) -> (f64, f64) {
        let of = |rows: &[(f64, u32)], class: u32| -> Vec<f64> {
            rows.iter().filter(|row| row.1 == class).map(|row| row.0).collect()
        };
        let (mut intra, mut inter) = (0.0, 0.0);
        for a in 0..classes as u32 {
            for b in 0..classes as u32 {
                let (own, other) = (of(source, a), of(target, b));
                let both = [of(source, b), of(target, a)];
                if [&own, &other, &both[0], &both[1]].iter().any(|rows| rows.is_empty()) {
                    continue;
                }
                let all = [own.clone(), other.clone()].concat();
                let sum: f64 =
                    all.iter().flat_map(|x| all.iter().map(move |y| (x - y).powi(2))).sum();
                let mean = sum / (all.len() * (all.len() - 1)) as f64;
                let kernel = |left: &[f64], right: &[f64]| {
                    let mut sum = 0.0;
                    for x in left {
                        for y in right {
                            for width in [0.25, 0.5, 1.0, 2.0, 4.0] {
                                sum += (-(x - y).powi(2) / (width * mean)).exp();
                            }
                        }
                    }
                    sum / (left.len() * right.len()) as f64
                };
                let e = kernel(&own, &own) + kernel(&other, &other) - 2.0 * kernel(&own, &other);
                *(if a == b { &mut intra } else { &mut inter }) += e;
            }
        }
        (intra / classes as f64, inter / (classes * (classes - 1)) as f64)
    }

    fn column(rows: &[(f64, u32)]) -> (Tensor<2>, Vec<u32>) {
        let values: Vec<f32> = rows.iter().map(|row| row.0 as f32).collect();
        let data = TensorData::new(values, [rows.len(), 1]);
        let labels = rows.iter().map(|row| row.1).collect();
        (Tensor::from_data(data, &Device::flex()), labels)
    }

    #[test]
    fn rows_in_any_order_and_classes_that_a_domain_lacks() {
        let source = [(0.3, 1), (-1.0, 0), (0.8, 1), (2.5, 2), (-0.2, 0), (0.1, 1)];
        // Class 2 is of the source alone, class 3 of the target alone.
        let target = [(1.4, 0), (0.6, 1), (-0.7, 3), (0.9, 0)];
        let (own, own_labels) = column(&source);
        let (other, other_labels) = column(&target);
        let found = cdd(&own, &other, &own_labels, &other_labels, 4);
        let (intra, inter) = direct(&source, &target, 4);
        assert_close(&[scalar(&found.intra), scalar(&found.inter)], &[intra, inter], 1e-4);
        assert_close(&[scalar(&found.loss())], &[intra - inter], 1e-4);
    }

    #[test]
    fn without_a_class_in_common_it_is_zero() {
        let (source, target) = (matrix([2, 3], 1), matrix([3, 3], 2));
        let (value, gradients) = differentiate([&source, &target], |[s, t]| {
            cdd(&s, &t, &[0, 0], &[1, 2, 1], 3).loss() + s.sum().mul_scalar(0.0)
        });
        assert_eq!(value, 0.0);
        assert!(gradients.iter().flatten().all(|slope| *slope == 0.0));
    }

    #[test]
    fn identical_rows_single_rows_and_a_single_class_are_finite() {
        let point = matrix([1, 3], 4);
        let same = point.clone().repeat_dim(0, 4);
        let far = matrix([4, 3], 5).mul_scalar(1e4);
        let check = |source, own: &[u32], target, other: &[u32], classes| {
            let (value, gradients) =
                differentiate([source, target], |[s, t]| cdd(&s, &t, own, other, classes).loss());
            assert!(value.is_finite());
            assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
        };
        check(&point, &[0], &point, &[0], 1);
        check(&same, &[0, 1, 0, 1], &same, &[1, 1, 0, 0], 2);
        check(&point, &[1], &same, &[1, 0, 1, 1], 2);
        check(&far, &[0, 1, 2, 2], &same, &[0, 1, 2, 0], 3);
    }
}
