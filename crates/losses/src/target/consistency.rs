//! Consistency with a teacher's predictions.

use crate::checks::assert_not_empty;
use burn::tensor::{Tensor, activation::softmax};

/// Keeps a class that nobody, or everybody, predicts from an infinite loss.
const EPSILON: f64 = 1e-6;

/// Squared difference between a student's and a teacher's predictions:
/// `mean_i m_i mean_k (p_ik - t_ik)^2`, `p = softmax(student)`, `t = softmax(teacher)`.
///
/// The mean is over all rows, whatever the mask leaves. Between 0 and `2 / classes`. The teacher is
/// held constant.
///
/// Source: French, Mackiewicz and Fisher, "Self-ensembling for visual domain adaptation", ICLR
/// 2018, with the mask of [`pseudo_labels`](super::pseudo_labels): 1 where the teacher is
/// confident.
///
/// # Shapes
/// - `student`, `teacher`: `[batch, classes]`
/// - `mask`: `[batch]`, 1 or 0
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or the shapes differ.
pub fn consistency(student: Tensor<2>, teacher: Tensor<2>, mask: Tensor<1>) -> Tensor<1> {
    assert_not_empty("consistency", &student);
    assert_eq!(student.dims(), teacher.dims(), "consistency: the predictions differ in shape");
    let difference = softmax(student, 1) - softmax(teacher.detach(), 1);
    let by_row = difference.square().mean_dim(1).squeeze_dim::<1>(1);
    (by_row * mask).mean()
}

/// Binary cross-entropy between the mean prediction of a batch and the even spread:
/// `-mean_k (u log q_k + (1 - u) log(1 - q_k))`, `q = mean_i softmax(z_i)`, `u = 1 / classes`.
///
/// Least where all classes get the same probability on average.
///
/// Source: French, Mackiewicz and Fisher, 2018, who sum over the classes; tllib takes the mean.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn class_balance_cross_entropy(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("class_balance_cross_entropy", &logits);
    let even = 1.0 / logits.dims()[1] as f64;
    let mean = softmax(logits, 1).mean_dim(0);
    let logarithm = |share: Tensor<2>| share.add_scalar(EPSILON).log();
    let others = logarithm(mean.clone().neg().add_scalar(1.0)).mul_scalar(1.0 - even);
    (logarithm(mean).mul_scalar(even) + others).mean().neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix};
    use burn::tensor::Device;

    fn certain(classes: &[usize]) -> Tensor<2> {
        let device = Device::flex().autodiff();
        let rows = classes.iter().map(|&class| {
            let mut row = [0.0_f32; 3];
            row[class] = 80.0;
            Tensor::<1>::from_floats(row, &device).unsqueeze::<2>()
        });
        Tensor::cat(rows.collect(), 0)
    }

    #[test]
    fn rows_that_differ_count_where_the_mask_lets_them() {
        let mask = Tensor::<1>::from_floats([1.0, 1.0, 0.0, 0.0], &Device::flex().autodiff());
        let (value, _) = differentiate(
            [&certain(&[0, 1, 2, 0]), &certain(&[0, 2, 1, 0])],
            |[student, teacher]| consistency(student, teacher, mask.clone()),
        );
        // One of four rows differs and counts, by 1 in two of three classes.
        assert_close(&[value], &[2.0 / 3.0 / 4.0], 1e-6);
    }

    #[test]
    fn the_teacher_has_no_gradient() {
        let mask = Tensor::<1>::ones([4], &Device::flex().autodiff());
        let (_, [student, teacher]) =
            differentiate([&matrix([4, 3], 1), &matrix([4, 3], 2)], |[student, teacher]| {
                consistency(student, teacher, mask.clone())
            });
        assert!(student.iter().any(|slope| slope.abs() > 1e-3));
        assert!(teacher.iter().all(|slope| *slope == 0.0));
    }

    #[test]
    fn the_balance_is_least_for_the_even_spread_and_always_finite() {
        let balance = |logits| differentiate([&logits], |[z]| class_balance_cross_entropy(z));
        let (even, [gradient]) = balance(certain(&[0, 1, 2]));
        let third = 1.0_f64 / 3.0;
        let want = -(third * third.ln() + 2.0 * third * (2.0 * third).ln());
        assert_close(&[even], &[want], 1e-5);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-5));
        let (one, [gradient]) = balance(certain(&[1, 1, 1]));
        assert!(one.is_finite() && one > 2.0 * even, "{one} against {even}");
        assert!(gradient.iter().all(|slope| slope.is_finite()));
    }
}
