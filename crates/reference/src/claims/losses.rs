//! Claims about the losses of `isthmus-losses` on features and predictions.

use super::Claim;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::{Inputs, Outputs};
use burn::tensor::{Device, Tensor};
use isthmus_losses::discrepancy::{
    JointLayer, Kernel, Laplacian, cdd, coral, coral_mean_term, graph_spectral_alignment, homm,
    jmmd, jmmd_linear, mk_mmd_linear, mk_mmd_offset, mk_mmd_quadratic, mmd_rbf_biased,
    mmd_rbf_unbiased,
};
use isthmus_losses::target::{
    adversarial_perturbation, bnm, centroid_labels, divergence, entropy, entropy_with_epsilon,
    information_maximization, information_maximization_with_epsilon, mcc, pseudo_label_loss,
    pseudo_labels, spoken_frames, utterance_loss,
};

type Result<T> = std::result::Result<T, ReferenceError>;

const DISCREPANCY: &str = "losses/discrepancy";
const TARGET: &str = "losses/target";

/// The number inside the logarithm wherever a file speaks of `eps`.
const EPSILON: f64 = 1e-5;

pub(super) const fn claim(
    family: &'static str,
    name: &'static str,
    run: fn(&Case) -> Result<Outputs>,
) -> Claim {
    Claim { family, name, run }
}

pub(super) const CLAIMS: &[Claim] = &[
    claim(DISCREPANCY, "cdd", contrastive),
    claim(DISCREPANCY, "coral", |case| two_domains(case, coral)),
    claim(DISCREPANCY, "coral_mean_term", |case| two_domains(case, coral_mean_term)),
    claim(DISCREPANCY, "graph_spectral_alignment", graph_spectral),
    claim(DISCREPANCY, "homm3", |case| two_domains(case, |s, t| homm(s, t, 3))),
    claim(DISCREPANCY, "jmmd", |case| joint(case, jmmd)),
    claim(DISCREPANCY, "jmmd_linear", |case| joint(case, jmmd_linear)),
    claim(DISCREPANCY, "mk_mmd_linear", |case| multiple_widths(case, mk_mmd_linear)),
    claim(DISCREPANCY, "mk_mmd_quadratic", |case| multiple_widths(case, mk_mmd_quadratic)),
    claim(DISCREPANCY, "mmd_rbf_biased", |case| {
        let sigma = case.number("sigma")?;
        two_domains(case, |source, target| mmd_rbf_biased(source, target, sigma))
    }),
    claim(DISCREPANCY, "mmd_rbf_unbiased", |case| {
        let sigma = case.number("sigma")?;
        two_domains(case, |source, target| mmd_rbf_unbiased(source, target, sigma))
    }),
    claim(TARGET, "bnm", |case| on_logits(case, &[("loss", &|logits| bnm(logits))])),
    claim(TARGET, "entropy", |case| {
        let eps = |logits| entropy_with_epsilon(logits, EPSILON);
        on_logits(case, &[("loss", &entropy), ("loss_eps", &eps)])
    }),
    claim(TARGET, "fixmatch", fixmatch),
    claim(TARGET, "information_maximization", |case| {
        let eps = |logits| information_maximization_with_epsilon(logits, EPSILON);
        on_logits(case, &[("loss", &information_maximization), ("loss_eps", &eps)])
    }),
    claim(TARGET, "mcc", |case| {
        let temperature = case.number("temperature")?;
        on_logits(case, &[("loss", &|logits| mcc(logits, temperature))])
    }),
    claim(TARGET, "shot_pseudo_labels", shot_pseudo_labels),
    claim(TARGET, "suta", suta),
    claim(TARGET, "vat", vat),
];

/// A loss of source and target features.
pub(super) fn two_domains(
    case: &Case,
    loss: impl FnOnce(Tensor<2>, Tensor<2>) -> Tensor<1>,
) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        Ok(loss(inputs.tensor("source")?, inputs.tensor("target")?))
    })?;
    Ok(outputs)
}

/// Losses of one batch of logits, by the name of the result.
fn on_logits(case: &Case, losses: &[(&str, &dyn Fn(Tensor<2>) -> Tensor<1>)]) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    for (name, loss) in losses {
        outputs.differentiate(case, name, |inputs| Ok(loss(inputs.tensor("logits")?)))?;
    }
    Ok(outputs)
}

fn multiple_widths(
    case: &Case,
    loss: fn(Tensor<2>, Tensor<2>, &[f64]) -> Tensor<1>,
) -> Result<Outputs> {
    let widths = case.numbers("alphas")?;
    let offset = mk_mmd_offset(case.input("source")?.shape[0]);
    let compute = |inputs: &Inputs<'_>| -> Result<Tensor<1>> {
        let source = inputs.tensor("source")?;
        Ok(loss(source, inputs.tensor("target")?, &widths))
    };
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss_without_constant", compute)?;
    outputs.differentiate(case, "loss", |inputs| Ok(compute(inputs)?.add_scalar(offset)))?;
    Ok(outputs)
}

fn joint(case: &Case, loss: fn(&[JointLayer]) -> Tensor<1>) -> Result<Outputs> {
    let widths = Kernel::MeanDistance(case.numbers("alphas")?);
    let sigma = case.number("sigma_layer2")?;
    let offset = mk_mmd_offset(case.input("source_layer1")?.shape[0]);
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        let layers = [
            JointLayer {
                source: inputs.tensor("source_layer1")?,
                target: inputs.tensor("target_layer1")?,
                kernel: widths,
            },
            JointLayer {
                source: inputs.tensor("source_layer2")?,
                target: inputs.tensor("target_layer2")?,
                kernel: Kernel::Fixed { sigma },
            },
        ];
        Ok(loss(&layers).add_scalar(offset))
    })?;
    Ok(outputs)
}

/// The width of the Gaussian in the file's definition.
const GRAPH_SIGMA: f64 = 1.5;

fn graph_spectral(case: &Case) -> Result<Outputs> {
    let refused =
        |name: &str, expected| ReferenceError::Parameter { name: name.to_owned(), expected };
    if case.text("metric")? != "gauss" {
        return Err(refused("metric", "`gauss`, the only one that is computed"));
    }
    let laplacian = match case.text("laplacian")? {
        "laplac1" => Laplacian::RandomWalk,
        "laplac2" => Laplacian::Unnormalized,
        "laplac3" => Laplacian::Symmetric,
        _ => return Err(refused("laplacian", "`laplac1`, `laplac2` or `laplac3`")),
    };
    two_domains(case, |s, t| graph_spectral_alignment(s, t, GRAPH_SIGMA, laplacian))
}

/// The files' rows are sorted by class, so many of each.
fn labels_of_counts(case: &Case, name: &str) -> Result<Vec<u32>> {
    let counts = case.numbers(name)?;
    let of_class = |(class, count): (usize, &f64)| vec![class as u32; *count as usize];
    Ok(counts.iter().enumerate().flat_map(of_class).collect())
}

fn contrastive(case: &Case) -> Result<Outputs> {
    let source_labels = labels_of_counts(case, "nums_source")?;
    let target_labels = labels_of_counts(case, "nums_target")?;
    let classes = case.count("num_classes")?;
    let compute = |inputs: &Inputs<'_>| -> Result<_> {
        let (source, target) = (inputs.tensor("source")?, inputs.tensor("target")?);
        Ok(cdd(&source, &target, &source_labels, &target_labels, classes))
    };
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| Ok(compute(inputs)?.loss()))?;
    outputs.differentiate(case, "intra", |inputs| Ok(compute(inputs)?.intra))?;
    outputs.differentiate(case, "inter", |inputs| Ok(compute(inputs)?.inter))?;
    Ok(outputs)
}

fn vat(case: &Case) -> Result<Outputs> {
    let (xi, radius) = (case.number("xi")?, case.number("epsilon")?);
    let refused =
        |name: &str, expected| ReferenceError::Parameter { name: name.to_owned(), expected };
    if case.count("power_iterations")? != 1 {
        return Err(refused("power_iterations", "1, the only number that is computed"));
    }
    let activation: fn(Tensor<2>) -> Tensor<2> = match case.text("activation")? {
        "tanh" => Tensor::tanh,
        "relu" => burn::tensor::activation::relu,
        _ => return Err(refused("activation", "`tanh` or `relu`")),
    };
    let device = Device::flex().autodiff();
    let constant = |name| case.input(name)?.to_tensor::<2>(&device);
    let (input, direction) = (constant("x")?, constant("direction")?);
    let mut outputs = Outputs::new();
    let mut perturbation = None;
    outputs.differentiate(case, "loss", |inputs| {
        let hidden: Tensor<2> = inputs.tensor("W0")?;
        let weight: Tensor<2> = inputs.tensor("W")?;
        let bias: Tensor<1> = inputs.tensor("b")?;
        let network = |rows: Tensor<2>| {
            activation(rows.matmul(hidden.clone())).matmul(weight.clone())
                + bias.clone().unsqueeze::<2>()
        };
        let clean = network(input.clone());
        let found = adversarial_perturbation(clean.clone(), direction, xi, radius, |rows| {
            network(input.clone() + rows)
        });
        perturbation = Some(found.clone());
        Ok(divergence(clean, network(input.clone() + found)))
    })?;
    if let Some(found) = perturbation {
        outputs.tensor("r_adv", &found);
    }
    Ok(outputs)
}

fn fixmatch(case: &Case) -> Result<Outputs> {
    let threshold = case.number("threshold")?;
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        let weak = inputs.constant("weak_logits")?;
        Ok(pseudo_label_loss(weak, inputs.tensor("strong_logits")?, threshold, 0.0))
    })?;
    let weak = case.input("weak_logits")?.to_tensor(&Device::flex())?;
    let chosen = pseudo_labels(weak, threshold);
    outputs.tensor("mask", &chosen.mask);
    outputs.integers("pseudo_labels", &chosen.labels);
    Ok(outputs)
}

fn suta(case: &Case) -> Result<Outputs> {
    let (temperature, blank) = (case.number("temperature")?, case.count("blank")?);
    let share = case.number("alpha")?;
    let of = |inputs: &Inputs<'_>| -> Result<_> {
        Ok(utterance_loss(inputs.tensor("logits")?, temperature, blank))
    };
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| Ok(of(inputs)?.loss(share)))?;
    outputs.differentiate(case, "entropy", |inputs| Ok(of(inputs)?.entropy))?;
    outputs.differentiate(case, "mcc", |inputs| Ok(of(inputs)?.confusion))?;
    let logits = case.input("logits")?.to_tensor(&Device::flex().autodiff())?;
    outputs.tensor("non_blank", &spoken_frames(logits, blank));
    Ok(outputs)
}

fn shot_pseudo_labels(case: &Case) -> Result<Outputs> {
    let device = Device::flex();
    let features = case.input("features")?.to_tensor(&device)?;
    let probabilities = case.input("probabilities")?.to_tensor(&device)?;
    let mut outputs = Outputs::new();
    for (round, found) in centroid_labels(&features, &probabilities, 2).into_iter().enumerate() {
        let labels = found.labels.into_iter().map(f64::from).collect();
        outputs.array(&format!("labels_round{}", round + 1), Array::vector(labels));
        let shape = vec![found.centroids.len(), found.centroids[0].len()];
        let data = found.centroids.into_iter().flatten().collect();
        outputs.array(&format!("centroids_round{}", round + 1), Array { shape, data });
    }
    Ok(outputs)
}
