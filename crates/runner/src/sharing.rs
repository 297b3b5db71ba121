//! Which stages several jobs begin with.

use std::collections::BTreeMap;
use std::path::Path;

use isthmus_core::spec::Job;
use isthmus_results::RecordError;
use isthmus_results::record::{SharedStage, StageLock, StageStore};

use crate::plan::Fingerprints;

/// Stages that several jobs begin with, and where they are kept.
pub struct Sharing {
    store: StageStore,
    /// Number of jobs that begin with the stages of an id.
    jobs: BTreeMap<String, usize>,
    fingerprints: Fingerprints,
    version: &'static str,
}

/// Where a job starts.
pub enum Start {
    /// After stages that another job trained.
    After(SharedStage),
    /// At its beginning; the lock is held if other jobs wait for its first stages.
    Beginning(Option<StageLock>),
}

impl Sharing {
    /// Counts how the jobs begin.
    pub fn new<'a>(
        results: &Path,
        jobs: impl IntoIterator<Item = &'a Job>,
        fingerprints: &Fingerprints,
        version: &'static str,
    ) -> Self {
        let mut sharing = Self {
            store: StageStore::new(results),
            jobs: BTreeMap::new(),
            fingerprints: fingerprints.clone(),
            version,
        };
        for job in jobs {
            for stages in 1..=job.method.stages.len() {
                *sharing.jobs.entry(sharing.id(job, stages)).or_default() += 1;
            }
        }
        sharing
    }

    /// Where the stages are kept.
    pub fn store(&self) -> &StageStore {
        &self.store
    }

    fn id(&self, job: &Job, stages: usize) -> String {
        job.stages_id(stages, self.fingerprints.of(job), self.version)
    }

    /// Ids of what the first stages of a job leave, for each number of stages from 1; absent where
    /// no other job begins so.
    pub fn shared(&self, job: &Job) -> Vec<Option<String>> {
        (1..=job.method.stages.len())
            .map(|stages| Some(self.id(job, stages)).filter(|id| self.jobs.get(id) > Some(&1)))
            .collect()
    }

    /// Finds out where a job can start, and waits for another process that trains its beginning.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub fn start(&self, job: &Job) -> Result<Start, RecordError> {
        let shared = self.shared(job);
        if let Some(stage) = self.longest(&shared)? {
            return Ok(Start::After(stage));
        }
        let Some(first) = shared.iter().flatten().next() else {
            return Ok(Start::Beginning(None));
        };
        let lock = self.store.lock(first)?;
        Ok(match self.longest(&shared)? {
            Some(stage) => Start::After(stage),
            None => Start::Beginning(Some(lock)),
        })
    }

    /// The longest beginning of a job that was trained; what follows its last stage is its own
    /// record.
    fn longest(&self, shared: &[Option<String>]) -> Result<Option<SharedStage>, RecordError> {
        for id in shared[..shared.len() - 1].iter().rev().flatten() {
            if let Some(stage) = self.store.load(id)? {
                return Ok(Some(stage));
            }
        }
        Ok(None)
    }
}
