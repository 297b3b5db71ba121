//! Claims about the schedules of `isthmus-engine`.

use super::Claim;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;
use isthmus_core::optimizer::Schedule;
use isthmus_engine::schedules::{Cosine, DecayShape, InverseDecay};

type Result<T> = std::result::Result<T, ReferenceError>;

pub(super) const CLAIMS: &[Claim] = &[
    Claim { family: "schedules", name: "cosine_warmup", run: cosine },
    Claim { family: "schedules", name: "lr_inverse_decay", run: inverse_decay },
];

fn cosine(case: &Case) -> Result<Outputs> {
    let total = case.count("total")?;
    let warm_up = case.count("warmup")?;
    let mut outputs = Outputs::new();
    for (name, shape) in [("lr", DecayShape::Cosine), ("lr_linear", DecayShape::Linear)] {
        outputs.array(name, rates(case, &Cosine { warm_up, shape }, total)?);
    }
    Ok(outputs)
}

fn inverse_decay(case: &Case) -> Result<Outputs> {
    let schedule = InverseDecay {
        gamma: case.number("gamma")?,
        power: case.number("power")?,
        ..InverseDecay::default()
    };
    let mut outputs = Outputs::new();
    outputs.array("lr", rates(case, &schedule, 1)?);
    Ok(outputs)
}

fn rates(case: &Case, schedule: &dyn Schedule, total: usize) -> Result<Array> {
    let base = case.number("lr0")?;
    let steps = &case.input("step")?.data;
    Ok(Array::vector(
        steps.iter().map(|&step| base * schedule.factor(step as usize, total)).collect(),
    ))
}
