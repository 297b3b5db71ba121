//! What the command knows of data sets.

use std::path::Path;

use isthmus_data::{Descriptor, Roots, SetReaders};
use isthmus_experiment::{DatasetInfo, Datasets, DomainInfo};

use crate::failure::Failure;

/// The data sets that an experiment file can name.
pub fn known(experiment_file: &Path) -> Result<Datasets, Failure> {
    let roots = Roots::discover(Some(experiment_file));
    let names = Descriptor::names(&roots).map_err(|error| Failure::input(error.to_string()))?;
    Ok(names
        .into_iter()
        .map(|name| {
            let info = Descriptor::find(&name, &roots)
                .map(|descriptor| info(&descriptor))
                .map_err(|error| error.to_string());
            (name, info)
        })
        .collect())
}

fn info(descriptor: &Descriptor) -> DatasetInfo {
    let domain = |domain: &isthmus_data::DomainDescriptor| DomainInfo {
        name: domain.name.clone(),
        has_test_set: matches!(domain.readers, SetReaders::Given { .. }),
    };
    DatasetInfo {
        domains: descriptor.domains.iter().map(domain).collect(),
        samples: descriptor.samples(),
        targets: descriptor.targets(),
    }
}

/// Names and titles of the data sets, with their domains.
pub fn summaries() -> Result<Vec<(String, String)>, Failure> {
    let roots = Roots::discover(None);
    let names = Descriptor::names(&roots).map_err(|error| Failure::input(error.to_string()))?;
    Ok(names
        .into_iter()
        .map(|name| {
            let summary = match Descriptor::find(&name, &roots) {
                Ok(descriptor) => {
                    let domains: Vec<&str> =
                        descriptor.domains.iter().map(|domain| domain.name.as_str()).collect();
                    format!("{} ({})", descriptor.title, domains.join(", "))
                }
                Err(error) => format!("cannot be used: {error}"),
            };
            (name, summary)
        })
        .collect())
}

/// A descriptor that uses a reader.
pub fn reader_example(table: &[String]) -> Vec<String> {
    let mut lines = vec![
        "# datasets/mine.toml, with a table `domains` for each domain".to_owned(),
        "name = \"mine\"".to_owned(),
        String::new(),
        "[[domains]]".to_owned(),
        "name = \"first\"".to_owned(),
        String::new(),
        "[domains.reader]".to_owned(),
    ];
    lines.extend(table.iter().cloned());
    lines
}
