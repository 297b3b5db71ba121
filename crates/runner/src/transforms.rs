//! The feature transforms of a job.

use isthmus_core::context::DomainRole;
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::spec::{Job, PluginSpec};
use isthmus_data::{Dataset, DomainUse, FittedTransforms, LoadedSet, Views};
use isthmus_engine::JobData;

use crate::plan::{Domains, job_data};

/// The data of a job after its feature transforms, which are fitted to its training samples, and
/// what was fitted; `None` where it has none. `domains` are those of the data set, split.
///
/// # Errors
/// If a transform cannot be fitted to such samples, or they cannot be read or split.
pub fn transformed(
    job: &Job,
    dataset: &Dataset,
    domains: &Domains,
) -> Result<(JobData, Option<FittedTransforms>), DataError> {
    let data = job_data(job, dataset, domains)?;
    let specs: &[PluginSpec] = &job.data.feature_transforms;
    if specs.is_empty() {
        return Ok((data, None));
    }
    let fitted = FittedTransforms::fit(specs, &data.sources, &data.target)?;
    let views = Views::new(job.data.views.as_ref())?;
    let task = job.task();
    let source = |name: &str| task.sources.iter().position(|source| source == name);
    let target = |name: &str| task.targets().iter().any(|target| target == name);
    let as_source = |name: &str| source(name).map(DomainRole::Source);
    let as_target = |name: &str| target(name).then_some(DomainRole::Target);
    let domains = |role: &dyn Fn(&str) -> Option<DomainRole>, used_as: DomainUse| {
        let changed = dataset.map_sets(|name, set| {
            let Some(role) = role(name) else { return Ok(set.clone()) };
            let source = views.over(fitted.apply(role, &set.source)?)?;
            Ok::<_, DataError>(LoadedSet { source, fingerprint: set.fingerprint.clone() })
        })?;
        changed.domains(job.data.protocol, used_as, &Key::new(job.seed))
    };
    let domains = Domains {
        sources: domains(&as_source, DomainUse::Source)?,
        targets: domains(&as_target, DomainUse::Target)?,
    };
    Ok((job_data(job, dataset, &domains)?, Some(fitted)))
}
