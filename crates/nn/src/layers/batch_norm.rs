//! Batch normalisation that is told whose rows it sees.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use isthmus_core::context::{
    Context, DomainRole, Grouping, NormPolicy, Segment, Statistics, StatisticsUpdate,
};
use isthmus_core::parts::BuildContext;

use crate::layers::Initial;
use crate::layers::running_statistics::{BatchStatistics, RunningStatistics};

/// Batch normalisation of `[batch, channels, ...]` by channel (Ioffe and Szegedy, ICML 2015).
///
/// The [`NormPolicy`] of the context decides which statistics normalise, what happens to the
/// running ones, and which rows belong together: all rows; each domain by itself with its own
/// running statistics and a shared scale and shift (DSBN: Chang et al., "Domain-specific batch
/// normalization for unsupervised domain adaptation", CVPR 2019); or source and target each by a
/// learned mixture of both (AutoDIAL: Carlucci et al., "AutoDIAL: automatic domain alignment
/// layers", ICCV 2017).
///
/// As in PyTorch, the batch is normalised by its biased variance and the running variance moves
/// towards the unbiased one.
#[derive(Module, Debug)]
pub struct DomainBatchNorm {
    /// Scale, `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub bias: Param<Tensor<1>>,
    /// AutoDIAL's share of the own domain, `[1]`, in [0.5, 1]: 1 normalises the domains apart, 0.5
    /// alike. Used, and trained, only where the grouping is mixed.
    pub alpha: Param<Tensor<1>>,
    /// Statistics of all rows together.
    pub shared: RunningStatistics,
    /// Statistics by domain, at [`DomainRole::slot`]. Where the grouping is mixed, those of the
    /// target are at 0 and those of all sources together at 1.
    pub domains: Vec<RunningStatistics>,
    momentum: f64,
    epsilon: f64,
}

/// Mean and variance of a tensor by channel, and the tensor centred.
struct Moments<const D: usize> {
    /// The input less its mean; the mean is held constant here, see [`moments`].
    centred: Tensor<D>,
    /// On the tape.
    mean: Tensor<1>,
    /// On the tape.
    variance: Tensor<1>,
    mean_value: Tensor<1>,
    variance_value: Tensor<1>,
    rows: usize,
    samples: usize,
}

impl<const D: usize> Moments<D> {
    fn statistics(&self) -> BatchStatistics {
        BatchStatistics {
            mean: self.mean_value.clone().inner(),
            variance: self.variance_value.clone().inner(),
            rows: self.rows,
            samples: self.samples,
        }
    }

    /// The input normalised by `mean` and `variance`, which are on the tape.
    fn normalize(self, mean: Tensor<1>, variance: Tensor<1>, layer: &DomainBatchNorm) -> Tensor<D> {
        let scale = variance.add_scalar(layer.epsilon).sqrt().recip() * layer.weight.val();
        let shift = layer.bias.val() - (mean - self.mean_value) * scale.clone();
        self.centred * per_channel(scale) + per_channel(shift)
    }
}

impl DomainBatchNorm {
    /// A layer with PyTorch's defaults: epsilon 1e-5, momentum 0.1.
    pub fn new(channels: usize, context: &BuildContext) -> Self {
        let BuildContext { device, key, .. } = context;
        let domains = context.sources + 1;
        Self {
            weight: Initial::Constant(1.0).parameter([channels], *key, device),
            bias: Initial::Constant(0.0).parameter([channels], *key, device),
            alpha: Initial::Constant(1.0).parameter([1], *key, device),
            shared: RunningStatistics::new(channels, context),
            domains: (0..domains).map(|_| RunningStatistics::new(channels, context)).collect(),
            momentum: 0.1,
            epsilon: 1e-5,
        }
    }

    /// The layer with another epsilon, which is added to the variance.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// The layer with another momentum: the share of a batch in the running statistics.
    pub fn with_momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Normalises `[batch, channels, ...]` as the context says.
    ///
    /// # Panics
    /// If rows are told apart by domain and the context's segments do not add up to the batch, or
    /// name a source that the layer was not built for.
    pub fn forward<const D: usize>(&mut self, input: Tensor<D>, context: &Context) -> Tensor<D> {
        let policy = context.norm;
        match policy.grouping {
            Grouping::Shared => self.normalize(input, None, policy),
            Grouping::PerDomain => {
                let groups = groups(&context.segments, DomainRole::slot, input.dims()[0]);
                self.by_group(input, groups, policy)
            }
            Grouping::Mixed => {
                let groups = groups(&context.segments, mixed_slot, input.dims()[0]);
                if policy.statistics == Statistics::Batch && groups.len() == 2 {
                    self.mixed(input, groups, policy.update)
                } else {
                    self.by_group(input, groups, policy)
                }
            }
        }
    }

    /// Scale and shift `[channels]` that this pass amounts to, if it normalises all rows by the
    /// same running statistics and leaves them as they are. Networks fold these into the
    /// convolution before.
    pub fn folded(&self, context: &Context) -> Option<(Tensor<1>, Tensor<1>)> {
        let NormPolicy { statistics, update, grouping } = context.norm;
        if statistics != Statistics::Running || update != StatisticsUpdate::Keep {
            return None;
        }
        let slot = |of: fn(DomainRole) -> usize| {
            let mut slots = context.segments.iter().map(|segment| of(segment.domain));
            let first = slots.next()?;
            slots.all(|slot| slot == first).then_some(first)
        };
        let slot = match grouping {
            Grouping::Shared => None,
            Grouping::PerDomain => Some(slot(DomainRole::slot)?),
            Grouping::Mixed => Some(slot(mixed_slot)?),
        };
        Some(self.affine(slot))
    }

    fn affine(&self, slot: Option<usize>) -> (Tensor<1>, Tensor<1>) {
        let statistics = match slot {
            None => &self.shared,
            Some(slot) => &self.domains[self.checked(slot)],
        };
        let deviation = statistics.variance.val().add_scalar(self.epsilon).sqrt();
        let scale = self.weight.val() / deviation;
        let shift = self.bias.val() - statistics.mean.val() * scale.clone();
        (scale, shift)
    }

    fn checked(&self, slot: usize) -> usize {
        assert!(
            slot < self.domains.len(),
            "the layer was built for {} source domains, a row is of source {slot}",
            self.domains.len() - 1,
        );
        slot
    }

    fn observe(&mut self, slot: Option<usize>, batch: BatchStatistics, update: StatisticsUpdate) {
        let momentum = self.momentum;
        let statistics = match slot {
            None => &mut self.shared,
            Some(slot) => {
                let slot = self.checked(slot);
                &mut self.domains[slot]
            }
        };
        statistics.observe(batch, update, momentum);
    }

    fn normalize<const D: usize>(
        &mut self,
        input: Tensor<D>,
        slot: Option<usize>,
        policy: NormPolicy,
    ) -> Tensor<D> {
        let observed = policy.update != StatisticsUpdate::Keep;
        match policy.statistics {
            Statistics::Batch => {
                let moments = moments(input);
                if observed {
                    self.observe(slot, moments.statistics(), policy.update);
                }
                let (mean, variance) = (moments.mean.clone(), moments.variance.clone());
                moments.normalize(mean, variance, self)
            }
            Statistics::Running => {
                let (scale, shift) = self.affine(slot);
                if observed {
                    let batch = moments(input.clone().inner()).statistics();
                    self.observe(slot, batch, policy.update);
                }
                input * per_channel(scale) + per_channel(shift)
            }
        }
    }

    fn by_group<const D: usize>(
        &mut self,
        input: Tensor<D>,
        groups: Vec<Group>,
        policy: NormPolicy,
    ) -> Tensor<D> {
        if let [group] = groups.as_slice() {
            return self.normalize(input, Some(group.slot), policy);
        }
        let outputs = groups
            .iter()
            .map(|group| self.normalize(group.take(&input), Some(group.slot), policy))
            .collect();
        join(&groups, outputs)
    }

    fn mixed<const D: usize>(
        &mut self,
        input: Tensor<D>,
        groups: Vec<Group>,
        update: StatisticsUpdate,
    ) -> Tensor<D> {
        let alpha = self.bounded_alpha();
        let parts: Vec<Moments<D>> =
            groups.iter().map(|group| moments(group.take(&input))).collect();
        let rows = parts.iter().map(|part| part.rows).sum();
        let samples = parts.iter().map(|part| part.samples).sum();
        let mixtures: Vec<(Tensor<1>, Tensor<1>)> =
            [(0, 1), (1, 0)].map(|(own, other)| mixture(&parts[own], &parts[other], &alpha)).into();
        let mut outputs = Vec::new();
        for ((group, part), (mean, variance)) in groups.iter().zip(parts).zip(mixtures) {
            if update != StatisticsUpdate::Keep {
                // AutoDIAL corrects the running variance by the rows of both domains.
                let batch = BatchStatistics {
                    mean: mean.clone().inner(),
                    variance: variance.clone().inner(),
                    rows,
                    samples,
                };
                self.observe(Some(group.slot), batch, update);
            }
            outputs.push(part.normalize(mean, variance, self));
        }
        join(&groups, outputs)
    }

    /// The mixing share, brought back into its range after an optimizer left it. The parameter is
    /// replaced only then, which is before the first pass of a step: a later pass of the same step
    /// must not take the place of the leaf that earlier passes have gradients for.
    fn bounded_alpha(&mut self) -> Tensor<1> {
        let value: f32 = self.alpha.val().into_scalar();
        let bounded = value.clamp(0.5, 1.0);
        if bounded != value {
            self.alpha = self.alpha.clone().map(|old| {
                let tensor = Tensor::from_floats([bounded], &old.device());
                tensor.set_require_grad(old.is_require_grad())
            });
        }
        self.alpha.val()
    }
}

/// Mean and variance of `share * own + (1 - share) * other` as distributions.
fn mixture<const D: usize>(
    own: &Moments<D>,
    other: &Moments<D>,
    share: &Tensor<1>,
) -> (Tensor<1>, Tensor<1>) {
    let rest = share.clone().neg().add_scalar(1.0);
    let difference = own.mean.clone() - other.mean.clone();
    let mean = own.mean.clone() * share.clone() + other.mean.clone() * rest.clone();
    let variance = own.variance.clone() * share.clone()
        + other.variance.clone() * rest.clone()
        + difference.square() * (share.clone() * rest);
    (mean, variance)
}

/// Mean and variance by channel, in few passes over the input both ways.
///
/// Centring by the mean as a constant saves a pass back: the variance does not depend on the mean
/// to first order, and [`Moments::normalize`] lets the mean act through the small shift instead.
/// Of the square `c * c`, one factor is held constant too; the variance on the tape is doubled to
/// make up for it.
fn moments<const D: usize>(input: Tensor<D>) -> Moments<D> {
    let dims = input.dims();
    let (rows, channels) = (dims[0], dims[1]);
    let samples = dims.iter().product::<usize>() / channels.max(1);
    let mean = channel_mean(input.clone(), samples);
    let mean_value = mean.clone().detach();
    let centred = input - per_channel(mean_value.clone());
    let half = channel_mean(centred.clone() * centred.clone().detach(), samples);
    let variance_value = half.clone().detach();
    let variance = half.mul_scalar(2.0) - variance_value.clone();
    Moments { centred, mean, variance, mean_value, variance_value, rows, samples }
}

fn channel_mean<const D: usize>(input: Tensor<D>, samples: usize) -> Tensor<1> {
    let dims = input.dims();
    let (rows, channels) = (dims[0], dims[1]);
    let positions: usize = dims[2..].iter().product();
    let by_row: Tensor<2> = if positions == 1 {
        input.reshape([rows, channels])
    } else {
        let by_channel: Tensor<2> = input.reshape([rows * channels, positions]);
        by_channel.sum_dim(1).reshape([rows, channels])
    };
    // A sum and a division of the small result: a mean would write one pass more on the way back.
    by_row.sum_dim(0).reshape([channels]).div_scalar(samples as f64)
}

fn per_channel<const D: usize>(values: Tensor<1>) -> Tensor<D> {
    let mut shape = [1; D];
    shape[1] = values.dims()[0];
    values.reshape(shape)
}

fn mixed_slot(domain: DomainRole) -> usize {
    domain.slot().min(1)
}

/// Rows that are normalised together.
struct Group {
    slot: usize,
    ranges: Vec<Range<usize>>,
}

impl Group {
    fn take<const D: usize>(&self, input: &Tensor<D>) -> Tensor<D> {
        let parts: Vec<Tensor<D>> = self
            .ranges
            .iter()
            .map(|range| input.clone().narrow(0, range.start, range.len()))
            .collect();
        cat(parts)
    }
}

/// The rows by slot, in the order in which the slots come up.
fn groups(segments: &[Segment], slot: fn(DomainRole) -> usize, batch: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut start = 0;
    for segment in segments.iter().filter(|segment| segment.rows > 0) {
        let range = start..start + segment.rows;
        start = range.end;
        let slot = slot(segment.domain);
        match groups.iter_mut().find(|group| group.slot == slot) {
            None => groups.push(Group { slot, ranges: vec![range] }),
            Some(group) => match group.ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => group.ranges.push(range),
            },
        }
    }
    assert_eq!(start, batch, "the context tells of {start} rows, the batch has {batch}");
    groups
}

/// Puts the rows of groups back into their places.
fn join<const D: usize>(groups: &[Group], outputs: Vec<Tensor<D>>) -> Tensor<D> {
    let mut pieces = Vec::new();
    for (group, output) in groups.iter().zip(outputs) {
        let mut start = 0;
        for range in &group.ranges {
            pieces.push((range.start, output.clone().narrow(0, start, range.len())));
            start += range.len();
        }
    }
    pieces.sort_by_key(|(start, _)| *start);
    cat(pieces.into_iter().map(|(_, piece)| piece).collect())
}

fn cat<const D: usize>(mut parts: Vec<Tensor<D>>) -> Tensor<D> {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            Tensor::cat(parts, 0)
        }
    }
}
