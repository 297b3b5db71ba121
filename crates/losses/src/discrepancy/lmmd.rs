//! Local maximum mean discrepancy (DSAN).

use super::gaussian::Kernel;
use super::pairs::{Layer, weighted_pairs};
use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// Smaller sums of weights belong to a class that a domain has not.
const SMALLEST_MASS: f64 = 1e-12;

/// Mean over the classes of the squared maximum mean discrepancy between the rows of one class,
/// each row by its share in that class.
///
/// ```text
/// w_ic = y_ic / sum_i y_ic                        (of each domain by itself)
/// D_c = sum_ij w_ic w_jc K(s_i, s_j) + sum_ij v_ic v_jc K(t_i, t_j) - 2 sum_ij w_ic v_jc K(s_i, t_j)
/// loss = mean of D_c over the classes that both domains have
/// ```
///
/// `K` is the sum of Gaussian kernels of [`mk_mmd_quadratic`](super::mk_mmd_quadratic), pairs of a
/// row with itself included: never negative. Shares are constant in the gradient. A class whose
/// shares sum to 0 in a domain does not count; where no class counts the loss is 0.
///
/// Source: Zhu et al., "Deep subdomain adaptation network for image classification", 2020, eq. 6
/// and 7. Peers: the authors' code and DeepDA need equal counts, and count the classes that are
/// among the source's labels and the target's predicted ones; the caller sets the shares of others
/// to 0.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - `source_shares`: `[source rows, classes]`, at least 0; one-hot labels as a rule
/// - `target_shares`: `[target rows, classes]`, at least 0; predicted probabilities as a rule
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, shapes do not fit or a width is not positive.
pub fn lmmd(
    source: Tensor<2>,
    target: Tensor<2>,
    source_shares: Tensor<2>,
    target_shares: Tensor<2>,
    widths: &[f64],
) -> Tensor<1> {
    assert_domains("lmmd", &source, &target, 1);
    let [source_rows, classes] = source_shares.dims();
    assert!(
        source_rows == source.dims()[0] && target_shares.dims() == [target.dims()[0], classes],
        "lmmd: shares must be [{}, classes] and [{}, classes], got {:?} and {:?}",
        source.dims()[0],
        target.dims()[0],
        source_shares.dims(),
        target_shares.dims()
    );
    let [source_shares, target_shares] = [source_shares, target_shares].map(Tensor::inner);
    let masses = [&source_shares, &target_shares].map(|shares| shares.clone().sum_dim(0));
    let counts = |mass: &Tensor<2>| mass.clone().greater_elem(SMALLEST_MASS).float();
    let counts = counts(&masses[0]) * counts(&masses[1]);
    let number = counts.clone().sum().clamp_min(1.0);
    // The root of `1 / classes that count` on either side of a product.
    let scale = counts / number.sqrt().unsqueeze::<2>();
    let [source_mass, target_mass] = masses.map(|mass| mass.clamp_min(SMALLEST_MASS));
    let source_weights = source_shares / source_mass * scale.clone();
    let target_weights = target_shares / target_mass * scale;
    let layer =
        Layer { source: &source, target: &target, kernel: &Kernel::MeanDistance(widths.to_vec()) };
    weighted_pairs(&layer, &source_weights, &target_weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrepancy::DAN_WIDTHS;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::Device;
    use burn::tensor::activation::softmax;

    fn one_hot(classes: &[usize], count: usize) -> Tensor<2> {
        let rows = classes.iter().map(|&class| {
            let mut row = vec![0.0_f32; count];
            row[class] = 1.0;
            Tensor::<1>::from_floats(row.as_slice(), &Device::flex()).unsqueeze::<2>()
        });
        Tensor::cat(rows.collect(), 0)
    }

    /// The formula as burn differentiates it by itself.
    fn recorded(s: Tensor<2>, t: Tensor<2>, w: &Tensor<2>, v: &Tensor<2>) -> Tensor<1> {
        let rows = Tensor::cat(vec![s.clone(), t.clone()], 0);
        let square = |a: &Tensor<2>, b: &Tensor<2>| {
            let (m, n) = (a.dims()[0], b.dims()[0]);
            let columns = a.dims()[1];
            let a = a.clone().reshape([m, 1, columns]).repeat_dim(1, n);
            let b = b.clone().reshape([1, n, columns]).repeat_dim(0, m);
            (a - b).square().sum_dim(2).squeeze_dim::<2>(2)
        };
        let mean = scalar(&square(&rows, &rows).mean());
        let kernel = |a: &Tensor<2>, b: &Tensor<2>| {
            let square = square(a, b);
            let kernels =
                DAN_WIDTHS.map(|width| square.clone().div_scalar(-2.0 * width * mean).exp());
            kernels.into_iter().reduce(|sum, kernel| sum + kernel).unwrap()
        };
        let classes = w.dims()[1];
        let mut sum = Tensor::zeros([1], &s.device());
        let mut count = 0.0;
        for class in 0..classes {
            let of = |shares: &Tensor<2>| shares.clone().narrow(1, class, 1);
            let (w, v) = (of(w), of(v));
            let [a, b] = [&w, &v].map(|shares| scalar(&shares.clone().sum()));
            if a == 0.0 || b == 0.0 {
                continue;
            }
            let (w, v) = (w.div_scalar(a), v.div_scalar(b));
            let part = |x: &Tensor<2>, y: &Tensor<2>, k: Tensor<2>| {
                (x.clone().matmul(y.clone().transpose()) * k).sum()
            };
            sum = sum + part(&w, &w, kernel(&s, &s)) + part(&v, &v, kernel(&t, &t))
                - part(&w, &v, kernel(&s, &t)).mul_scalar(2.0);
            count += 1.0;
        }
        sum.div_scalar(count)
    }

    #[test]
    fn value_and_gradient_are_those_of_the_recorded_formula() {
        let (source, target) = (matrix([5, 4], 1), matrix([7, 4], 2).mul_scalar(1.5));
        // The source has no row of the last class.
        let own = one_hot(&[0, 1, 0, 2, 1], 4);
        let other = softmax(matrix([7, 4], 3).inner().mul_scalar(2.0), 1);
        let inputs = [&source, &target];
        let (got, gradients) =
            differentiate(inputs, |[s, t]| lmmd(s, t, own.clone(), other.clone(), &DAN_WIDTHS));
        let (want, expected) = differentiate(inputs, |[s, t]| recorded(s, t, &own, &other));
        assert_close(&[got], &[want], 1e-5);
        for (got, want) in gradients.iter().zip(&expected) {
            assert_close(got, want, 1e-4);
        }
    }

    /// The domains differ in how often classes occur, and in nothing else.
    #[test]
    fn class_frequencies_do_not_count() {
        let centre = |class: usize| matrix([1, 4], 20 + class as u64).inner().mul_scalar(3.0);
        let rows = |classes: &[usize]| {
            Tensor::cat(classes.iter().map(|&class| centre(class)).collect(), 0)
        };
        let (own, other) = ([0, 0, 0, 1], [0, 1, 1, 1, 1]);
        let local = lmmd(rows(&own), rows(&other), one_hot(&own, 2), one_hot(&other, 2), &[1.0]);
        assert!(scalar(&local).abs() < 1e-6);
        let whole = |count: usize| Tensor::<2>::ones([count, 1], &Device::flex());
        let global = lmmd(rows(&own), rows(&other), whole(4), whole(5), &[1.0]);
        assert!(scalar(&global) > 0.1);
    }

    #[test]
    fn without_a_class_in_common_it_is_zero_and_has_no_gradient() {
        let (source, target) = (matrix([3, 4], 1), matrix([2, 4], 2));
        let (value, gradients) = differentiate([&source, &target], |[s, t]| {
            lmmd(s, t, one_hot(&[0, 0, 1], 3), one_hot(&[2, 2], 3), &DAN_WIDTHS)
        });
        assert_eq!(value, 0.0);
        assert!(gradients.iter().flatten().all(|slope| *slope == 0.0));
        // Values far below 1 are shares all the same.
        let small = one_hot(&[0, 0], 3).mul_scalar(1e-6);
        let loss =
            |shares| lmmd(source.clone(), target.clone(), one_hot(&[0, 0, 1], 3), shares, &[1.0]);
        let (small, large) = (scalar(&loss(small)), scalar(&loss(one_hot(&[0, 0], 3))));
        assert_close(&[small], &[large], 1e-5);
        assert!(values(&target).iter().all(|value| value.is_finite()));
    }
}
