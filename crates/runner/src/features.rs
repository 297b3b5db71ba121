//! Features of a frozen extractor, computed once and kept.

use burn::tensor::Device;
use isthmus_data::{CacheOutcome, Dataset, FeatureCache, FeatureKey, LoadedSet, Lookup};

use crate::failed::JobError;
use crate::frozen::{BATCH, frozen_extractor};
use crate::plan::Plan;
use crate::progress::Progress;

/// The data with the extractor's features in the images' place.
///
/// # Errors
/// If the extractor cannot be built, an image cannot be read, or the cache cannot be written.
pub fn extract(
    plan: &Plan,
    device: &Device,
    kind: &str,
    progress: &dyn Progress,
) -> Result<Dataset, JobError> {
    let cache = FeatureCache::new(plan.cache());
    let mut extractor = None;
    plan.dataset.map_sets(|domain, set| {
        let spec = &plan.experiment.extractor.plugin;
        let taken = plan.taken.of(&plan.experiment.extractor);
        let weights = taken.map(|taken| taken.info.sha256.as_str()).or(plan.weights.as_deref());
        let key = FeatureKey {
            data: &set.fingerprint,
            domain,
            extractor: spec,
            weights,
            transform: plan.experiment.data.transform.as_ref(),
            device: kind,
        };
        let file = cache.file(&key);
        let features = match cache.lookup(&key, &set.source)? {
            Lookup::Hit(features) => {
                progress.line(&format!(
                    "{domain}: features of {} samples read from {}",
                    features.samples.rows(),
                    file.display()
                ));
                features
            }
            Lookup::Absent | Lookup::Damaged(_) => {
                let extractor = match &mut extractor {
                    Some(extractor) => extractor,
                    none => {
                        let shape = set.source.samples.shape();
                        none.insert(frozen_extractor(spec, taken, shape, device)?)
                    }
                };
                let rows = set.source.samples.rows();
                let bar = progress.bar(&format!("{domain}: {}", spec.name), "samples", rows);
                let extraction = cache.extract(
                    &key,
                    &set.source,
                    &mut **extractor,
                    device,
                    BATCH,
                    &mut |done, _| bar.at(done),
                )?;
                bar.finish();
                if let Some(warning) = &extraction.warning {
                    progress.line(&format!("warning: {warning}"));
                }
                if extraction.outcome == CacheOutcome::Computed {
                    progress.line(&format!(
                        "{domain}: features of {rows} samples kept in {}",
                        extraction.file.display()
                    ));
                }
                extraction.features
            }
        };
        Ok(LoadedSet { source: features, fingerprint: set.fingerprint.clone() })
    })
}
