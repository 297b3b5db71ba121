//! Transport of features and labels jointly (DeepJDOT).

use super::HostMatrix;
use super::cost::{on_device, squared_distances, transport_cost};
use crate::checks::{assert_domains, assert_not_empty};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// The costs of all pairs of a labelled source row and a target row, without a gradient:
///
/// ```text
/// M_ij = feature_weight |f_i - g_j|^2 + label_weight CE(y_i, logits_j)
/// ```
///
/// Source: Damodaran et al., "DeepJDOT", 2018, eq. 6. Peers: skada has the same costs and needs
/// equal counts; the authors' code finds the plan with the squared difference of one-hot label and
/// probabilities in place of the cross-entropy, and trains with the cross-entropy.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - `labels`: `[source rows]`
/// - `logits`: `[target rows, classes]`
/// - result: `[source rows, target rows]`
///
/// # Panics
/// If a domain is empty or shapes do not fit.
pub fn joint_costs(
    source: &Tensor<2>,
    target: &Tensor<2>,
    labels: &Tensor<1, Int>,
    logits: &Tensor<2>,
    (feature_weight, label_weight): (f64, f64),
) -> HostMatrix {
    assert_shapes(source, target, labels, logits);
    let features = squared_distances(source, target).mul_scalar(feature_weight);
    let classes = label_costs(labels, logits.clone().inner()).mul_scalar(label_weight);
    HostMatrix::of(&(features + classes))
}

/// `sum_ij P_ij M_ij` with the costs of [`joint_costs`] and a plan that is held constant. The
/// gradient reaches source and target features and the target's logits.
///
/// # Shapes
/// - as of [`joint_costs`]
/// - `plan`: `[source rows, target rows]`
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or shapes do not fit.
pub fn joint_transport(
    source: Tensor<2>,
    target: Tensor<2>,
    labels: &Tensor<1, Int>,
    logits: Tensor<2>,
    (feature_weight, label_weight): (f64, f64),
    plan: &HostMatrix,
) -> Tensor<1> {
    assert_shapes(&source, &target, labels, &logits);
    let masses = Tensor::from_inner(on_device(plan, &source));
    let classes = (label_costs(labels, logits) * masses).sum();
    let features = transport_cost(source, target, plan);
    features.mul_scalar(feature_weight) + classes.mul_scalar(label_weight)
}

/// `CE(y_i, logits_j)` of all pairs.
fn label_costs(labels: &Tensor<1, Int>, logits: Tensor<2>) -> Tensor<2> {
    log_softmax(logits, 1).neg().transpose().select(0, labels.clone())
}

#[track_caller]
fn assert_shapes(
    source: &Tensor<2>,
    target: &Tensor<2>,
    labels: &Tensor<1, Int>,
    logits: &Tensor<2>,
) {
    assert_domains("joint_transport", source, target, 1);
    assert_not_empty("joint_transport", logits);
    assert!(
        labels.dims()[0] == source.dims()[0] && logits.dims()[0] == target.dims()[0],
        "joint_transport: needs {} labels and {} rows of logits, got {} and {}",
        source.dims()[0],
        target.dims()[0],
        labels.dims()[0],
        logits.dims()[0]
    );
}

#[cfg(test)]
mod tests {
    use super::super::exact_plan;
    use super::*;
    use crate::testing::{differentiate, matrix};
    use burn::tensor::Device;

    #[test]
    fn rows_go_to_rows_that_are_predicted_as_their_class() {
        let device = Device::flex();
        let labels = Tensor::<1, Int>::from_data([0, 1, 1], &device);
        let logits = Tensor::<2>::from_data([[0.0, 9.0], [9.0, 0.0], [0.0, 9.0]], &device);
        // Features alone would keep the order.
        let rows = Tensor::<2>::from_data([[0.0], [0.1], [0.2]], &device);
        let plan = |label_weight| {
            exact_plan(&joint_costs(&rows, &rows, &labels, &logits, (1.0, label_weight))).values
        };
        let third = 1.0 / 3.0;
        assert_eq!(plan(0.0), [third, 0.0, 0.0, 0.0, third, 0.0, 0.0, 0.0, third]);
        assert_eq!(plan(1.0), [0.0, third, 0.0, third, 0.0, 0.0, 0.0, 0.0, third]);
    }

    #[test]
    fn extreme_logits_and_equal_features_are_finite() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data([[1e4, -1e4], [-1e4, 1e4]], &device);
        let labels = Tensor::<1, Int>::from_data([1, 1, 1], &Device::flex());
        let (source, target) = (Tensor::ones([3, 2], &device), matrix([2, 2], 1).mul_scalar(0.0));
        let plan = exact_plan(&joint_costs(&source, &target, &labels, &logits, (1.0, 1.0)));
        let (value, gradients) = differentiate([&source, &target, &logits], |[s, t, z]| {
            joint_transport(s, t, &labels, z, (1.0, 1.0), &plan)
        });
        assert!(value.is_finite() && gradients.iter().flatten().all(|slope| slope.is_finite()));
        assert!(gradients[2].iter().any(|slope| *slope != 0.0));
    }
}
