//! The quickstart's jobs, for tests.

use isthmus_adversarial as _;
use isthmus_baseline as _;
use isthmus_experiment::{DatasetInfo, Datasets, DomainInfo, parse};
use isthmus_nn as _;
use isthmus_objectives as _;
use isthmus_target_structure as _;

use crate::jobs::{PlannedJob, all_jobs};

/// The jobs of the quickstart with a `[sweep]` table added.
pub(crate) fn quickstart(more: &str) -> Vec<PlannedJob> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/quickstart.toml");
    let text = std::fs::read_to_string(&path).unwrap() + more;
    let domains = ["fonts", "uci"]
        .map(|name| DomainInfo { name: name.to_owned(), has_test_set: false })
        .to_vec();
    let info = DatasetInfo { domains, ..DatasetInfo::default() };
    let datasets = Datasets::from([("quickstart".to_owned(), Ok(info))]);
    let checked = parse(&text, &datasets).unwrap();
    all_jobs(checked.sweep.as_ref(), &checked.experiment)
}
