//! What every forward pass is told: training or not, whose rows these are, how to normalise.
//!
//! Nothing is read from hidden flags or from the device. A layer that needs more than its input
//! finds it here: dropout its randomness, normalisation its statistics and the domain of each row.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::random::Key;
use crate::sample_check::SampleCheck;

/// The domain that a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DomainRole {
    /// The labelled source domain; with several sources, which one.
    Source(usize),
    /// The unlabelled target domain.
    Target,
}

impl DomainRole {
    /// The first (most often the only) source.
    pub const SOURCE: Self = Self::Source(0);

    /// The position of this domain's own normalisation statistics: the target's is 0, source
    /// `i`'s is `i + 1`.
    pub fn slot(self) -> usize {
        match self {
            Self::Target => 0,
            Self::Source(index) => index + 1,
        }
    }
}

/// Consecutive rows of one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where the rows come from.
    pub domain: DomainRole,
    /// How many there are.
    pub rows: usize,
}

/// Where a normalisation layer takes its mean and variance from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// Of the rows at hand.
    Batch,
    /// The recorded running ones.
    Running,
}

/// What a normalisation layer does to its running statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatisticsUpdate {
    /// Leaves them as they are.
    Keep,
    /// Moves them towards the batch's by the layer's momentum.
    Momentum,
    /// Merges the batch into the statistics of all rows seen since the layer's last reset, so
    /// that a whole pass gives the population's mean and variance (AdaBN).
    Population,
}

/// Which rows are normalised together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// All rows of the batch, one set of running statistics, as most peers' joint passes. Where the
    /// statistics of the domains differ, that alone may cost accuracy: try `separate`
    /// (`docs/results.md`).
    #[default]
    Shared,
    /// Each domain of a training batch by itself, one set of running statistics: as an ordinary
    /// network that is given the domains one after the other (tllib's AFN and FixMatch).
    Separate,
    /// Each domain by itself, with its own running statistics (DSBN). A domain that was not trained
    /// on is evaluated by the statistics of those that were.
    PerDomain,
    /// Source and target each by a learned mixture of both (AutoDIAL).
    Mixed,
}

impl std::fmt::Display for Grouping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared",
            Self::Separate => "separate",
            Self::PerDomain => "per-domain",
            Self::Mixed => "mixed",
        })
    }
}

/// How normalisation layers behave in one forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormPolicy {
    /// Which statistics normalise.
    pub statistics: Statistics,
    /// What happens to the running ones.
    pub update: StatisticsUpdate,
    /// Which rows belong together.
    pub grouping: Grouping,
}

impl NormPolicy {
    /// Batch statistics over all rows, running ones moved by momentum: ordinary training.
    pub const TRAIN: Self = Self {
        statistics: Statistics::Batch,
        update: StatisticsUpdate::Momentum,
        grouping: Grouping::Shared,
    };
    /// Running statistics, left as they are: ordinary evaluation.
    pub const EVALUATE: Self = Self {
        statistics: Statistics::Running,
        update: StatisticsUpdate::Keep,
        grouping: Grouping::Shared,
    };

    /// The same policy with another grouping.
    pub fn grouped(self, grouping: Grouping) -> Self {
        Self { grouping, ..self }
    }
}

/// What a forward pass is told.
#[derive(Debug)]
pub struct Context {
    /// Whether dropout and the like are on.
    pub training: bool,
    /// The domains of the rows, in order; the numbers of rows add up to the batch.
    pub segments: Vec<Segment>,
    /// How to normalise.
    pub norm: NormPolicy,
    key: Key,
    draws: AtomicU64,
    samples: SampleCheck,
}

impl Context {
    /// A training pass over the given rows; `key` names the step.
    pub fn train(segments: Vec<Segment>, key: Key) -> Self {
        Self {
            training: true,
            segments,
            norm: NormPolicy::TRAIN,
            key,
            draws: AtomicU64::new(0),
            samples: SampleCheck::default(),
        }
    }

    /// An evaluation pass over `rows` rows of one domain.
    pub fn evaluate(domain: DomainRole, rows: usize) -> Self {
        Self::evaluate_rows(vec![Segment { domain, rows }])
    }

    /// An evaluation pass over rows of any domains.
    pub fn evaluate_rows(segments: Vec<Segment>) -> Self {
        Self {
            training: false,
            segments,
            norm: NormPolicy::EVALUATE,
            key: Key::new(0),
            draws: AtomicU64::new(0),
            samples: SampleCheck::default(),
        }
    }

    /// The same pass with another normalisation policy.
    pub fn with_norm(mut self, norm: NormPolicy) -> Self {
        self.norm = norm;
        self
    }

    /// The same pass, whose norm layers report to `samples` if they have a single sample.
    pub fn with_check(mut self, samples: &SampleCheck) -> Self {
        self.samples = samples.clone();
        self
    }

    /// The same pass once more, with the same dropout masks: for passes that are to differ by their
    /// input alone.
    pub fn again(&self) -> Self {
        Self {
            training: self.training,
            segments: self.segments.clone(),
            norm: self.norm,
            key: self.key,
            draws: AtomicU64::new(0),
            samples: self.samples.clone(),
        }
    }

    /// The same pass over the states of the rows, `lengths` of each, one row of a tensor a state:
    /// what follows an encoder of series is told so.
    ///
    /// # Panics
    /// If there are not as many lengths as rows.
    pub fn over_states(&self, lengths: &[usize]) -> Self {
        assert_eq!(lengths.len(), self.rows(), "the pass has other rows than these states");
        let mut rest = lengths;
        let over = |segment: &Segment| {
            let (own, behind) = rest.split_at(segment.rows);
            rest = behind;
            Segment { rows: own.iter().sum(), ..*segment }
        };
        let segments = self.segments.iter().map(over).collect();
        let draws = AtomicU64::new(self.draws.load(Ordering::Relaxed));
        Self { segments, draws, ..self.again() }
    }

    /// Tells that a norm layer of `channels` channels has a single sample (of `domain`, where
    /// domains are normalised apart) to take statistics of.
    pub fn report_single_sample(&self, channels: usize, domain: Option<&'static str>) {
        self.samples.report(channels, domain);
    }

    /// Says that what was reported by now was in this part of the model.
    pub(crate) fn leave_part(&self, part: &'static str) {
        self.samples.name(part);
    }

    /// The key of the next random layer of this pass. Layers are visited in a fixed order, so the
    /// n-th call of a pass always belongs to the same layer.
    pub fn next_key(&self) -> Key {
        self.key.at(self.draws.fetch_add(1, Ordering::Relaxed))
    }

    /// Number of rows of the batch.
    pub fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}
