//! Whether the norm layers of a pass had enough samples to take statistics of.

use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

/// A norm layer that was to take statistics of a single sample. The sample is its own mean, so that
/// the layer puts out its shift whatever the sample is, and nothing before it learns.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the batch norm over {channels} channels{} would take its statistics of a single sample{}, and \
     put out the same whatever the sample is: raise `training.batch_size` to at least 2",
    in_part(*part),
    of_domain(*domain)
)]
pub struct SingleSample {
    /// Name of the model's part, where the pass is one of the model.
    pub part: Option<&'static str>,
    /// Channels of the layer.
    pub channels: usize,
    /// Whose sample it is, where domains are normalised apart.
    pub domain: Option<&'static str>,
}

fn in_part(part: Option<&str>) -> String {
    part.map_or_else(String::new, |part| format!(" in the {part}"))
}

fn of_domain(domain: Option<&str>) -> String {
    domain.map_or_else(String::new, |domain| format!(" of the {domain}"))
}

/// The first norm layer of some passes that had a single sample. Passes report to it; whoever
/// trains or predicts by them asks for the [`result`](Self::result).
#[derive(Clone, Debug, Default)]
pub struct SampleCheck(Arc<Mutex<Option<SingleSample>>>);

impl SampleCheck {
    /// Whether every norm layer had enough samples.
    ///
    /// # Errors
    /// If one had a single sample.
    pub fn result(&self) -> Result<(), SingleSample> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(found) => Err(found.clone()),
        }
    }

    pub(crate) fn report(&self, channels: usize, domain: Option<&'static str>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.get_or_insert(SingleSample { part: None, channels, domain });
    }

    /// Says that what was found by now is in `part`, unless it is in an earlier one.
    pub(crate) fn name(&self, part: &'static str) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &mut *found {
            found.part.get_or_insert(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layer_is_told_with_the_part_that_it_is_in() {
        let check = SampleCheck::default();
        check.name("extractor");
        assert_eq!(check.result(), Ok(()));
        check.clone().report(16, Some("target"));
        check.report(8, None);
        check.name("bottleneck");
        check.name("classifier");
        let text = check.result().unwrap_err().to_string();
        assert!(text.contains("over 16 channels in the bottleneck"), "{text}");
        assert!(text.contains("a single sample of the target"), "{text}");
        assert!(text.contains("raise `training.batch_size`"), "{text}");
    }
}
