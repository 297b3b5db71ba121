//! What every forward pass is told: training or not, whose rows these are, how to normalise.
//!
//! Nothing is read from hidden flags or from the device. A layer that needs more than its input
//! finds it here: dropout its randomness, normalisation its statistics and the domain of each row.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::random::Key;

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
    /// All rows of the batch, one set of running statistics.
    #[default]
    Shared,
    /// Each domain by itself, with its own running statistics (DSBN).
    PerDomain,
    /// Source and target each by a learned mixture of both (AutoDIAL).
    Mixed,
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
}

impl Context {
    /// A training pass over the given rows; `key` names the step.
    pub fn train(segments: Vec<Segment>, key: Key) -> Self {
        Self { training: true, segments, norm: NormPolicy::TRAIN, key, draws: AtomicU64::new(0) }
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
        }
    }

    /// The same pass with another normalisation policy.
    pub fn with_norm(mut self, norm: NormPolicy) -> Self {
        self.norm = norm;
        self
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
