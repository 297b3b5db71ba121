//! Connectionist temporal classification.

use burn::tensor::{Tensor, TensorData};

/// Why the outputs of a row cannot be aligned with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort {
    /// The row.
    pub row: usize,
    /// Its time steps.
    pub steps: usize,
    /// The least that its target needs: one a symbol, and one between two that are equal.
    pub needed: usize,
}

impl std::fmt::Display for TooShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { row, steps, needed } = self;
        write!(
            f,
            "row {row} of a batch has {steps} steps of output, its target needs {needed}: one for \
             each symbol and one between equal ones"
        )
    }
}

/// Negative log-probability of each row's target, over all ways to spread it over the time steps:
/// each symbol for one or more steps, blanks anywhere between, a blank between equal symbols.
///
/// The last output is the blank. Forward and backward variables are computed on the host in 64
/// bits, in logarithms; the gradient with respect to the logits is exact,
/// `softmax(z) - p(symbol at t | target)`, and 0 beyond a row's length.
///
/// Source: Graves, Fernández, Gomez, Schmidhuber, "Connectionist temporal classification", ICML
/// 2006, eqs. 5 to 16. Peers: PyTorch's `ctc_loss` has the blank first by default and gives
/// infinity for targets that are too long.
///
/// # Shapes
/// - `logits`: `[batch, time, symbols + 1]`
/// - `lengths`: steps of each row, at most `time`
/// - `targets`: symbols of each row, each below `symbols`
/// - result: `[batch]`, at least 0
///
/// # Errors
/// If a target does not fit into the steps of its row.
///
/// # Panics
/// If there is not one length and one target for each row, a length is beyond `time`, or a symbol
/// beyond the outputs.
pub fn ctc_per_sample(
    logits: Tensor<3>,
    lengths: &[usize],
    targets: &[Vec<u32>],
) -> Result<Tensor<1>, TooShort> {
    let [batch, time, outputs] = logits.dims();
    assert!(
        lengths.len() == batch && targets.len() == batch,
        "ctc_per_sample: needs a length and a target for each of {batch} rows"
    );
    let device = logits.device();
    let values: Vec<f32> = logits.clone().detach().to_data().iter::<f32>().collect();
    let mut losses = Vec::with_capacity(batch);
    let mut gradient = vec![0.0f32; batch * time * outputs];
    let size = time * outputs;
    for (row, (&steps, target)) in lengths.iter().zip(targets).enumerate() {
        assert!(steps <= time, "ctc_per_sample: row {row} has {steps} of {time} steps");
        let repeats = target.windows(2).filter(|pair| pair[0] == pair[1]).count();
        let needed = target.len() + repeats;
        if steps < needed.max(1) {
            return Err(TooShort { row, steps, needed: needed.max(1) });
        }
        let scores = &values[row * size..row * size + steps * outputs];
        let aligned = Alignment::of(scores, outputs, target);
        losses.push(aligned.loss as f32);
        aligned.write_gradient(&mut gradient[row * size..row * size + steps * outputs]);
    }
    let losses = Tensor::<1>::from_data(TensorData::new(losses, [batch]), &device);
    let gradient = TensorData::new(gradient, [batch, time, outputs]);
    let gradient = Tensor::<3>::from_data(gradient, &device);
    // The value is that of the host, the gradient the one that it found.
    let constant = logits.clone().detach();
    let change = ((logits - constant) * gradient).sum_dim(2).sum_dim(1);
    Ok(losses + change.reshape([batch]))
}

/// The symbols that the largest outputs of each step spell: equal ones that follow each other count
/// once, blanks (the last output) not at all. `outputs` are those of one row, step after step.
///
/// Source: best path decoding, Graves et al. (2006), section 3.2.
pub fn ctc_best_path<'a>(outputs: impl IntoIterator<Item = &'a [f32]>) -> Vec<u32> {
    let mut symbols = Vec::new();
    let mut last = None;
    for scores in outputs {
        let mut best = 0;
        for (output, score) in scores.iter().enumerate() {
            if *score > scores[best] {
                best = output;
            }
        }
        if last != Some(best) && best + 1 < scores.len() {
            symbols.push(best as u32);
        }
        last = Some(best);
    }
    symbols
}

/// Sums over all paths through the target with a blank before, between and after its symbols.
struct Alignment {
    loss: f64,
    /// Log-softmax of the outputs, `[steps, outputs]`.
    log_probabilities: Vec<f64>,
    /// Logarithms of p(path is at a state at t, target), `[steps, states]`.
    joint: Vec<f64>,
    /// The output of each state.
    states: Vec<usize>,
    outputs: usize,
}

impl Alignment {
    fn of(scores: &[f32], outputs: usize, target: &[u32]) -> Self {
        let blank = outputs - 1;
        let mut states = vec![blank];
        for &symbol in target {
            assert!((symbol as usize) < blank, "ctc_per_sample: there is no symbol {symbol}");
            states.extend([symbol as usize, blank]);
        }
        let log_probabilities: Vec<f64> = scores.chunks(outputs).flat_map(log_softmax).collect();
        let steps = scores.len() / outputs;
        let count = states.len();
        let at = |step: usize, state: usize| log_probabilities[step * outputs + states[state]];
        // A path may skip a blank between two different symbols.
        let skips = |state: usize| state >= 2 && states[state] != states[state - 2];
        let none = f64::NEG_INFINITY;
        let mut forward = vec![none; steps * count];
        for (state, value) in forward.iter_mut().enumerate().take(count.min(2)) {
            *value = at(0, state);
        }
        for step in 1..steps {
            for state in 0..count {
                let before = |state: usize| forward[(step - 1) * count + state];
                let mut sum = before(state);
                if state >= 1 {
                    sum = log_add(sum, before(state - 1));
                }
                if skips(state) {
                    sum = log_add(sum, before(state - 2));
                }
                forward[step * count + state] = sum + at(step, state);
            }
        }
        let mut backward = vec![none; steps * count];
        for state in count.saturating_sub(2)..count {
            backward[(steps - 1) * count + state] = 0.0;
        }
        for step in (0..steps - 1).rev() {
            for state in 0..count {
                let after =
                    |state: usize| backward[(step + 1) * count + state] + at(step + 1, state);
                let mut sum = after(state);
                if state + 1 < count {
                    sum = log_add(sum, after(state + 1));
                }
                if state + 2 < count && skips(state + 2) {
                    sum = log_add(sum, after(state + 2));
                }
                backward[step * count + state] = sum;
            }
        }
        let last = &forward[(steps - 1) * count..];
        let total = last[count.saturating_sub(2)..].iter().copied().fold(none, log_add);
        let joint = forward.iter().zip(&backward).map(|(before, after)| before + after).collect();
        Self { loss: -total, log_probabilities, joint, states, outputs }
    }

    /// `softmax(z) - p(output at t | target)`.
    fn write_gradient(&self, gradient: &mut [f32]) {
        let steps = self.joint.chunks(self.states.len());
        let probabilities = self.log_probabilities.chunks(self.outputs);
        for ((joint, own), gradient) in
            steps.zip(probabilities).zip(gradient.chunks_mut(self.outputs))
        {
            let mut posterior = vec![f64::NEG_INFINITY; self.outputs];
            for (&output, &value) in self.states.iter().zip(joint) {
                posterior[output] = log_add(posterior[output], value);
            }
            for ((gradient, own), posterior) in gradient.iter_mut().zip(own).zip(posterior) {
                *gradient = (own.exp() - (posterior + self.loss).exp()) as f32;
            }
        }
    }
}

fn log_softmax(scores: &[f32]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|score| f64::from(score - largest).exp()).sum();
    scores.iter().map(|score| f64::from(score - largest) - sum.ln()).collect()
}

/// `log(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, numbers, values};

    fn logits(shape: [usize; 3], seed: u64) -> Tensor<3> {
        let data = TensorData::new(numbers(shape.iter().product(), seed), shape);
        Tensor::from_data(data, &Device::flex().autodiff()).mul_scalar(3.0)
    }

    /// The symbols that a path of outputs spells.
    fn spelt(path: &[usize], blank: usize) -> Vec<u32> {
        let one_hot = |output: &usize| -> Vec<f32> {
            (0..=blank).map(|other| f32::from(u8::from(other == *output))).collect()
        };
        let rows: Vec<Vec<f32>> = path.iter().map(one_hot).collect();
        ctc_best_path(rows.iter().map(Vec::as_slice))
    }

    /// Minus the logarithm of the sum over every path that spells the target.
    fn by_enumeration(scores: &[f64], outputs: usize, target: &[u32]) -> f64 {
        let steps = scores.len() / outputs;
        let probabilities: Vec<f64> = scores
            .chunks(outputs)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|z| z.exp()).sum();
                row.iter().map(move |z| z.exp() / sum).collect::<Vec<_>>()
            })
            .collect();
        let mut total = 0.0;
        for number in 0..outputs.pow(steps as u32) {
            let path: Vec<usize> =
                (0..steps).map(|step| number / outputs.pow(step as u32) % outputs).collect();
            if spelt(&path, outputs - 1) == target {
                let product = path.iter().enumerate().map(|(t, &k)| probabilities[t * outputs + k]);
                total += product.product::<f64>();
            }
        }
        -total.ln()
    }

    #[test]
    fn the_loss_is_the_sum_over_all_paths() {
        let targets: [&[u32]; 6] = [&[0], &[1, 0], &[1, 1], &[0, 1, 0], &[2, 2], &[]];
        for (seed, target) in (1..).zip(targets) {
            let scores = logits([1, 5, 4], seed);
            let loss = ctc_per_sample(scores.clone(), &[5], &[target.to_vec()]).unwrap();
            let expected = by_enumeration(&values(&scores), 4, target);
            assert_close(&values(&loss), &[expected], 1e-5);
        }
    }

    /// Figures of PyTorch, as `bench/peers/ctc.py` prints them.
    #[test]
    fn the_loss_is_that_of_pytorch() {
        let scores = (0..12 * 6).map(|at| {
            let (step, output) = (f64::from(at / 6), f64::from(at % 6));
            (2.0 * (1.7 * step + 0.9 * output).sin()) as f32
        });
        let data = TensorData::new(scores.collect::<Vec<_>>(), [1, 12, 6]);
        let leaf = Tensor::<3>::from_data(data, &Device::flex().autodiff()).require_grad();
        let loss = ctc_per_sample(leaf.clone(), &[12], &[vec![1, 3, 3, 0]]).unwrap();
        assert_close(&values(&loss), &[16.293741], 1e-5);
        let gradient = values(&leaf.grad(&loss.sum().backward()).unwrap());
        let first = [0.063661, -0.668134, 0.446424, 0.149655, 0.026273, -0.017879];
        let last = [-0.285289, 0.248459, 0.466384, 0.193636, 0.034585, -0.657774];
        assert_close(&gradient[..6], &first, 2e-6);
        assert_close(&gradient[66..], &last, 2e-6);
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_and_padding_has_none() {
        let shape = [2, 6, 3];
        let targets = [vec![1, 1], vec![0, 1]];
        let lengths = [6, 4];
        let leaf = logits(shape, 5).detach().require_grad();
        let loss = ctc_per_sample(leaf.clone(), &lengths, &targets).unwrap().sum();
        let found = values(&leaf.grad(&loss.backward()).unwrap());
        let scores = values(&leaf);
        let at = |scores: &[f64]| -> f64 {
            by_enumeration(&scores[..18], 3, &targets[0])
                + by_enumeration(&scores[18..18 + 12], 3, &targets[1])
        };
        const STEP: f64 = 1e-5;
        let expected: Vec<f64> = (0..scores.len())
            .map(|place| {
                let moved = |by: f64| {
                    let mut moved = scores.clone();
                    moved[place] += by;
                    at(&moved)
                };
                (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
            })
            .collect();
        assert_close(&found, &expected, 1e-4);
        assert!(found[30..].iter().all(|value| *value == 0.0), "{:?}", &found[30..]);
    }

    #[test]
    fn targets_that_do_not_fit_are_told() {
        let scores = logits([2, 3, 3], 1);
        let error = ctc_per_sample(scores.clone(), &[3, 3], &[vec![0], vec![1, 1, 0]]).unwrap_err();
        assert_eq!(error, TooShort { row: 1, steps: 3, needed: 4 });
        assert!(error.to_string().contains("row 1 of a batch has 3 steps"), "{error}");
        assert!(ctc_per_sample(scores, &[3, 3], &[vec![0], vec![1, 1]]).is_ok());
    }

    #[test]
    fn the_best_path_drops_repeats_and_blanks() {
        assert_eq!(spelt(&[2, 0, 0, 2, 0, 1, 1, 2], 2), [0, 0, 1]);
        assert_eq!(spelt(&[2, 2], 2), [0u32; 0]);
    }

    /// A long row of certain outputs: sums of products would be 0 in 32 bits.
    #[test]
    fn long_and_certain_rows_are_finite() {
        let scores = logits([1, 500, 12], 3).mul_scalar(40.0);
        let target: Vec<u32> = (0..60).map(|place| place % 11).collect();
        let leaf = scores.detach().require_grad();
        let loss = ctc_per_sample(leaf.clone(), &[500], &[target]).unwrap();
        let gradient = values(&leaf.grad(&loss.clone().sum().backward()).unwrap());
        assert!(values(&loss)[0].is_finite() && values(&loss)[0] > 1000.0);
        assert!(gradient.iter().all(|value| value.is_finite()));
        // Each step's gradient sums to 0, as that of a softmax must.
        assert!(gradient.chunks(12).all(|step| step.iter().sum::<f64>().abs() < 1e-4));
    }
}
