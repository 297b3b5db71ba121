//! An experiment whose records were read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use isthmus_core::input::InputShape;
use isthmus_core::spec::{Experiment, ExtractorSpec, Job, Task, Transform};
use isthmus_experiment::Sweep;

use super::{TakenWeights, WeightsFromError};
use crate::plan::with_transform;

/// The weights that the extractors of an experiment take from records, by the hash of their tensors.
#[derive(Clone, Debug, Default)]
pub struct Taken(BTreeMap<String, Arc<TakenWeights>>);

impl Taken {
    /// Those that an extractor begins with; none where it names no record.
    pub fn of(&self, extractor: &ExtractorSpec) -> Option<&TakenWeights> {
        let sha256 = extractor.weights_from.as_ref()?.sha256.as_ref()?;
        self.0.get(sha256).map(|taken| &**taken)
    }
}

/// An experiment with what identifies the weights that it takes from records.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The experiment, its transform settled too.
    pub experiment: Experiment,
    /// Its sweep, variants likewise.
    pub sweep: Option<Sweep>,
    /// The weights.
    pub taken: Taken,
    /// What may not have been meant.
    pub warnings: BTreeSet<String>,
}

/// Reads the records that an experiment and its sweep's variants take weights from.
///
/// # Errors
/// If one is not there, or does not fit the extractor.
pub fn settle(experiment: Experiment, sweep: Option<&Sweep>) -> Result<Settled, WeightsFromError> {
    let mut experiment = with_transform(experiment);
    let mut sweep = sweep.cloned();
    let mut reading = Reading::default();
    let tasks = experiment.data.tasks.clone();
    reading.settle(&mut experiment.extractor, &tasks)?;
    for variant in sweep.iter_mut().flat_map(|sweep| &mut sweep.variants) {
        reading.settle(&mut variant.experiment.extractor, &tasks)?;
    }
    let all = reading.taken.0.values();
    let mut warnings: BTreeSet<String> =
        all.filter_map(|taken| other_transform(&experiment, taken)).collect();
    let variants = sweep.iter().flat_map(|sweep| &sweep.variants);
    let experiments = variants.map(|variant| &variant.experiment).chain([&experiment]);
    for experiment in experiments.filter(|it| it.extractor.weights_from.is_some()) {
        warnings.extend(experiment.jobs().iter().filter_map(upper_bound));
    }
    Ok(Settled { experiment, sweep, taken: reading.taken, warnings })
}

/// Reads each record once for each extractor that it is to fit.
#[derive(Default)]
struct Reading {
    taken: Taken,
    /// The hash by extractor.
    known: BTreeMap<String, String>,
}

impl Reading {
    fn settle(
        &mut self,
        extractor: &mut ExtractorSpec,
        tasks: &[Task],
    ) -> Result<(), WeightsFromError> {
        let key = serde_json::to_string(extractor).expect("an extractor is plain data");
        let Some(from) = &mut extractor.weights_from else { return Ok(()) };
        let sha256 = match self.known.get(&key) {
            Some(sha256) => sha256.clone(),
            None => {
                let mut taken = TakenWeights::read(&extractor.plugin, from)?;
                if let Some(expected) = &from.sha256 {
                    taken = taken.expected_to_be(expected)?;
                }
                if !extractor.frozen {
                    let counts: BTreeSet<usize> = tasks.iter().map(|it| it.sources.len()).collect();
                    for sources in counts {
                        taken.check(&extractor.plugin, taken.shape, sources)?;
                    }
                }
                let sha256 = taken.info.sha256.clone();
                self.taken.0.insert(sha256.clone(), Arc::new(taken));
                self.known.insert(key, sha256.clone());
                sha256
            }
        };
        from.labelled = self.taken.0[&sha256].labelled.iter().cloned().collect();
        from.sha256 = Some(sha256);
        Ok(())
    }
}

/// A warning where weights know the labels that they are tested on.
fn upper_bound(job: &Job) -> Option<String> {
    job.begins_with_target_labels().then(|| {
        format!(
            "{}: the weights that the extractor begins with were trained on labels of this target; \
             tables show the runs as upper bounds",
            job.task()
        )
    })
}

/// A warning where images or sound are made into samples in another way than those that the weights
/// were trained on.
fn other_transform(experiment: &Experiment, taken: &TakenWeights) -> Option<String> {
    let plain = |transform: Option<&Transform>| {
        let transform = transform.cloned().unwrap_or_default();
        Transform { random_crop: None, random_flip: false, ..transform }
    };
    let is_image = matches!(taken.shape, InputShape::Image { .. });
    let here = plain(experiment.data.transform.as_ref());
    let there = plain(taken.transform.as_ref());
    let differ = if is_image { here != there } else { here.log_mel != there.log_mel };
    differ.then(|| {
        format!(
            "the weights of {} were trained on samples that were transformed in another way than \
             here: `data.transform` should say the same in both experiments",
            taken.folder.display()
        )
    })
}
