//! Claims about optimal transport in `isthmus-losses`.

use super::Claim;
use super::losses::two_domains;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;
use burn::tensor::{Device, Tensor};
use isthmus_losses::discrepancy::{
    HostMatrix, Sinkhorn, entropic_transport, exact_plan, fused_gromov_wasserstein,
    graph_edge_cost, joint_costs, joint_transport, sinkhorn_divergence, sinkhorn_plan,
    sliced_wasserstein, wasserstein,
};

type Result<T> = std::result::Result<T, ReferenceError>;

const FAMILY: &str = "losses/discrepancy";

pub(super) const CLAIMS: &[Claim] = &[
    claim("deepjdot", deep_jdot),
    claim("emd2", emd2),
    claim("fused_gw_cost", fused_gromov_wasserstein_cost),
    claim("sinkhorn", sinkhorn),
    claim("sinkhorn_divergence", divergence),
    claim("sliced_wasserstein", sliced),
    claim("sliced_wasserstein_unequal", sliced),
];

const fn claim(name: &'static str, run: fn(&Case) -> Result<Outputs>) -> Claim {
    Claim { family: FAMILY, name, run }
}

fn sliced(case: &Case) -> Result<Outputs> {
    let directions = case.input("projection")?.to_tensor(&Device::flex())?;
    two_domains(case, |source, target| sliced_wasserstein(source, target, directions))
}

fn array(matrix: &HostMatrix) -> Array {
    Array { shape: vec![matrix.rows, matrix.columns], data: matrix.values.clone() }
}

/// The squared distances of the case's rows, pair by pair.
fn squared_distances(case: &Case) -> Result<HostMatrix> {
    let (source, target) = (case.input("source")?, case.input("target")?);
    let columns = source.shape.last().copied().unwrap_or(1);
    let mut values = Vec::new();
    for own in source.data.chunks(columns) {
        for other in target.data.chunks(columns) {
            values.push(own.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum());
        }
    }
    let columns = target.data.len() / columns;
    Ok(HostMatrix { rows: values.len() / columns, columns, values })
}

fn emd2(case: &Case) -> Result<Outputs> {
    let mut outputs = two_domains(case, wasserstein)?;
    outputs.array("plan", array(&exact_plan(&squared_distances(case)?)));
    Ok(outputs)
}

/// Sweeps until nothing changes.
fn converged(case: &Case) -> Result<Sinkhorn> {
    Ok(Sinkhorn { epsilon: case.number("eps")?, sweeps: 20_000, tolerance: 1e-9 })
}

fn sinkhorn(case: &Case) -> Result<Outputs> {
    let settings = converged(case)?;
    let mut outputs = two_domains(case, |s, t| entropic_transport(s, t, settings))?;
    let costs = squared_distances(case)?;
    let found = sinkhorn_plan(&costs, settings);
    outputs.array("cost", Array::scalar(found.cost));
    outputs.array("plan", array(&found.plan));
    let twenty = Sinkhorn { sweeps: 20, tolerance: 0.0, ..settings };
    outputs.array("plan_iter20", array(&sinkhorn_plan(&costs, twenty).plan));
    Ok(outputs)
}

fn divergence(case: &Case) -> Result<Outputs> {
    let settings = converged(case)?;
    let mut outputs = two_domains(case, |s, t| sinkhorn_divergence(s, t, settings))?;
    let cost = |source: &str, target: &str| -> Result<f64> {
        let mut pair = case.clone();
        pair.inputs.insert("source".to_owned(), case.input(source)?.clone());
        pair.inputs.insert("target".to_owned(), case.input(target)?.clone());
        Ok(sinkhorn_plan(&squared_distances(&pair)?, settings).cost)
    };
    let within = 0.5 * (cost("source", "source")? + cost("target", "target")?);
    outputs.array("sharp", Array::scalar(cost("source", "target")? - within));
    Ok(outputs)
}

fn deep_jdot(case: &Case) -> Result<Outputs> {
    let weights = (case.number("alpha")?, case.number("lambda")?);
    let labels = case.integers("source_labels")?;
    let device = Device::flex();
    let tensor = |name| -> Result<Tensor<2>> { case.input(name)?.to_tensor(&device) };
    let (source, target) = (tensor("source_features")?, tensor("target_features")?);
    let logits = tensor("target_logits")?;
    let costs = joint_costs(&source, &target, &labels, &logits, weights);
    let plan = exact_plan(&costs);
    let mut outputs = Outputs::new();
    outputs.array("cost_matrix", array(&costs));
    outputs.array("plan", array(&plan));
    outputs.differentiate(case, "loss", |inputs| {
        let (source, target) =
            (inputs.tensor("source_features")?, inputs.tensor("target_features")?);
        let logits = inputs.tensor("target_logits")?;
        Ok(joint_transport(source, target, &labels, logits, weights, &plan))
    })?;
    Ok(outputs)
}

fn fused_gromov_wasserstein_cost(case: &Case) -> Result<Outputs> {
    let plan = case.input("plan")?;
    let [rows, columns] = plan.shape[..] else {
        let expected = "a matrix of masses";
        return Err(ReferenceError::Parameter { name: "plan".to_owned(), expected });
    };
    let plan = HostMatrix { rows, columns, values: plan.data.clone() };
    let share = case.number("alpha")?;
    let mut outputs = two_domains(case, |s, t| fused_gromov_wasserstein(s, t, &plan, share))?;
    let device = Device::flex();
    let (source, target) =
        (case.input("source")?.to_tensor(&device)?, case.input("target")?.to_tensor(&device)?);
    outputs.tensor("edge_term", &graph_edge_cost(&source, &target, &plan));
    Ok(outputs)
}
