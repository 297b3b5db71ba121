//! Claims about the optimizers of `isthmus-engine`.

use super::Claim;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;
use isthmus_core::optimizer::Optimizer;
use isthmus_core::registry::OptimizerPlugin;
use isthmus_engine::optimizers::{AdamConfig, AdamWConfig, SgdConfig};

type Result<T> = std::result::Result<T, ReferenceError>;

pub(super) const CLAIMS: &[Claim] = &[
    Claim { family: "optim", name: "sgd", run: sgd },
    Claim { family: "optim", name: "adam", run: adam },
    Claim { family: "optim", name: "adamw", run: adamw },
];

fn sgd(case: &Case) -> Result<Outputs> {
    // A file with dampening other than 0 describes an optimizer that isthmus does not have.
    assert_eq!(case.number("dampening")?, 0.0, "isthmus has no dampening");
    let config = SgdConfig {
        lr: case.number("lr")?,
        momentum: case.number("momentum")?,
        nesterov: case.switch("nesterov")?,
        weight_decay: case.number("weight_decay")?,
    };
    trajectory(case, &mut *config.build(), config.lr)
}

fn adam(case: &Case) -> Result<Outputs> {
    let config = AdamConfig {
        lr: case.number("lr")?,
        betas: betas(case)?,
        eps: case.number("eps")?,
        weight_decay: case.number("weight_decay")?,
    };
    trajectory(case, &mut *config.build(), config.lr)
}

fn adamw(case: &Case) -> Result<Outputs> {
    let config = AdamWConfig {
        lr: case.number("lr")?,
        betas: betas(case)?,
        eps: case.number("eps")?,
        weight_decay: case.number("weight_decay")?,
    };
    trajectory(case, &mut *config.build(), config.lr)
}

fn betas(case: &Case) -> Result<[f64; 2]> {
    let betas = case.numbers("betas")?;
    Ok([betas[0], betas[1]])
}

/// Ten steps on `|A X - B|^2 / 2`, whose gradient is `A^T (A X - B)`.
fn trajectory(case: &Case, optimizer: &mut dyn Optimizer, lr: f64) -> Result<Outputs> {
    const STEPS: usize = 10;
    let (a, b, start) = (case.input("A")?, case.input("B")?, case.input("x0")?);
    let [rows, inner] = [a.shape[0], a.shape[1]];
    let columns = b.shape[1];
    let mut x: Vec<f32> = start.data.iter().map(|&value| value as f32).collect();
    let mut visited = Vec::new();
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let mut residual = vec![0.0; rows * columns];
        for row in 0..rows {
            for column in 0..columns {
                let product: f64 = (0..inner)
                    .map(|k| a.data[row * inner + k] * f64::from(x[k * columns + column]))
                    .sum();
                residual[row * columns + column] = product - b.data[row * columns + column];
            }
        }
        losses.push(residual.iter().map(|value| value * value).sum::<f64>() / 2.0);
        let mut gradient = vec![0.0_f32; inner * columns];
        for k in 0..inner {
            for column in 0..columns {
                let sum: f64 = (0..rows)
                    .map(|row| a.data[row * inner + k] * residual[row * columns + column])
                    .sum();
                gradient[k * columns + column] = sum as f32;
            }
        }
        optimizer.update_host("x", &mut x, &gradient, 1.0, lr);
        visited.extend(x.iter().map(|&value| f64::from(value)));
    }
    let mut outputs = Outputs::new();
    outputs.array("trajectory", Array { shape: vec![STEPS, inner, columns], data: visited });
    outputs.array("loss", Array::vector(losses));
    Ok(outputs)
}
