//! How strongly the gradient is reversed as training goes on.

/// A smooth rise of the reversal coefficient from `low` towards `high`.
///
/// ```text
/// coefficient(i) = 2 (high - low) / (1 + exp(-alpha i / steps)) - (high - low) + low
/// ```
///
/// It starts at `low` and reaches `low + (high - low) tanh(alpha / 2)` at `steps`: 0.99991 for
/// `alpha = 10`, only 0.46 for `alpha = 1`.
///
/// Source: Ganin et al., "Domain-adversarial training of neural networks", 2016.
/// Peers: tllib has `alpha` 1 and `steps` 1000 and goes on rising after them, DeepDA stops there,
/// adapt rescales so that `high` is met at `steps`. AdaTime divides the step by the number of
/// epochs, so that its coefficient is 1 from almost the first step on; here progress is steps done
/// over all steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrlSchedule {
    /// The coefficient at step 0.
    pub low: f64,
    /// The coefficient in the limit.
    pub high: f64,
    /// Steepness; larger is faster.
    pub alpha: f64,
    /// The number of steps in which the exponent goes from 0 to `alpha`.
    pub steps: u64,
}

impl GrlSchedule {
    /// The warm start of tllib: `alpha = 1` over 1000 steps, from 0 to 1.
    pub const TLLIB: Self = Self { low: 0.0, high: 1.0, alpha: 1.0, steps: 1000 };

    /// The schedule of the DANN paper: `alpha = 10` over the whole training, from 0 to 1.
    pub const fn ganin(total_steps: u64) -> Self {
        Self { low: 0.0, high: 1.0, alpha: 10.0, steps: total_steps }
    }

    /// The coefficient at a step, counted from 0. Goes on rising after `steps`.
    ///
    /// With `steps = 0` there is no warm start: the coefficient is `high` at once.
    pub fn coefficient(&self, step: u64) -> f64 {
        if self.steps == 0 {
            return self.high;
        }
        let exponent = self.alpha * step as f64 / self.steps as f64;
        // 2 / (1 + exp(-x)) - 1 = tanh(x / 2), exact near 0 and never above 1.
        self.low + (self.high - self.low) * (exponent / 2.0).tanh()
    }

    /// The coefficient at a step, constant from `steps` on.
    pub fn coefficient_clamped(&self, step: u64) -> f64 {
        self.coefficient(step.min(self.steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_the_share_of_steps_and_does_not_saturate_early() {
        let short = GrlSchedule::ganin(1_000);
        let long = GrlSchedule::ganin(20_000);
        assert_eq!(short.coefficient(0), 0.0);
        assert_eq!(short.coefficient(10), long.coefficient(200));
        // The precedence error would give progress above 1 within the first epoch.
        assert!(long.coefficient(200) < 0.05);
        let rising: Vec<f64> = (0..=10).map(|tenth| short.coefficient(tenth * 100)).collect();
        assert!(rising.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rising.iter().all(|value| *value < 1.0));
    }

    #[test]
    fn warm_start_of_tllib_is_far_from_done_at_its_last_step() {
        let schedule = GrlSchedule::TLLIB;
        assert!((schedule.coefficient(1000) - 0.462_117_157).abs() < 1e-9);
        assert!((schedule.coefficient(5000) - 0.986_614_298).abs() < 1e-9);
        assert_eq!(schedule.coefficient_clamped(5000), schedule.coefficient(1000));
    }

    #[test]
    fn no_steps_means_no_warm_start() {
        let schedule = GrlSchedule { low: 0.2, steps: 0, ..GrlSchedule::TLLIB };
        assert_eq!(schedule.coefficient(0), 1.0);
    }
}
