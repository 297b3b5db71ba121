//! Minimisation of smooth convex functions: limited-memory BFGS.

use std::collections::VecDeque;

use crate::rows::{add_scaled, dot};

/// Pairs of steps and gradient changes that stand for the Hessian.
const MEMORY: usize = 10;
/// Share of the decrease that the gradient promises which a step has to reach.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Halvings of a step before the line search gives up.
const HALVINGS: usize = 40;

/// Where the minimisation ended.
#[derive(Clone, Debug)]
pub(crate) struct Minimum {
    /// The point.
    pub(crate) point: Vec<f64>,
    /// Largest absolute entry of the gradient there.
    pub(crate) gradient: f64,
    /// Steps taken.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests hold the number of steps down"))]
    pub(crate) steps: usize,
}

/// Minimises `function`, which returns the value at a point and writes the gradient, from `start`,
/// until no entry of the gradient is above `tolerance` or `limit` steps are taken.
///
/// Steps are halved until the value falls enough (Armijo); pairs of no positive curvature are left
/// out. For a convex function with a minimum that is all that convergence needs.
/// Nocedal, Wright: Numerical optimization, 2nd edition, 2006, algorithm 7.5.
pub(crate) fn minimise(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: Vec<f64>,
    tolerance: f64,
    limit: usize,
) -> Minimum {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let mut history: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let mut steps = 0;
    while steps < limit && largest(&gradient) > tolerance {
        let mut direction = direction(&gradient, &history);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            history.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        // Without curvature, the gradient's length says nothing about a step's.
        let mut length = if history.is_empty() { 1.0 / slope.abs().sqrt().max(1.0) } else { 1.0 };
        let mut next = vec![0.0; point.len()];
        let mut next_gradient = vec![0.0; point.len()];
        let mut found = None;
        for _ in 0..HALVINGS {
            next.copy_from_slice(&point);
            add_scaled(&mut next, &direction, length);
            let next_value = function(&next, &mut next_gradient);
            if next_value <= value + SUFFICIENT_DECREASE * length * slope {
                found = Some(next_value);
                break;
            }
            length /= 2.0;
        }
        // No smaller value can be told apart in this precision.
        let Some(next_value) = found else { break };
        remember(&mut history, Pair::between(&point, &next, &gradient, &next_gradient));
        (point, gradient, value) = (next, next_gradient, next_value);
        steps += 1;
    }
    Minimum { gradient: largest(&gradient), point, steps }
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// Inner product of step and change.
    curvature: f64,
}

impl Pair {
    fn between(point: &[f64], next: &[f64], gradient: &[f64], next_gradient: &[f64]) -> Self {
        let difference =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| b - a).collect() };
        let (step, change) = (difference(point, next), difference(gradient, next_gradient));
        let curvature = dot(&step, &change);
        Self { step, change, curvature }
    }
}

fn remember(history: &mut VecDeque<Pair>, pair: Pair) {
    if pair.curvature <= f64::EPSILON * dot(&pair.change, &pair.change) {
        return;
    }
    if history.len() == MEMORY {
        history.pop_front();
    }
    history.push_back(pair);
}

/// Minus the inverse Hessian times the gradient, by the two-loop recursion.
fn direction(gradient: &[f64], history: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(history.len());
    for pair in history.iter().rev() {
        let factor = dot(&pair.step, &direction) / pair.curvature;
        add_scaled(&mut direction, &pair.change, -factor);
        factors.push(factor);
    }
    if let Some(last) = history.back() {
        let scale = last.curvature / dot(&last.change, &last.change);
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for (pair, factor) in history.iter().zip(factors.into_iter().rev()) {
        let back = dot(&pair.change, &direction) / pair.curvature;
        add_scaled(&mut direction, &pair.step, factor - back);
    }
    direction
}

/// The largest absolute value, or NaN where one is.
fn largest(values: &[f64]) -> f64 {
    match values.iter().any(|value| value.is_nan()) {
        true => f64::NAN,
        false => values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_quadratic_is_minimised() {
        // f = sum a_i (x_i - i)^2 / 2 with a_i from 1 to 1000.
        let scales = [1.0, 10.0, 100.0, 1000.0];
        let quadratic = |x: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for (i, scale) in scales.iter().enumerate() {
                let apart = x[i] - i as f64;
                gradient[i] = scale * apart;
                value += scale * apart * apart / 2.0;
            }
            value
        };
        let minimum = minimise(quadratic, vec![5.0; 4], 1e-9, 200);
        for (i, x) in minimum.point.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-8, "{:?}", minimum.point);
        }
        assert!(minimum.gradient <= 1e-9 && minimum.steps < 60, "{minimum:?}");
    }

    #[test]
    fn a_gradient_that_is_no_number_is_told() {
        let broken = |_: &[f64], gradient: &mut [f64]| {
            gradient.copy_from_slice(&[f64::NAN, 1.0]);
            0.0
        };
        assert!(minimise(broken, vec![0.0; 2], 1e-9, 5).gradient.is_nan());
    }

    #[test]
    fn the_limit_of_steps_is_kept_and_the_gradient_told() {
        let quartic = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = 4.0 * x[0].powi(3);
            x[0].powi(4)
        };
        let minimum = minimise(quartic, vec![1.6], 1e-30, 3);
        assert_eq!(minimum.steps, 3);
        assert!((minimum.gradient - 4.0 * minimum.point[0].abs().powi(3)).abs() < 1e-15);
    }
}
