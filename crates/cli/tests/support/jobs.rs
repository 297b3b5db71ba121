//! Jobs of experiment texts on the embedded data, for tests that run the engine by itself.

use isthmus_core::random::Key;
use isthmus_core::spec::Job;
use isthmus_core::targets::TargetKind;
use isthmus_data::{Dataset, DomainUse, Roots, joined_domain};
use isthmus_engine::JobData;
use isthmus_experiment::{DatasetInfo, Datasets, Diagnostics, DomainInfo, parse};

/// The first job of an experiment on one of the data sets of the quickstart.
pub fn job_of(text: &str, dataset: &str, targets: Option<TargetKind>) -> Result<Job, Diagnostics> {
    let domains = ["fonts", "uci"]
        .map(|name| DomainInfo { name: name.to_owned(), has_test_set: false })
        .to_vec();
    let info = DatasetInfo { domains, samples: None, targets };
    let datasets = Datasets::from([(dataset.to_owned(), Ok(info))]);
    parse(text, &datasets).map(|checked| checked.experiment.jobs().remove(0))
}

/// The data of a job.
pub fn data_of(job: &Job) -> JobData {
    let dataset = Dataset::load(&job.data, &Roots::discover(None)).unwrap();
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
