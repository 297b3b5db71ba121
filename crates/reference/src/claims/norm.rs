//! Claims about the normalisation layer of `isthmus-nn`.

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy, Segment, StatisticsUpdate};
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_layers::DomainBatchNorm;

use super::Claim;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;

type Result<T> = std::result::Result<T, ReferenceError>;

const FAMILY: &str = "norm";

pub(super) const CLAIMS: &[Claim] = &[
    Claim { family: FAMILY, name: "adabn", run: adabn },
    Claim { family: FAMILY, name: "autodial", run: autodial },
    Claim { family: FAMILY, name: "batch_norm_train", run: batch_norm_train },
];

fn layer(channels: usize, epsilon: f64, momentum: f64) -> DomainBatchNorm {
    let device = Device::flex().autodiff();
    let context = BuildContext { device, key: Key::new(0), sources: 1 };
    DomainBatchNorm::new(channels, &context).with_epsilon(epsilon).with_momentum(momentum)
}

fn parameter(tensor: Tensor<1>, old: &Param<Tensor<1>>) -> Param<Tensor<1>> {
    Param::initialized(old.id, tensor)
}

fn training(rows: &[(DomainRole, usize)], norm: NormPolicy) -> Context {
    let segments = rows.iter().map(|&(domain, rows)| Segment { domain, rows }).collect();
    Context::train(segments, Key::new(0)).with_norm(norm)
}

fn batch_norm_train(case: &Case) -> Result<Outputs> {
    let (epsilon, momentum) = (case.number("eps")?, case.number("momentum")?);
    let [rows, channels] = case.input("x")?.to_tensor::<2>(&Device::flex())?.dims();
    let mut layer = layer(channels, epsilon, momentum);
    let mut outputs = Outputs::new();
    let old = case.input("running_var")?.to_tensor::<1>(&Device::flex())?;
    outputs.differentiate_weighted(case, "y", "G", |inputs| {
        layer.weight = parameter(inputs.tensor("weight")?, &layer.weight);
        layer.bias = parameter(inputs.tensor("bias")?, &layer.bias);
        layer.shared.mean = parameter(inputs.constant("running_mean")?, &layer.shared.mean);
        layer.shared.variance = parameter(old.clone(), &layer.shared.variance);
        let context = training(&[(DomainRole::SOURCE, rows)], NormPolicy::TRAIN);
        Ok(layer.forward::<2>(inputs.tensor("x")?, &context))
    })?;
    outputs.tensor("running_mean", &layer.shared.mean.val());
    let variance = layer.shared.variance.val();
    outputs.tensor("running_var", &variance);
    // What burn's own layer would have moved towards.
    let kept = old.mul_scalar(1.0 - momentum);
    let share = (rows as f64 - 1.0) / rows as f64;
    outputs.tensor(
        "running_var_biased",
        &(kept.clone() + (variance.inner() - kept).mul_scalar(share)),
    );
    Ok(outputs)
}

fn adabn(case: &Case) -> Result<Outputs> {
    const BATCHES: [&str; 3] = ["batch1", "batch2", "batch3"];
    const POPULATION: NormPolicy =
        NormPolicy { update: StatisticsUpdate::Population, ..NormPolicy::TRAIN };
    let epsilon = case.number("eps")?;
    let device = Device::flex();
    let batches = BATCHES
        .iter()
        .map(|name| case.input(name)?.to_tensor::<2>(&device))
        .collect::<Result<Vec<_>>>()?;
    let channels = batches[0].dims()[1];
    // Mean and variance after the given batches.
    let seen = |batches: &[Tensor<2>], momentum: f64, norm: NormPolicy| {
        let mut layer = layer(channels, epsilon, momentum);
        for batch in batches {
            let rows = [(DomainRole::Target, batch.dims()[0])];
            layer.forward(batch.clone(), &training(&rows, norm));
        }
        layer
    };
    let average = |momentum, norm| {
        let mut sums =
            [Tensor::<1>::zeros([channels], &device), Tensor::zeros([channels], &device)];
        for batch in &batches {
            let layer = seen(std::slice::from_ref(batch), momentum, norm);
            sums[0] = sums[0].clone() + layer.shared.mean.val().inner();
            sums[1] = sums[1].clone() + layer.shared.variance.val().inner();
        }
        sums.map(|sum| sum.div_scalar(batches.len() as f64))
    };
    let mut outputs = Outputs::new();
    let ema = seen(&batches, 0.1, NormPolicy::TRAIN);
    outputs.tensor("ema_mean", &ema.shared.mean.val());
    outputs.tensor("ema_var", &ema.shared.variance.val());
    // Momentum 1 keeps one batch's mean and unbiased variance, a population of it the biased one.
    let [mean, variance] = average(1.0, NormPolicy::TRAIN);
    outputs.tensor("cumulative_mean", &mean);
    outputs.tensor("cumulative_var", &variance);
    let [mean, variance] = average(1.0, POPULATION);
    outputs.tensor("average_mean", &mean);
    outputs.tensor("average_var", &variance);
    let mut population = seen(&batches, 0.1, POPULATION);
    outputs.tensor("population_mean", &population.shared.mean.val());
    outputs.tensor("population_var", &population.shared.variance.val());
    population.weight = parameter(case.input("weight")?.to_tensor(&device)?, &population.weight);
    population.bias = parameter(case.input("bias")?.to_tensor(&device)?, &population.bias);
    let rows = case.input("eval_x")?.to_tensor::<2>(&device)?;
    let context = Context::evaluate(DomainRole::Target, rows.dims()[0]);
    outputs.tensor("y", &population.forward(rows, &context));
    Ok(outputs)
}

fn autodial(case: &Case) -> Result<Outputs> {
    let of = |name| -> Result<[usize; 2]> {
        Ok(case.input(name)?.to_tensor::<2>(&Device::flex())?.dims())
    };
    let ([source, channels], [target, _]) = (of("source")?, of("target")?);
    let mut layer = layer(channels, case.number("eps")?, 1.0);
    let policy = NormPolicy::TRAIN.grouped(Grouping::Mixed);
    let rows = [(DomainRole::SOURCE, source), (DomainRole::Target, target)];
    let mut outputs = Outputs::new();
    let mut output = None;
    outputs.differentiate_weighted(case, "y", "G", |inputs| {
        layer.alpha = parameter(inputs.tensor("alpha")?, &layer.alpha);
        let joint = Tensor::cat(vec![inputs.tensor("source")?, inputs.tensor("target")?], 0);
        let y: Tensor<2> = layer.forward(joint, &training(&rows, policy));
        output = Some(y.clone());
        Ok(y)
    })?;
    if let Some(y) = output {
        outputs.tensor("y_source", &y.clone().narrow(0, 0, source));
        outputs.tensor("y_target", &y.narrow(0, source, target));
    }
    // After one step with momentum 1 the running statistics are those of the step.
    let samples = (source + target) as f64;
    for (slot, suffix) in [(DomainRole::SOURCE.slot(), "st"), (DomainRole::Target.slot(), "ts")] {
        let running = &layer.domains[slot];
        outputs.tensor(&format!("mean_{suffix}"), &running.mean.val());
        outputs.tensor(&format!("running_var_{suffix}"), &running.variance.val());
        let biased = running.variance.val().inner().mul_scalar((samples - 1.0) / samples);
        outputs.array(&format!("var_{suffix}"), Array::from_tensor(&biased));
    }
    Ok(outputs)
}
