//! Claims about the validators of `isthmus-validators`.

use super::Claim;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;
use isthmus_linear::domain_classifier::density_ratios;
use isthmus_validators::importance::{
    control_variate, deep_embedded_risk, importance_weighted_risk, self_normalised_risk,
};
use isthmus_validators::{
    Rows, a_distance_of_error, entropy_of_mean, mean_entropy, nuclear_norm,
    soft_neighborhood_density,
};

type Result<T> = std::result::Result<T, ReferenceError>;

const FAMILY: &str = "validators";

pub(super) const CLAIMS: &[Claim] = &[
    Claim { family: FAMILY, name: "iwv_dev", run: importance },
    Claim { family: FAMILY, name: "proxy_a_distance", run: proxy_a_distance },
    Claim { family: FAMILY, name: "snd", run: density },
    Claim { family: FAMILY, name: "unsupervised_scores", run: predictions },
];

fn rows(case: &Case, name: &str) -> Result<Rows> {
    let array = case.input(name)?;
    match array.shape.as_slice() {
        [_, columns] => Ok(Rows::new(*columns, array.data.clone())),
        shape => Err(ReferenceError::Rank { shape: shape.to_vec(), rank: 2 }),
    }
}

fn importance(case: &Case) -> Result<Outputs> {
    let losses = &case.input("losses")?.data;
    let weights = density_ratios(
        &case.input("p_source")?.data,
        case.count("n_source")?,
        case.count("n_target")?,
    );
    let mut outputs = Outputs::new();
    let mut scalar = |name: &str, value| outputs.array(name, Array::scalar(value));
    scalar("iwv", importance_weighted_risk(&weights, losses));
    if let Some(risk) = self_normalised_risk(&weights, losses) {
        scalar("iwv_self_normalised", risk);
    }
    scalar("eta", control_variate(&weights, losses));
    scalar("dev", deep_embedded_risk(&weights, losses));
    outputs.array("weights", Array::vector(weights));
    Ok(outputs)
}

fn proxy_a_distance(case: &Case) -> Result<Outputs> {
    let errors = &case.input("error")?.data;
    let distances = errors.iter().map(|error| a_distance_of_error(*error)).collect();
    let mut outputs = Outputs::new();
    outputs.array("a_distance", Array::vector(distances));
    Ok(outputs)
}

fn density(case: &Case) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    let probabilities = rows(case, "probabilities")?;
    if let Some(score) = soft_neighborhood_density(&probabilities, case.number("temperature")?) {
        outputs.array("score", Array::scalar(score));
    }
    Ok(outputs)
}

fn predictions(case: &Case) -> Result<Outputs> {
    let probabilities = rows(case, "logits")?.softmax();
    let (entropy, diversity) = (mean_entropy(&probabilities), entropy_of_mean(&probabilities));
    let norm = nuclear_norm(&probabilities) / probabilities.count() as f64;
    let mut outputs = Outputs::new();
    let mut scalar = |name: &str, value| outputs.array(name, Array::scalar(value));
    scalar("entropy", -entropy);
    scalar("diversity", diversity);
    scalar("infomax", diversity - entropy);
    scalar("bnm", norm);
    Ok(outputs)
}
