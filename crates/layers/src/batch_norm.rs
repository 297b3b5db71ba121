//! Batch normalisation that is told whose rows it sees.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use isthmus_core::context::{
    Context, DomainRole, Grouping, NormPolicy, Statistics, StatisticsUpdate,
};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;
use isthmus_kernels::{Normalized, batch_norm};

use crate::row_groups::{Group, domain_name, groups, join, mixed_slot};
use crate::running_statistics::{BatchStatistics, Moments, RunningStatistics};
use crate::{AfterNorm, Initial};

/// Batch normalisation of `[batch, channels, ...]` by channel (Ioffe and Szegedy, ICML 2015).
///
/// The [`NormPolicy`] of the context decides which statistics normalise, what happens to the
/// running ones, and which rows belong together: all rows; each domain by itself, with shared
/// running statistics or with its own and a shared scale and shift (DSBN: Chang et al.,
/// "Domain-specific batch normalization for unsupervised domain adaptation", CVPR 2019); or source
/// and target each by a learned mixture of both (AutoDIAL: Carlucci et al., "AutoDIAL: automatic
/// domain alignment layers", ICCV 2017).
///
/// Running statistics that were never moved are never normalised by, as long as others were: a
/// domain that has none takes those of the domains that have, pooled with equal weights, else those
/// of all rows together; the latter, where they have none, take the domains'. A domain's own begin
/// where those of all rows together are, if these were moved by an earlier stage. Pretrained
/// statistics serve as they are until a layer is trained.
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
    /// alike. Used, and trained, only where the grouping is mixed; updates keep it in its range.
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
struct Centred<const D: usize> {
    /// The input less its mean; the mean is held constant here, see [`centre`].
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

impl<const D: usize> Centred<D> {
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

/// Tells the pass if statistics are of a single sample: it has no variance.
fn require_samples(batch: &BatchStatistics, domain: Option<&'static str>, context: &Context) {
    if batch.samples == 1 {
        context.report_single_sample(batch.mean.dims()[0], domain);
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
            alpha: Initial::Constant(1.0)
                .parameter([1], *key, device)
                .load_mapper(|alpha| alpha.clamp(0.5, 1.0)),
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
        self.forward_then(input, AfterNorm::default(), context)
    }

    /// Normalises as [`forward`](Self::forward) does, and does what comes after it on the way.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), and if what is added has another shape than the input.
    pub fn forward_then<const D: usize>(
        &mut self,
        input: Tensor<D>,
        after: AfterNorm<D>,
        context: &Context,
    ) -> Tensor<D> {
        let by_batch = context.norm.statistics == Statistics::Batch;
        let groups = |slot| groups(&context.segments, slot, input.dims()[0]);
        match context.norm.grouping {
            Grouping::Separate if by_batch => {
                let groups = groups(DomainRole::slot);
                self.by_group(input, after, &groups, |_| None, context)
            }
            Grouping::Shared | Grouping::Separate => {
                self.normalize(input, after, None, None, context)
            }
            Grouping::PerDomain => {
                let groups = groups(DomainRole::slot);
                self.by_group(input, after, &groups, Some, context)
            }
            Grouping::Mixed => {
                let groups = groups(mixed_slot);
                if by_batch && groups.len() == 2 {
                    after.apply(self.mixed(input, &groups, context))
                } else {
                    self.by_group(input, after, &groups, Some, context)
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
            Grouping::Shared | Grouping::Separate => None,
            Grouping::PerDomain => Some(slot(DomainRole::slot)?),
            Grouping::Mixed => Some(slot(mixed_slot)?),
        };
        Some(self.affine(slot))
    }

    /// As PyTorch's `BatchNorm1d` or `BatchNorm2d` that normalises samples of the target as this
    /// layer does. PyTorch states epsilon where it builds the layer.
    pub fn pytorch(&self, grouping: Grouping) -> Vec<NamedTensor> {
        let slot = match grouping {
            Grouping::Shared | Grouping::Separate => None,
            Grouping::PerDomain => Some(DomainRole::Target.slot()),
            Grouping::Mixed => Some(mixed_slot(DomainRole::Target)),
        };
        let moments = self.moments(slot);
        vec![
            NamedTensor::of("weight", &self.weight.val()),
            NamedTensor::of("bias", &self.bias.val()),
            NamedTensor::of("running_mean", &moments.mean),
            NamedTensor::of("running_var", &moments.variance),
        ]
    }

    /// What rows of a slot are normalised by; all rows alike without one.
    fn moments(&self, slot: Option<usize>) -> Moments {
        let shared = self.shared.moments();
        let trained = Moments::pooled(self.domains.iter().map(RunningStatistics::moments));
        match slot {
            None => shared.or(trained),
            Some(slot) => self.domains[self.checked(slot)].moments().or(trained).or(shared),
        }
    }

    fn affine(&self, slot: Option<usize>) -> (Tensor<1>, Tensor<1>) {
        let moments = self.moments(slot);
        let deviation = moments.variance.add_scalar(self.epsilon).sqrt();
        let scale = self.weight.val() / deviation;
        let shift = self.bias.val() - moments.mean * scale.clone();
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
        match slot {
            None => {
                let start = self.shared.moments();
                self.shared.observe(start, batch, update, momentum);
            }
            Some(slot) => {
                let slot = self.checked(slot);
                let start = self.domains[slot].moments().or(self.shared.moments());
                self.domains[slot].observe(start, batch, update, momentum);
            }
        }
    }

    /// Normalises rows together; `slot` are their running statistics, `domain` the name of their
    /// domain, where they are of one.
    fn normalize<const D: usize>(
        &mut self,
        input: Tensor<D>,
        after: AfterNorm<D>,
        slot: Option<usize>,
        domain: Option<&'static str>,
        context: &Context,
    ) -> Tensor<D> {
        let NormPolicy { statistics, update, .. } = context.norm;
        let observed = update != StatisticsUpdate::Keep;
        match statistics {
            Statistics::Batch => {
                let (residual, rectifier) = (after.residual.as_ref(), after.rectifier);
                let both = [self.weight.val(), self.bias.val()];
                let normalized = batch_norm(&input, residual, both, self.epsilon, rectifier);
                if let Some(normalized) = normalized {
                    let (rows, samples) = (input.dims()[0], samples(&input));
                    let Normalized { output, mean, variance } = normalized;
                    let batch = BatchStatistics { mean, variance, rows, samples };
                    require_samples(&batch, domain, context);
                    if observed {
                        self.observe(slot, batch, update);
                    }
                    return output;
                }
                let centred = centre(input);
                let batch = centred.statistics();
                require_samples(&batch, domain, context);
                if observed {
                    self.observe(slot, batch, update);
                }
                let (mean, variance) = (centred.mean.clone(), centred.variance.clone());
                after.apply(centred.normalize(mean, variance, self))
            }
            Statistics::Running => {
                let (scale, shift) = self.affine(slot);
                if observed {
                    let batch = centre(input.clone().inner()).statistics();
                    self.observe(slot, batch, update);
                }
                after.apply(input * per_channel(scale) + per_channel(shift))
            }
        }
    }

    fn by_group<const D: usize>(
        &mut self,
        input: Tensor<D>,
        after: AfterNorm<D>,
        groups: &[Group],
        statistics: fn(usize) -> Option<usize>,
        context: &Context,
    ) -> Tensor<D> {
        let mut normalize = |group: &Group, rows: Tensor<D>, after: AfterNorm<D>| {
            let domain = Some(domain_name(group.slot));
            self.normalize(rows, after, statistics(group.slot), domain, context)
        };
        if let [group] = groups {
            return normalize(group, input, after);
        }
        let own = |group: &Group| normalize(group, group.take(&input), after.of(group));
        let outputs = groups.iter().map(own).collect();
        join(groups, outputs)
    }

    fn mixed<const D: usize>(
        &mut self,
        input: Tensor<D>,
        groups: &[Group],
        context: &Context,
    ) -> Tensor<D> {
        let update = context.norm.update;
        let alpha = self.alpha.val();
        let parts: Vec<Centred<D>> =
            groups.iter().map(|group| centre(group.take(&input))).collect();
        let rows = parts.iter().map(|part| part.rows).sum();
        let samples = parts.iter().map(|part| part.samples).sum();
        let mixtures: Vec<(Tensor<1>, Tensor<1>)> =
            [(0, 1), (1, 0)].map(|(own, other)| mixture(&parts[own], &parts[other], &alpha)).into();
        let mut outputs = Vec::new();
        for ((group, part), (mean, variance)) in groups.iter().zip(parts).zip(mixtures) {
            require_samples(&part.statistics(), Some(domain_name(group.slot)), context);
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
        join(groups, outputs)
    }
}

/// Mean and variance of `share * own + (1 - share) * other` as distributions.
fn mixture<const D: usize>(
    own: &Centred<D>,
    other: &Centred<D>,
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
/// to first order, and [`Centred::normalize`] lets the mean act through the small shift instead.
/// Of the square `c * c`, one factor is held constant too; the variance on the tape is doubled to
/// make up for it.
fn centre<const D: usize>(input: Tensor<D>) -> Centred<D> {
    let (rows, samples) = (input.dims()[0], samples(&input));
    let mean = channel_mean(input.clone(), samples);
    let mean_value = mean.clone().detach();
    let centred = input - per_channel(mean_value.clone());
    let half = channel_mean(centred.clone() * centred.clone().detach(), samples);
    let variance_value = half.clone().detach();
    let variance = half.mul_scalar(2.0) - variance_value.clone();
    Centred { centred, mean, variance, mean_value, variance_value, rows, samples }
}

/// Values of one channel: rows times positions.
fn samples<const D: usize>(input: &Tensor<D>) -> usize {
    let dims = input.dims();
    dims.iter().product::<usize>() / dims[1].max(1)
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
