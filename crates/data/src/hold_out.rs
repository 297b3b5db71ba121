//! Samples held out of training for validators.

use std::sync::Arc;

use isthmus_core::dataset::{Domain, LabelledSource};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use rand::seq::SliceRandom;

use crate::loaded::rows_of;
use crate::splits::stratified_split;

/// A source domain with `share` of its training samples held out, the same share of each class.
///
/// # Errors
/// If a class has a single training sample.
pub fn hold_out_source(domain: &Domain, share: f64, key: &Key) -> Result<Domain, DataError> {
    let train = &domain.train;
    let rows = stratified_split(&train.targets.strata(), share, &validation_key(key, &domain.name))
        .map_err(|error| {
            DataError::Mismatch(format!(
                "domain `{}`: nothing can be held out of its {} training samples for validators: \
                 {error}; a smaller `protocol.split` leaves more to train on, and without \
                 `[selection]` nothing is held out",
                domain.name,
                train.samples.rows()
            ))
        })?;
    Ok(held_out(domain, rows.train, rows.test))
}

/// A target domain with `share` of its training samples held out, whatever their classes: the
/// target's labels decide nothing. Where it is tested on the samples that it is trained on, all of
/// them stay both, and validators score them too.
pub fn hold_out_target(domain: &Domain, share: f64, key: &Key) -> Domain {
    if Arc::ptr_eq(&domain.train.samples, &domain.test.samples) {
        return domain.clone();
    }
    let mut rows: Vec<usize> = (0..domain.train.samples.rows()).collect();
    rows.shuffle(&mut validation_key(key, &domain.name).rng());
    let count = (rows.len() as f64 * share).round() as usize;
    let mut train = rows.split_off(count.clamp(1, (rows.len() - 1).max(1)).min(rows.len()));
    train.sort_unstable();
    rows.sort_unstable();
    held_out(domain, train, rows)
}

fn validation_key(key: &Key, domain: &str) -> Key {
    key.named("validation").named(domain)
}

fn held_out(domain: &Domain, train: Vec<usize>, validation: Vec<usize>) -> Domain {
    let rows = |rows| -> LabelledSource { rows_of(&domain.train, rows) };
    Domain {
        name: domain.name.clone(),
        train: rows(train),
        validation: Some(rows(validation)),
        test: domain.test.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::FeatureSource;

    fn set(rows: usize) -> LabelledSource {
        LabelledSource {
            samples: Arc::new(FeatureSource::new(
                1,
                (0..rows).map(|row| row as f32).collect::<Vec<_>>(),
            )),
            targets: (0..rows).map(|row| (row % 2) as u32).collect::<Vec<_>>().into(),
        }
    }

    fn domain(train: LabelledSource, test: LabelledSource) -> Domain {
        Domain { name: "a".to_owned(), train, validation: None, test }
    }

    #[test]
    fn a_source_keeps_the_share_of_each_class() {
        let all = set(20);
        let held = hold_out_source(&domain(all.clone(), all), 0.2, &Key::new(1)).unwrap();
        let validation = held.validation.unwrap();
        assert_eq!(validation.samples.rows(), 4);
        assert_eq!(validation.targets.strata().iter().filter(|&&label| label == 0).count(), 2);
        assert_eq!((held.train.samples.rows(), held.test.samples.rows()), (16, 20));
    }

    #[test]
    fn a_transductive_target_stays_whole_and_another_is_split() {
        let all = set(20);
        let held = hold_out_target(&domain(all.clone(), all), 0.2, &Key::new(1));
        assert!(held.validation.is_none());
        assert_eq!(held.train.samples.rows(), 20);
        let held = hold_out_target(&domain(set(20), set(6)), 0.2, &Key::new(1));
        assert_eq!(held.validation.unwrap().samples.rows(), 4);
        assert_eq!((held.train.samples.rows(), held.test.samples.rows()), (16, 6));
    }

    #[test]
    fn what_is_too_little_to_hold_out_of_is_told() {
        let few = set(3);
        let error = hold_out_source(&domain(few.clone(), few), 0.2, &Key::new(1)).err().unwrap();
        let error = error.to_string();
        assert!(error.contains("held out of its 3 training samples for validators"), "{error}");
        assert!(error.contains("class 1 has a single sample among the 3"), "{error}");
    }
}
