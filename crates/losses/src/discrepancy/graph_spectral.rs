//! Graph spectral alignment (SPA).

use super::distances::squared_distances;
use crate::checks::{assert_domains, assert_equal_counts};
use crate::closed_form::attach;
use crate::decomposition::decompose;
use burn::tensor::Tensor;

/// What is added to the degree of a row, so that no degree is 0.
const SMALLEST_DEGREE: f64 = 1e-7;

/// Smaller widths count as this one: the square of one over it is a number.
const SMALLEST_WIDTH: f64 = 1e-15;

/// A Laplacian of a graph with similarities `A` and degrees `d_i = sum_j A_ij`, `D = diag(d)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Laplacian {
    /// `-D^-1 A`.
    RandomWalk,
    /// `D - A`.
    Unnormalized,
    /// `I - D^-1/2 A D^-1/2`.
    Symmetric,
}

impl Laplacian {
    /// The Laplacian of similarities `[rows, rows]`, on the tape.
    fn of(self, similarities: Tensor<2>) -> Tensor<2> {
        let rows = similarities.dims()[0];
        let unit = || Tensor::<2>::eye(rows, &similarities.device());
        let degrees = similarities.clone().sum_dim(1).add_scalar(SMALLEST_DEGREE);
        match self {
            Self::RandomWalk => (similarities / degrees).neg(),
            Self::Unnormalized => unit() * degrees - similarities,
            Self::Symmetric => {
                let roots = degrees.sqrt();
                unit() - similarities / (roots.clone() * roots.transpose())
            }
        }
    }
}

/// Distance of the spectra of the graphs that the rows of the two domains make up:
///
/// ```text
/// A_ij = exp(-|x_i - x_j|^2 / (2 sigma^2))        of each domain by itself, a row with itself included
/// loss = sqrt(sum_k (sigma_k(L_s) - sigma_k(L_t))^2)
/// ```
///
/// with the singular values of a [`Laplacian`] of each graph in order of size; of the symmetric ones
/// these are the eigenvalues. The spectrum says how a graph is connected, whatever the order and the
/// place of its rows, so the domains come to be alike in structure and not in place. The gradient of
/// a singular value is `u_k v_k^T`; where values are equal it is one of several, and of equal
/// spectra it is 0.
///
/// Source: Xiao et al., "SPA: a graph spectral alignment perspective for domain adaptation", 2023.
/// Peers: skada is the same with `sigma` = 1.5; the authors' code leaves out the similarity of a row
/// with itself. The decomposition runs on the host.
///
/// # Shapes
/// - `source`, `target`: `[rows, features]`, equally many rows of both domains
/// - result: `[1]`, at least 0; not a number where a feature is not
///
/// # Panics
/// If a domain is empty, counts or features differ, or `sigma` is not positive.
pub fn graph_spectral_alignment(
    source: Tensor<2>,
    target: Tensor<2>,
    sigma: f64,
    laplacian: Laplacian,
) -> Tensor<1> {
    assert_domains("graph_spectral_alignment", &source, &target, 1);
    assert_equal_counts("graph_spectral_alignment", &source, &target);
    assert!(sigma > 0.0, "graph_spectral_alignment: sigma must be positive, got {sigma}");
    let factor = -0.5 / sigma.max(SMALLEST_WIDTH).powi(2);
    let graphs = [source, target]
        .map(|rows| laplacian.of(squared_distances(&rows, &rows).mul_scalar(factor).exp()));
    let [Some(own), Some(other)] = graphs.each_ref().map(|graph| decompose(&graph.clone().inner()))
    else {
        let [graph, _] = graphs;
        return graph.sum().mul_scalar(f64::NAN);
    };
    let difference = own.values.clone() - other.values.clone();
    let distance = difference.clone().square().sum().sqrt();
    let direction = difference / distance.clone().clamp_min(f64::from(f32::MIN_POSITIVE));
    let mut loss = distance;
    for ((graph, parts), sign) in graphs.iter().zip([own, other]).zip([1.0, -1.0]) {
        let weighted = parts.left * direction.clone().mul_scalar(sign).unsqueeze::<2>();
        loss = attach(loss, graph, weighted.matmul(parts.right));
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::TensorData;

    const ALL: [Laplacian; 3] =
        [Laplacian::RandomWalk, Laplacian::Unnormalized, Laplacian::Symmetric];

    /// Of two rows with similarity `a` the eigenvalues are known.
    #[test]
    fn two_rows_have_the_spectra_worked_out_by_hand() {
        let pair = |distance: f32| {
            Tensor::<2>::from_data([[0.0], [distance]], &burn::tensor::Device::flex())
        };
        let [near, far] = [(-0.5_f64).exp(), (-2.0_f64).exp()];
        let got =
            |laplacian| scalar(&graph_spectral_alignment(pair(1.0), pair(2.0), 1.0, laplacian));
        // D - A: 0 and 2a. -D^-1 A: 1 and (1 - a)/(1 + a). I - D^-1/2 A D^-1/2: 0 and 2a/(1 + a).
        assert_close(&[got(Laplacian::Unnormalized)], &[2.0 * (near - far)], 1e-5);
        let walk = |a: f64| (1.0 - a) / (1.0 + a);
        assert_close(&[got(Laplacian::RandomWalk)], &[walk(far) - walk(near)], 1e-5);
        let symmetric = |a: f64| 2.0 * a / (1.0 + a);
        assert_close(&[got(Laplacian::Symmetric)], &[symmetric(near) - symmetric(far)], 1e-5);
    }

    #[test]
    fn order_and_place_of_the_rows_do_not_count() {
        let rows = matrix([6, 3], 1).mul_scalar(2.0);
        let halves = [rows.clone().narrow(0, 4, 2), rows.clone().narrow(0, 0, 4)];
        let moved = Tensor::cat(halves.to_vec(), 0).add_scalar(5.0);
        for laplacian in ALL {
            let (value, gradients) = differentiate([&rows, &moved], |[s, t]| {
                graph_spectral_alignment(s, t, 1.5, laplacian)
            });
            assert!(value < 1e-5, "{laplacian:?}: {value}");
            assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
        }
    }

    #[test]
    fn the_gradient_is_the_change_of_the_value() {
        let (source, target) = (matrix([5, 2], 1), matrix([5, 2], 2).mul_scalar(2.0));
        for laplacian in ALL {
            let (_, [gradient, _]) = differentiate([&source, &target], |[s, t]| {
                graph_spectral_alignment(s, t, 1.0, laplacian)
            });
            let start = values(&source);
            for index in 0..start.len() {
                let at = |change: f64| {
                    let mut moved: Vec<f32> = start.iter().map(|value| *value as f32).collect();
                    moved[index] = (start[index] + change) as f32;
                    let moved = Tensor::from_data(TensorData::new(moved, [5, 2]), &source.device());
                    scalar(&graph_spectral_alignment(moved, target.clone(), 1.0, laplacian))
                };
                let want = (at(5e-3) - at(-5e-3)) / 1e-2;
                assert!((gradient[index] - want).abs() < 3e-3, "{} and {want}", gradient[index]);
            }
        }
    }

    #[test]
    fn one_row_equal_rows_and_rows_far_apart_are_finite() {
        let far = matrix([4, 3], 5).mul_scalar(1e4);
        let same = matrix([1, 3], 4).repeat_dim(0, 4);
        let one = matrix([1, 3], 6);
        for (source, target) in [(&far, &same), (&same, &far), (&same, &same), (&one, &one)] {
            for sigma in [1.5, 1e-15] {
                for laplacian in ALL {
                    let (value, gradients) = differentiate([source, target], |[s, t]| {
                        graph_spectral_alignment(s, t, sigma, laplacian)
                    });
                    assert!(value.is_finite(), "{laplacian:?}, {sigma}: {value}");
                    assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_told() {
        let (source, broken) = (matrix([4, 3], 5), matrix([4, 3], 6).mul_scalar(f64::NAN));
        for (source, target) in [(&source, &broken), (&broken, &source)] {
            let (value, _) = differentiate([source, target], |[s, t]| {
                graph_spectral_alignment(s, t, 1.5, Laplacian::RandomWalk)
            });
            assert!(value.is_nan());
        }
    }
}
