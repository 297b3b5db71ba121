//! Claims about adversarial objectives.

use super::Claim;
use super::losses::{claim, two_domains};
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::{Inputs, Outputs};
use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, activation::softmax};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::parts::{BuildContext, Discriminator};
use isthmus_core::random::Key;
use isthmus_layers::{Activation, Dense, DenseShape, Linear};
use isthmus_losses::adversarial::{
    GrlSchedule, batch_spectral_penalization, class_balance, classifier_discrepancy,
    dann_domain_bce, dann_domain_bce_weighted, entropy_weights, gradient_penalty,
    gradient_reversal, margin_disparity, multi_domain_cross_entropy, multilinear_map,
    negative_domain_entropy, randomized_multilinear_map, stepwise_feature_norm,
    target_margin_disparity, wasserstein_estimate,
};
use isthmus_losses::classification::cross_entropy;
use isthmus_losses::target::entropy;
use isthmus_nn::discriminators::MlpDiscriminator;

type Result<T> = std::result::Result<T, ReferenceError>;

const ADVERSARIAL: &str = "losses/adversarial";

pub(super) const CLAIMS: &[Claim] = &[
    claim(ADVERSARIAL, "afn_stepwise", |case| {
        let step = case.number("delta")?;
        let mut outputs = Outputs::new();
        outputs.differentiate(case, "loss", |inputs| {
            Ok(stepwise_feature_norm(inputs.tensor("features")?, step))
        })?;
        Ok(outputs)
    }),
    claim(ADVERSARIAL, "bsp", bsp),
    claim(ADVERSARIAL, "cdan", cdan),
    claim(ADVERSARIAL, "cdan_randomized", |case| {
        let mut outputs = Outputs::new();
        outputs.differentiate_weighted(case, "h", "G", |inputs| {
            let [probabilities, of_features, of_probabilities] =
                ["probabilities", "Rf", "Rg"].map(|name| inputs.constant::<2>(name));
            Ok(randomized_multilinear_map(
                inputs.tensor("features")?,
                probabilities?,
                of_features?,
                of_probabilities?,
            ))
        })?;
        Ok(outputs)
    }),
    claim(ADVERSARIAL, "dann_domain_bce", dann),
    claim(ADVERSARIAL, "grl_schedule", reversal_schedule),
    claim(ADVERSARIAL, "mcd", mcd),
    claim(ADVERSARIAL, "mdd", mdd),
    claim(ADVERSARIAL, "multi_domain", multi_domain),
    claim(ADVERSARIAL, "wdgrl", wdgrl),
];

fn bsp(case: &Case) -> Result<Outputs> {
    let count = case.count("k")?;
    let both = |count: usize| {
        move |source: Tensor<2>, target: Tensor<2>| {
            batch_spectral_penalization(source, count) + batch_spectral_penalization(target, count)
        }
    };
    let mut outputs = two_domains(case, both(1))?;
    outputs.differentiate(case, "loss_k", |inputs| {
        Ok(both(count)(inputs.tensor("source")?, inputs.tensor("target")?))
    })?;
    Ok(outputs)
}

fn cdan(case: &Case) -> Result<Outputs> {
    let coefficient = case.number("lambda")?;
    let mut outputs = Outputs::new();
    let logits = ["source_logits", "target_logits"];
    let logits = logits.map(|name| case.input(name)?.to_tensor::<2>(&Device::flex()));
    let [of_source, of_target] = logits;
    let logits = Tensor::cat(vec![of_source?, of_target?], 0);
    let source_rows = case.input("source_features")?.shape[0];
    let target_rows = case.input("target_features")?.shape[0];
    let weights = entropy_weights(logits.clone());
    let mut seen = None;
    let mut compute = |inputs: &Inputs<'_>, weighted: bool| -> Result<Tensor<1>> {
        let weight: Tensor<2> = inputs.tensor("w")?;
        let bias: Tensor<1> = inputs.tensor("b")?;
        let features = ["source_features", "target_features"];
        let [source, target] = features.map(|name| inputs.tensor::<2>(name));
        let features = Tensor::cat(vec![source?, target?], 0);
        let map = multilinear_map(features, softmax(logits.clone(), 1));
        seen = Some(map.clone());
        let domain = gradient_reversal(map, coefficient).matmul(weight) + bias.unsqueeze::<2>();
        let source = domain.clone().narrow(0, 0, source_rows);
        let target = domain.narrow(0, source_rows, target_rows);
        Ok(match weighted {
            false => dann_domain_bce(source, target),
            true => dann_domain_bce_weighted(
                source,
                target,
                weights.clone().narrow(0, 0, source_rows),
                weights.clone().narrow(0, source_rows, target_rows),
            ),
        })
    };
    outputs.differentiate(case, "loss", |inputs| compute(inputs, false))?;
    outputs.differentiate(case, "loss_entropy", |inputs| compute(inputs, true))?;
    if let Some(map) = seen {
        outputs.tensor("h", &map);
    }
    outputs.tensor("weights", &weights);
    Ok(outputs)
}

fn dann(case: &Case) -> Result<Outputs> {
    let coefficient = case.number("lambda")?;
    let mut outputs = Outputs::new();
    let mut logits = None;
    outputs.differentiate(case, "loss", |inputs| {
        let weight: Tensor<2> = inputs.tensor("w")?;
        let bias: Tensor<1> = inputs.tensor("b")?;
        let discriminator = |features: Tensor<2>| {
            gradient_reversal(features, coefficient).matmul(weight.clone())
                + bias.clone().unsqueeze::<2>()
        };
        let source = discriminator(inputs.tensor("source")?);
        let target = discriminator(inputs.tensor("target")?);
        logits = Some((source.clone(), target.clone()));
        Ok(dann_domain_bce(source, target))
    })?;
    if let Some((source, target)) = logits {
        outputs.tensor("source_logits", &source);
        outputs.tensor("target_logits", &target);
    }
    Ok(outputs)
}

fn reversal_schedule(case: &Case) -> Result<Outputs> {
    let schedule = GrlSchedule {
        low: case.number("lo")?,
        high: case.number("hi")?,
        alpha: case.number("alpha")?,
        steps: case.count("max_iters")? as u64,
    };
    let steps = case.input("step")?;
    let along = |coefficient: &dyn Fn(u64) -> f64| Array {
        shape: steps.shape.clone(),
        data: steps.data.iter().map(|step| coefficient(*step as u64)).collect(),
    };
    let mut outputs = Outputs::new();
    outputs.array("lambda", along(&|step| schedule.coefficient(step)));
    outputs.array("lambda_clamped", along(&|step| schedule.coefficient_clamped(step)));
    Ok(outputs)
}

fn mcd(case: &Case) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        Ok(classifier_discrepancy(inputs.tensor("logits1")?, inputs.tensor("logits2")?))
    })?;
    outputs.differentiate(case, "class_balance", |inputs| {
        Ok(class_balance(inputs.tensor("logits1")?))
    })?;
    Ok(outputs)
}

fn mdd(case: &Case) -> Result<Outputs> {
    let margin = case.number("gamma")?;
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        Ok(margin_disparity(
            inputs.constant("source_logits")?,
            inputs.tensor("source_adv_logits")?,
            inputs.constant("target_logits")?,
            inputs.tensor("target_adv_logits")?,
            margin,
        ))
    })?;
    let given = |name: &str| case.input(name)?.to_tensor::<2>(&Device::flex());
    let labels = given("source_logits")?.argmax(1).squeeze_dim::<1>(1);
    outputs.tensor("source_disparity", &cross_entropy(given("source_adv_logits")?, labels));
    let disparity = target_margin_disparity(given("target_logits")?, given("target_adv_logits")?);
    outputs.tensor("target_disparity", &disparity);
    Ok(outputs)
}

fn multi_domain(case: &Case) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        let domains = case.integers("domain")?;
        Ok(multi_domain_cross_entropy(inputs.tensor("logits")?, domains))
    })?;
    outputs.differentiate(case, "entropy", |inputs| Ok(entropy(inputs.tensor("logits")?)))?;
    outputs.differentiate(case, "loss_entropy", |inputs| {
        Ok(negative_domain_entropy(inputs.tensor("logits")?))
    })?;
    Ok(outputs)
}

/// The critic is the discriminator `mlp` with the file's weights; what it says of its slope is on the
/// tape.
fn wdgrl(case: &Case) -> Result<Outputs> {
    let factor = case.number("gp_weight")?;
    let shares: Tensor<2> = case.input("alpha")?.to_tensor(&Device::flex())?;
    let [source_rows, target_rows] = ["source", "target"].map(|name| case.input(name));
    let (source_rows, target_rows) = (source_rows?.shape[0], target_rows?.shape[0]);
    let rows = source_rows + target_rows + shares.dims()[0];
    let pass = Context::train(vec![Segment { domain: DomainRole::SOURCE, rows }], Key::new(0));
    let parts = |inputs: &Inputs<'_>| -> Result<(Tensor<1>, Tensor<1>)> {
        let mut critic = critic(inputs)?;
        let (source, target): (Tensor<2>, Tensor<2>) =
            (inputs.tensor("source")?, inputs.tensor("target")?);
        let between = target.clone() + (source.clone() - target.clone()) * shares.clone();
        let points = Tensor::cat(vec![source, target, between], 0);
        let Some((values, gradients)) = critic.with_input_gradient(points, &pass.again()) else {
            return Err(ReferenceError::NotDifferentiable("the critic".to_owned()));
        };
        let of_source = values.clone().narrow(0, 0, source_rows);
        let of_target = values.narrow(0, source_rows, target_rows);
        Ok((wasserstein_estimate(of_source, of_target), gradient_penalty(gradients)))
    };
    let mut outputs = Outputs::new();
    outputs.differentiate(case, "loss", |inputs| {
        let (distance, penalty) = parts(inputs)?;
        Ok(penalty.mul_scalar(factor) - distance)
    })?;
    outputs.differentiate(case, "wd", |inputs| Ok(parts(inputs)?.0))?;
    outputs.differentiate(case, "gp", |inputs| Ok(parts(inputs)?.1))?;
    Ok(outputs)
}

fn critic(inputs: &Inputs<'_>) -> Result<MlpDiscriminator> {
    let linear = |weight: &str, bias: &str| -> Result<Linear> {
        Ok(Linear {
            weight: Param::initialized(ParamId::new(), inputs.tensor(weight)?),
            bias: Param::initialized(ParamId::new(), inputs.tensor(bias)?),
        })
    };
    let hidden = linear("W1", "b1")?;
    let [_, size] = hidden.weight.val().dims();
    let shape = DenseShape { batch_norm: false, activation: Activation::Relu, dropout: 0.0 };
    let device = Device::flex().autodiff();
    let context = BuildContext { device, key: Key::new(0), sources: 1 };
    let hidden = Dense::new(hidden, size, shape, &context);
    Ok(MlpDiscriminator::from_layers(vec![hidden], linear("W2", "b2")?))
}
