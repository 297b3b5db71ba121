//! Jobs of experiment texts, for tests that run the engine by itself.
#![allow(dead_code, reason = "each test binary uses its own part")]

use isthmus_core::random::Key;
use isthmus_core::spec::Job;
use isthmus_core::targets::TargetKind;
use isthmus_data::{Dataset, DomainUse, Roots, joined_domain};
use isthmus_engine::JobData;
use isthmus_experiment::{DatasetInfo, Datasets, Diagnostics, DomainInfo, parse};

/// The first job of an experiment on one of the data sets of the quickstart.
pub fn job_of(text: &str, dataset: &str, targets: Option<TargetKind>) -> Result<Job, Diagnostics> {
    job_on(text, dataset, ["fonts", "uci"], targets)
}

/// The first job of an experiment on a data set of these domains.
pub fn job_on(
    text: &str,
    dataset: &str,
    domains: [&str; 2],
    targets: Option<TargetKind>,
) -> Result<Job, Diagnostics> {
    let domains =
        domains.map(|name| DomainInfo { name: name.to_owned(), has_test_set: false }).to_vec();
    let info = DatasetInfo { domains, samples: None, targets };
    let datasets = Datasets::from([(dataset.to_owned(), Ok(info))]);
    parse(text, &datasets).map(|checked| checked.experiment.jobs().remove(0))
}

/// The data of a job.
pub fn data_of(job: &Job) -> JobData {
    data_at(job, &Roots::discover(None))
}

/// The data of a job, which are looked for in these places.
pub fn data_at(job: &Job, roots: &Roots) -> JobData {
    let dataset = Dataset::load(&job.data, roots).unwrap();
    let domains = |used_as, names: &[String]| -> Vec<_> {
        let all = dataset.domains(job.data.protocol, used_as, &Key::new(job.seed)).unwrap();
        all.into_iter().filter(|domain| names.contains(&domain.name)).collect()
    };
    let task = job.task();
    let sources = domains(DomainUse::Source, &task.sources);
    let mut shifts = domains(DomainUse::Target, &task.targets());
    let target = match task.shifts.is_empty() {
        true => shifts.remove(0),
        false => joined_domain(&task.target, &shifts).unwrap(),
    };
    JobData { classes: dataset.classes.clone(), target_classes: None, sources, target, shifts }
}
