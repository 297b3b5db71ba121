//! How a job's samples were split, for its record.

use isthmus_core::dataset::Domain;
use isthmus_core::spec::{Job, Protocol};
use isthmus_engine::JobData;
use serde::Serialize;

/// What `splits.json` holds.
#[derive(Debug, Serialize)]
pub struct Splits {
    protocol: Protocol,
    /// With the domain's name, it decides which samples were held out.
    seed: u64,
    validation_share: Option<f64>,
    domains: Vec<Parts>,
}

#[derive(Debug, Serialize)]
struct Parts {
    domain: String,
    role: &'static str,
    train: usize,
    validation: usize,
    test: usize,
}

/// The splits of a job.
pub fn of(job: &Job, data: &JobData) -> Splits {
    let parts = |role, domain: &Domain| Parts {
        domain: domain.name.clone(),
        role,
        train: domain.train.samples.rows(),
        validation: domain.validation.as_ref().map_or(0, |it| it.samples.rows()),
        test: domain.test.samples.rows(),
    };
    let sources = data.sources.iter().map(|domain| parts("source", domain));
    Splits {
        protocol: job.data.protocol,
        seed: job.seed,
        validation_share: job.selection.as_ref().map(|selection| selection.validation_share),
        domains: sources.chain([parts("target", &data.target)]).collect(),
    }
}
