//! Every loss and its gradient is finite wherever its inputs are, or says what it needs: identical
//! samples, a single one, no variance, absent classes, logits of ten thousand, plans with an empty
//! row.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use isthmus_losses::adversarial::*;
use isthmus_losses::classification::*;
use isthmus_losses::discrepancy::*;
use isthmus_losses::target::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const FEATURES: usize = 3;
const CLASSES: usize = 4;
const FEATURE_SCALE: f32 = 100.0;
const LOGIT_SCALE: f32 = 1e4;
const SINKHORN: Sinkhorn = Sinkhorn { epsilon: 0.01, sweeps: 50, tolerance: 1e-6 };

/// Rows of numbers.
#[derive(Clone, Debug)]
struct Rows {
    columns: usize,
    values: Vec<f32>,
}

impl Rows {
    fn count(&self) -> usize {
        self.values.len() / self.columns
    }

    /// The rows as a leaf of the tape.
    fn tensor(&self) -> Tensor<2> {
        let data = TensorData::new(self.values.clone(), [self.count(), self.columns]);
        Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
    }
}

/// What happens to come up, one number in all places, one row again and again, extremes.
fn rows(
    counts: impl Strategy<Value = usize>,
    columns: usize,
    scale: f32,
) -> impl Strategy<Value = Rows> {
    counts.prop_flat_map(move |count| {
        let size = count * columns;
        let values = prop_oneof![
            4 => vec(-1.0..1.0_f32, size),
            2 => vec(-scale..scale, size),
            1 => (-scale..scale).prop_map(move |value| vec![value; size]),
            1 => vec(-scale..scale, columns).prop_map(move |row| row.repeat(count)),
            2 => vec(select(vec![-scale, 0.0, scale]), size),
        ];
        values.prop_map(move |values| Rows { columns, values })
    })
}

/// Two batches, a quarter of them the same.
fn pair(columns: usize, scale: f32) -> impl Strategy<Value = (Rows, Rows)> {
    let two = (rows(1..6_usize, columns, scale), rows(1..6_usize, columns, scale));
    (two, 0..4).prop_map(|((first, second), kind)| match kind {
        0 => (first.clone(), first),
        _ => (first, second),
    })
}

fn labels(count: usize, seed: u64) -> Vec<u32> {
    // Of so few rows some classes are absent.
    (0..count as u64).map(|row| ((seed ^ (row * 5)) % CLASSES as u64) as u32).collect()
}

fn label_tensor(labels: &[u32]) -> Tensor<1, Int> {
    let values: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &Device::flex().autodiff())
}

fn shares(labels: &[u32]) -> Tensor<2> {
    label_tensor(labels).one_hot::<2>(CLASSES).float()
}

/// A plan, whose first row is empty where it has another one.
fn holed_plan(rows: usize, columns: usize) -> HostMatrix {
    let heavy = rows.saturating_sub(1).max(1);
    let mass = 1.0 / (heavy * columns) as f64;
    let empty = if rows > 1 { columns } else { 0 };
    let values = (0..rows * columns).map(|place| if place < empty { 0.0 } else { mass });
    HostMatrix { rows, columns, values: values.collect() }
}

/// The loss and its gradients are finite, or it says what it needs.
#[track_caller]
fn assert_safe(name: &str, leaves: &[&Tensor<2>], loss: impl FnOnce() -> Tensor<1>) {
    let loss = match catch_unwind(AssertUnwindSafe(loss)) {
        Ok(loss) => loss,
        Err(cause) => {
            let message = cause.downcast_ref::<String>().map_or("no message", String::as_str);
            assert!(message.contains(": needs "), "{name} panics: {message}");
            return;
        }
    };
    let finite = |tensor: &TensorData| tensor.iter::<f32>().all(f32::is_finite);
    let value = loss.to_data();
    assert!(finite(&value), "{name} is {value:?}");
    // A loss may be a constant, as where no class is in both batches.
    let tied = leaves.iter().fold(loss.sum(), |loss, leaf| loss + (*leaf).clone().sum() * 0.0);
    let gradients = tied.backward();
    for gradient in leaves.iter().filter_map(|leaf| leaf.grad(&gradients)) {
        let gradient = gradient.to_data();
        assert!(finite(&gradient), "the gradient of {name} is {gradient:?}");
    }
}

type OfTwo = fn(Tensor<2>, Tensor<2>) -> Tensor<1>;
type OfLabels = dyn Fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>;
type OfOne = fn(Tensor<2>) -> Tensor<1>;

/// Losses on the features of two domains.
const DISTANCES: [(&str, OfTwo); 24] = [
    ("cmd", |s, t| cmd(s, t, 5, 1.0)),
    ("coral", coral),
    ("coral_mean_term", coral_mean_term),
    ("graph_spectral_alignment", |s, t| graph_spectral_alignment(s, t, 1.5, Laplacian::Symmetric)),
    ("graph_spectral_alignment, random walk", |s, t| {
        graph_spectral_alignment(s, t, 1.5, Laplacian::RandomWalk)
    }),
    ("homm", |s, t| homm(s, t, 3)),
    ("mk_mmd_linear", |s, t| mk_mmd_linear(s, t, &DAN_WIDTHS)),
    ("mk_mmd_quadratic", |s, t| mk_mmd_quadratic(s, t, &DAN_WIDTHS)),
    ("mmd_linear", mmd_linear),
    ("mmd_linear_unbiased", mmd_linear_unbiased),
    ("mmd_rbf_biased", |s, t| mmd_rbf_biased(s, t, 1.0)),
    ("mmd_rbf_unbiased", |s, t| mmd_rbf_unbiased(s, t, 1.0)),
    ("moment_distance", |s, t| moment_distance(&[s, t], 5)),
    ("jmmd", |s, t| jmmd(&layers(s, t))),
    ("jmmd_linear", |s, t| jmmd_linear(&layers(s, t))),
    ("sliced_wasserstein", |s, t| {
        let device = s.device();
        sliced_wasserstein(s, t, Tensor::<2>::eye(FEATURES, &device).inner())
    }),
    ("mean_squared_distance", mean_squared_distance),
    ("wasserstein", wasserstein),
    ("entropic_transport", |s, t| entropic_transport(s, t, SINKHORN)),
    ("sinkhorn_divergence", |s, t| sinkhorn_divergence(s, t, SINKHORN)),
    ("transport_cost", |s, t| {
        let plan = holed_plan(s.dims()[0], t.dims()[0]);
        transport_cost(s, t, &plan)
    }),
    ("graph_edge_cost", |s, t| graph_edge_cost(&s, &t, &holed_plan(s.dims()[0], t.dims()[0]))),
    ("fused_gromov_wasserstein", |s, t| {
        let plan = graph_matching_plan(&s, &t, 0.5, 3, |_| SINKHORN);
        fused_gromov_wasserstein(s, t, &plan, 0.5)
    }),
    ("log_assignments", |s, t| clustering_divergence(log_assignments(s, t))),
];

fn layers(source: Tensor<2>, target: Tensor<2>) -> [JointLayer; 2] {
    let probabilities =
        JointLayer::probabilities(softmax(source.clone(), 1), softmax(target.clone(), 1));
    [JointLayer::features(source, target), probabilities]
}

/// Losses on the features of one batch.
const OF_FEATURES: [(&str, OfOne); 4] = [
    ("batch_spectral_penalization", |f| batch_spectral_penalization(f, 1)),
    ("stepwise_feature_norm", |f| stepwise_feature_norm(f, 1.0)),
    ("hard_feature_norm", |f| hard_feature_norm(f, 25.0)),
    ("gradient_penalty", gradient_penalty),
];

/// Losses on logits of the classes.
const OF_LOGITS: [(&str, OfOne); 18] = [
    ("bnm", bnm),
    ("utterance_loss", |z| utterance_loss(z, 2.5, 0).loss(0.3)),
    ("class_balance_cross_entropy", class_balance_cross_entropy),
    ("entropy", entropy),
    ("entropy_per_sample", entropy_per_sample),
    ("entropy_with_epsilon", |z| entropy_with_epsilon(z, 1e-5)),
    ("entropy_of_mean", entropy_of_mean),
    ("information_maximization", information_maximization),
    ("information_maximization_with_epsilon", |z| information_maximization_with_epsilon(z, 1e-5)),
    ("mcc", |z| mcc(z, 2.5)),
    ("class_balance", class_balance),
    ("negative_domain_entropy", negative_domain_entropy),
    ("domain_confusion", domain_confusion),
    ("unknown_class_bce", |z| unknown_class_bce(z, 0.5)),
    ("entropy_weights", |z| entropy_weights(z.clone()) + z.sum() * 0.0),
    ("certainty_weights", |z| certainty_weights(z.clone()) + z.sum() * 0.0),
    ("weights_over_range", |z| weights_over_range(z.max_dim(1).squeeze_dim::<1>(1))),
    ("neighbour_agreement", |z| neighbour_agreement(z.clone(), softmax(z, 1))),
];

/// Losses on two predictions of the same rows.
const OF_PREDICTIONS: [(&str, OfTwo); 8] = [
    ("divergence", divergence),
    ("classifier_discrepancy", classifier_discrepancy),
    ("consistency", |a, b| {
        let mask = Tensor::ones([a.dims()[0]], &a.device());
        consistency(a, b, mask)
    }),
    ("pseudo_label_loss", |weak, strong| pseudo_label_loss(weak, strong, 0.9, 0.7)),
    ("target_margin_disparity", target_margin_disparity),
    ("margin_disparity", |a, b| margin_disparity(a.clone(), b.clone(), a, b, 4.0)),
    ("weight_overlap", weight_overlap),
    ("nt_xent", |s, t| nt_xent(s, t, 0.5)),
];

/// Losses on logits of one domain discriminator for two domains.
const OF_DISCRIMINATORS: [(&str, OfTwo); 4] = [
    ("dann_domain_bce", dann_domain_bce),
    ("dann_domain_bce_weighted", |s, t| {
        let weight = |rows: &Tensor<2>| Tensor::<1>::zeros([rows.dims()[0]], &rows.device());
        let (own, other) = (weight(&s), weight(&t));
        dann_domain_bce_weighted(s, t, own, other)
    }),
    ("wasserstein_estimate", wasserstein_estimate),
    ("target_likeness_weights", |s, t| {
        target_likeness_weights(s.clone()).mean() + (s.sum() + t.sum()) * 0.0
    }),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn distances_of_domains(domains in pair(FEATURES, FEATURE_SCALE)) {
        for (name, loss) in DISTANCES {
            let (source, target) = (domains.0.tensor(), domains.1.tensor());
            assert_safe(name, &[&source, &target], || loss(source.clone(), target.clone()));
        }
    }

    #[test]
    fn distances_of_classes(domains in pair(FEATURES, FEATURE_SCALE), seed in any::<u64>()) {
        let (source, target) = (domains.0.tensor(), domains.1.tensor());
        let own = labels(domains.0.count(), seed);
        let other = labels(domains.1.count(), seed.rotate_left(20));
        let leaves = [&source, &target];
        assert_safe("cdd", &leaves, || cdd(&source, &target, &own, &other, CLASSES).loss());
        assert_safe("lmmd", &leaves, || {
            lmmd(source.clone(), target.clone(), shares(&own), shares(&other), &DAN_WIDTHS)
        });
        assert_safe("joint_transport", &leaves, || {
            let logits = target.clone().repeat_dim(1, 2).narrow(1, 0, CLASSES);
            let plan = holed_plan(own.len(), other.len());
            joint_transport(
                source.clone(), target.clone(), &label_tensor(&own), logits, (1.0, 1.0), &plan,
            )
        });
    }

    #[test]
    fn losses_of_features(features in rows(1..6_usize, FEATURES, FEATURE_SCALE)) {
        for (name, loss) in OF_FEATURES {
            let features = features.tensor();
            assert_safe(name, &[&features], || loss(features.clone()));
        }
    }

    #[test]
    fn losses_of_logits(logits in rows(1..6_usize, CLASSES, LOGIT_SCALE), seed in any::<u64>()) {
        for (name, loss) in OF_LOGITS {
            let logits = logits.tensor();
            assert_safe(name, &[&logits], || loss(logits.clone()));
        }
        let known = labels(logits.count(), seed);
        let of_labels: [(&str, &OfLabels); 5] = [
            ("cross_entropy", &cross_entropy),
            ("cross_entropy_smoothed", &|z, y| cross_entropy_smoothed(z, y, 0.1)),
            ("generalized_cross_entropy", &|z, y| generalized_cross_entropy_per_sample(z, y, 0.7)),
            ("multi_domain_cross_entropy", &multi_domain_cross_entropy),
            ("complement_entropy", &|z, y| {
                let weights = Tensor::zeros([z.dims()[0]], &z.device());
                complement_entropy(z, y, weights, 1.0)
            }),
        ];
        for (name, loss) in of_labels {
            let logits = logits.tensor();
            assert_safe(name, &[&logits], || loss(logits.clone(), label_tensor(&known)));
        }
        let logits = logits.tensor();
        assert_safe("binary_cross_entropy", &[&logits], || {
            binary_cross_entropy_per_sample(logits.clone(), shares(&known))
        });
        assert_safe("ctc", &[&logits], || {
            let [time, outputs] = logits.dims();
            let steps = logits.clone().reshape([1, time, outputs]);
            ctc_per_sample(steps, &[time], &[vec![0]]).expect("one symbol fits into one step")
        });
    }

    #[test]
    fn losses_of_two_predictions(
        (first, second) in (1..6_usize).prop_flat_map(|count| {
            let one = || rows(Just(count), CLASSES, LOGIT_SCALE);
            (one(), one())
        }),
    ) {
        for (name, loss) in OF_PREDICTIONS {
            let (first, second) = (first.tensor(), second.tensor());
            assert_safe(name, &[&first, &second], || loss(first.clone(), second.clone()));
        }
    }

    #[test]
    fn losses_of_a_discriminator(domains in pair(1, LOGIT_SCALE)) {
        for (name, loss) in OF_DISCRIMINATORS {
            let (source, target) = (domains.0.tensor(), domains.1.tensor());
            assert_safe(name, &[&source, &target], || loss(source.clone(), target.clone()));
        }
    }

    #[test]
    fn plans(costs in rows(1..6_usize, FEATURES, LOGIT_SCALE)) {
        let matrix = HostMatrix {
            rows: costs.count(),
            columns: FEATURES,
            values: costs.values.iter().map(|cost| f64::from(cost.abs())).collect(),
        };
        for plan in [exact_plan(&matrix), sinkhorn_plan(&matrix, SINKHORN).plan] {
            prop_assert!(plan.values.iter().all(|mass| mass.is_finite() && *mass >= 0.0));
            let mass: f64 = plan.values.iter().sum();
            prop_assert!((mass - 1.0).abs() < 1e-6, "{mass}");
        }
    }

    #[test]
    fn labels_and_clusters(features in rows(1..6_usize, FEATURES, FEATURE_SCALE), seed in any::<u64>()) {
        let tensor = features.tensor().inner();
        let known = labels(features.count(), seed);
        let directions = class_directions(&tensor, &known, CLASSES);
        prop_assert!(directions.iter().flatten().all(|value| value.is_finite()));
        let probabilities = softmax(tensor.clone().repeat_dim(1, 2).narrow(1, 0, CLASSES), 1);
        let given = centroid_labels(&tensor, &probabilities, 2);
        let fits = |label: &u32| (*label as usize) < CLASSES;
        prop_assert!(given.iter().flat_map(|round| &round.labels).all(fits));
    }
}
