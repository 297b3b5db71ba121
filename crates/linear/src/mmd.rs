//! Maximum mean discrepancy with kernels of several widths.

use crate::rows::{Rows, mean, squared_distance};

/// The widths, in shares of the mean squared distance of two rows: those of DAN.
const WIDTHS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// The unbiased estimate of the squared maximum mean discrepancy of two domains, with the sum of
/// five Gaussian kernels
///
/// ```text
/// k(a, b) = sum_u exp(-|a - b|^2 / (u m)),  u in {1/4, 1/2, 1, 2, 4}
/// ```
///
/// where `m` is the mean of `|a - b|^2` over all ordered pairs of rows of both domains, each row
/// with itself included. It is negative by chance where the domains are alike, and 0 where all rows
/// are the same. Nothing for fewer than two rows of a domain. `(n_s + n_t)^2` distances are
/// computed twice, none is kept. Long et al., Learning transferable features with deep adaptation
/// networks, ICML 2015.
///
/// # Panics
/// If the domains have rows of different lengths.
pub fn squared_mmd(source: &Rows, target: &Rows) -> Option<f64> {
    if source.count() < 2 || target.count() < 2 {
        return None;
    }
    let joint = source.above(target);
    let mut sum = 0.0;
    for i in 0..joint.count() {
        sum += (0..i).map(|j| squared_distance(joint.row(i), joint.row(j))).sum::<f64>();
    }
    let width = 2.0 * sum / (joint.count() as f64).powi(2);
    if width == 0.0 {
        return Some(0.0);
    }
    let kernel = |a: &[f64], b: &[f64]| -> f64 {
        let distance = squared_distance(a, b) / width;
        WIDTHS.iter().map(|share| (-distance / share).exp()).sum()
    };
    let within = |rows: &Rows| {
        let mut sum = 0.0;
        for i in 0..rows.count() {
            sum += (0..i).map(|j| kernel(rows.row(i), rows.row(j))).sum::<f64>();
        }
        2.0 * sum / (rows.count() * (rows.count() - 1)) as f64
    };
    let across: Vec<f64> = source
        .iter()
        .map(|a| target.iter().map(|b| kernel(a, b)).sum::<f64>() / target.count() as f64)
        .collect();
    Some(within(source) + within(target) - 2.0 * mean(&across))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{normal, shifted};
    use burn::tensor::{Device, Tensor, TensorData};
    use isthmus_core::random::Key;
    use isthmus_losses::discrepancy::mk_mmd_quadratic;

    #[test]
    fn two_points_a_domain_by_hand() {
        // Source at 0, target at 1: of 16 ordered pairs, 8 are 1 apart.
        let (source, target) = (Rows::new(1, vec![0.0; 2]), Rows::new(1, vec![1.0; 2]));
        let across: f64 = [8.0, 4.0, 2.0, 1.0, 0.5].iter().map(|x: &f64| (-x).exp()).sum();
        let expected = 5.0 + 5.0 - 2.0 * across;
        assert!((squared_mmd(&source, &target).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn it_is_the_discrepancy_of_dan() {
        let (source, target) = (normal(12, 3, &Key::new(1)), normal(12, 3, &Key::new(2)));
        let target = shifted(&target, 0.7);
        let tensor = |rows: &Rows| -> Tensor<2> {
            let values: Vec<f32> = rows.values().iter().map(|value| *value as f32).collect();
            Tensor::from_data(TensorData::new(values, [12, 3]), &Device::flex())
        };
        // The loss's widths are halves of ours: exp(-d / (2 u m)).
        let halves: Vec<f64> = WIDTHS.iter().map(|width| width / 2.0).collect();
        let loss = mk_mmd_quadratic(tensor(&source), tensor(&target), &halves);
        let loss: f64 = loss.into_scalar();
        let found = squared_mmd(&source, &target).unwrap();
        assert!((found - loss).abs() < 1e-4, "{found} for {loss}");
    }

    #[test]
    fn alike_domains_are_near_zero_and_few_rows_refused() {
        let (source, target) = (normal(200, 3, &Key::new(1)), normal(150, 3, &Key::new(2)));
        let alike = squared_mmd(&source, &target).unwrap();
        assert!(alike.abs() < 0.02, "{alike}");
        assert!(squared_mmd(&source, &shifted(&target, 1.0)).unwrap() > 0.5);
        assert_eq!(squared_mmd(&source.select(&[0]), &target), None);
        let one_place = Rows::new(1, vec![2.0; 3]);
        assert_eq!(squared_mmd(&one_place, &one_place), Some(0.0));
    }
}
