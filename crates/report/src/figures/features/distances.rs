//! How far the classes of the domains are from each other.

use std::collections::{BTreeMap, BTreeSet};

use super::samples::{Domains, Samples};
use crate::figure::DataTable;

/// Adds a row for each class of a method.
pub(super) fn table_rows(
    table: &mut DataTable,
    method: &str,
    before: Option<&Domains>,
    after: Option<&Domains>,
) {
    let distances = |domains: Option<&Domains>| domains.map(class_distances).unwrap_or_default();
    let (earlier, later) = (distances(before), distances(after));
    let Some(domains) = after.or(before) else { return };
    let (sources, targets) = (sizes(&domains.source), sizes(&domains.target));
    let classes: BTreeSet<u32> = sources.keys().chain(targets.keys()).copied().collect();
    for class in classes {
        let size = |sizes: &BTreeMap<u32, usize>| sizes.get(&class).copied().unwrap_or(0);
        let distance = |distances: &BTreeMap<u32, f64>| {
            distances.get(&class).map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
        };
        table.rows.push(vec![
            method.to_owned(),
            class.to_string(),
            size(&sources).to_string(),
            size(&targets).to_string(),
            distance(&earlier),
            distance(&later),
        ]);
    }
}

fn sizes(samples: &Samples) -> BTreeMap<u32, usize> {
    let mut sizes = BTreeMap::new();
    for &class in &samples.labels {
        *sizes.entry(class).or_default() += 1;
    }
    sizes
}

fn means(samples: &Samples) -> BTreeMap<u32, Vec<f64>> {
    let sizes = sizes(samples);
    let mut means: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (features, class) in samples.features.iter().zip(&samples.labels) {
        let mean = means.entry(*class).or_insert_with(|| vec![0.0; features.len()]);
        for (mean, &value) in mean.iter_mut().zip(features) {
            *mean += f64::from(value) / sizes[class] as f64;
        }
    }
    means
}

/// The distance between the domains' means of each class that both have, divided by the root mean
/// square distance of samples from the mean of their own class and domain.
fn class_distances(domains: &Domains) -> BTreeMap<u32, f64> {
    let (sources, targets) = (means(&domains.source), means(&domains.target));
    let (mut squares, mut samples) = (0.0, 0);
    for (domain, means) in [(&domains.source, &sources), (&domains.target, &targets)] {
        for (features, class) in domain.features.iter().zip(&domain.labels) {
            let mean = &means[class];
            let differences =
                features.iter().zip(mean).map(|(&value, mean)| (f64::from(value) - mean).powi(2));
            squares += differences.sum::<f64>();
            samples += 1;
        }
    }
    let spread = (squares / f64::from(samples.max(1))).sqrt();
    if spread <= 0.0 {
        return BTreeMap::new();
    }
    sources
        .iter()
        .filter_map(|(class, source)| {
            let target = targets.get(class)?;
            let squares: f64 =
                source.iter().zip(target).map(|(one, other)| (one - other).powi(2)).sum();
            Some((*class, squares.sqrt() / spread))
        })
        .collect()
}
