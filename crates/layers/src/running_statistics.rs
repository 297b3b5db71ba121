//! Running mean and variance of a normalisation layer.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use isthmus_core::context::StatisticsUpdate;
use isthmus_core::network::Network;
use isthmus_core::parts::BuildContext;

use crate::initial::buffer;

const POPULATION_ROWS: &str = "population_rows";

/// Mean and variance that a normalisation layer keeps between passes. They are replaced, never
/// changed in place, so copies of a network do not share them.
#[derive(Module, Debug)]
pub struct RunningStatistics {
    /// `[channels]`.
    pub mean: Param<Tensor<1>>,
    /// `[channels]`.
    pub variance: Param<Tensor<1>>,
    /// `[1]`: how many rows the population statistics are of; 0 before the first and after
    /// [`reset_population`].
    pub population_rows: Param<Tensor<1>>,
    /// `[1]`: 1 once rows were taken in, 0 before. Statistics that were never moved are where
    /// training starts, or pretrained, and say nothing of the data.
    pub seen: Param<Tensor<1>>,
}

/// Mean and variance by channel, and whether they are of rows that were seen. All of it stays on
/// the device: choosing between statistics is arithmetic, and nothing is read back.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    /// `[channels]`.
    pub(crate) mean: Tensor<1>,
    /// `[channels]`.
    pub(crate) variance: Tensor<1>,
    /// `[1]`: 1 or 0; in between for a mean teacher's.
    seen: Tensor<1>,
}

impl Moments {
    /// Those of equal shares of all that are of seen rows.
    pub(crate) fn pooled(all: impl Iterator<Item = Self> + Clone) -> Self {
        let sum = |values: &mut dyn Iterator<Item = Tensor<1>>| {
            values
                .reduce(|sum, value| sum + value)
                .expect("a norm layer has the target's statistics")
        };
        let count = sum(&mut all.clone().map(|one| one.seen));
        let share = count.clone().clamp_min(1.0).recip();
        let mean = sum(&mut all.clone().map(|one| one.mean * one.seen)) * share.clone();
        let spread = |one: Self| (one.variance + (one.mean - mean.clone()).square()) * one.seen;
        let variance = sum(&mut all.map(spread)) * share;
        Self { mean, variance, seen: count.clamp_max(1.0) }
    }

    /// `self` where it is of seen rows, else `other` where that is, else `self`.
    pub(crate) fn or(self, other: Self) -> Self {
        let others = self.seen.clone().neg().add_scalar(1.0) * other.seen;
        let own = others.clone().neg().add_scalar(1.0);
        Self {
            mean: self.mean * own.clone() + other.mean * others.clone(),
            variance: self.variance * own + other.variance * others.clone(),
            seen: self.seen + others,
        }
    }
}

/// Statistics of the rows at hand, off the tape.
pub(crate) struct BatchStatistics {
    /// `[channels]`.
    pub(crate) mean: Tensor<1>,
    /// `[channels]`, divided by the number of samples.
    pub(crate) variance: Tensor<1>,
    /// Number of rows.
    pub(crate) rows: usize,
    /// Number of values of one channel: rows times positions.
    pub(crate) samples: usize,
}

impl RunningStatistics {
    /// Mean 0 and variance 1.
    pub fn new(channels: usize, context: &BuildContext) -> Self {
        Self {
            mean: buffer([channels], 0.0, &context.device),
            variance: buffer([channels], 1.0, &context.device),
            population_rows: buffer([1], 0.0, &context.device),
            seen: buffer([1], 0.0, &context.device),
        }
    }

    /// What to normalise by, off the tape.
    pub(crate) fn moments(&self) -> Moments {
        let [mean, variance, seen] = [&self.mean, &self.variance, &self.seen].map(Param::val);
        Moments { mean, variance, seen }
    }

    /// Takes the statistics of a batch in; by momentum, from `start` on.
    pub(crate) fn observe(
        &mut self,
        start: Moments,
        batch: BatchStatistics,
        update: StatisticsUpdate,
        momentum: f64,
    ) {
        match update {
            StatisticsUpdate::Keep => return,
            StatisticsUpdate::Momentum => self.move_on(start, batch, momentum),
            StatisticsUpdate::Population => self.merge(batch),
        }
        let seen = self.seen.val().inner().ones_like();
        replace(&mut self.seen, seen);
    }

    fn move_on(&mut self, start: Moments, batch: BatchStatistics, momentum: f64) {
        let keep = 1.0 - momentum;
        let mean = start.mean.inner().mul_scalar(keep) + batch.mean.mul_scalar(momentum);
        replace(&mut self.mean, mean);
        // One sample has no unbiased variance.
        if batch.samples > 1 {
            let samples = batch.samples as f64;
            let share = momentum * samples / (samples - 1.0);
            let old = start.variance.inner().mul_scalar(keep);
            replace(&mut self.variance, old + batch.variance.mul_scalar(share));
        }
    }

    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    /// variances", 1979.
    fn merge(&mut self, batch: BatchStatistics) {
        let seen: f64 = self.population_rows.val().inner().into_scalar();
        let rows = batch.rows as f64;
        if rows == 0.0 {
            return;
        }
        let total = seen + rows;
        let (own, new) = (seen / total, rows / total);
        if seen == 0.0 {
            // By the formula below, but for rounding.
            replace(&mut self.mean, batch.mean);
            replace(&mut self.variance, batch.variance);
        } else {
            let mean = self.mean.val().inner();
            let variance = self.variance.val().inner();
            let difference = batch.mean - mean.clone();
            let merged = variance.mul_scalar(own)
                + batch.variance.mul_scalar(new)
                + difference.clone().square().mul_scalar(own * new);
            replace(&mut self.mean, mean + difference.mul_scalar(new));
            replace(&mut self.variance, merged);
        }
        let count = self.population_rows.val().inner().zeros_like().add_scalar(total);
        replace(&mut self.population_rows, count);
    }
}

/// Starts the population statistics of every normalisation layer of a network anew: the next pass
/// with [`StatisticsUpdate::Population`] replaces what is there instead of being merged into it.
/// The statistics themselves stay until then.
pub fn reset_population(network: &mut dyn Network) {
    let tensors: BTreeMap<String, TensorData> = network
        .tensors()
        .into_iter()
        .map(|tensor| {
            let is_count = tensor.path.rsplit('.').next() == Some(POPULATION_ROWS);
            let data = if is_count { TensorData::from([0.0_f32]) } else { tensor.data };
            (tensor.path, data)
        })
        .collect();
    network.load_tensors(&tensors).expect("a network takes its own tensors back");
}

fn replace(param: &mut Param<Tensor<1>>, value: Tensor<1>) {
    let value = if param.val().is_autodiff() { Tensor::from_inner(value) } else { value };
    *param = Param::initialized(param.id, value);
}
