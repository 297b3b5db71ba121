//! Samples as a job's model takes them.

use std::sync::Arc;

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::dataset::LabelledSource;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::random::Key;
use isthmus_core::spec::{Job, PluginSpec};
use isthmus_core::stage::SampleView;
use isthmus_data::{FeatureSource, FittedTransforms};
use isthmus_engine::{EngineError, build_extractor};

use crate::failed::JobError;
use crate::weights_from::TakenWeights;

/// Samples of one forward pass of a frozen extractor.
pub(crate) const BATCH: usize = 32;

/// A frozen extractor for samples of `shape`, with the weights of a record where it takes them from
/// one.
///
/// # Errors
/// If it cannot be built for such samples, or the weights are of another one.
pub(crate) fn frozen_extractor(
    plugin: &PluginSpec,
    taken: Option<&TakenWeights>,
    shape: InputShape,
    device: &Device,
) -> Result<Box<dyn Extractor>, JobError> {
    let key = Key::new(0).named("frozen extractor");
    let sources = taken.map_or(1, |taken| taken.sources);
    let context = BuildContext { device: device.clone(), key, sources };
    let mut extractor = build_extractor(plugin, shape, &context)?;
    if let Some(taken) = taken {
        taken.put_into(&mut *extractor).map_err(EngineError::from)?;
    }
    Ok(extractor.evaluation_copy())
}

/// Samples as a recorded model takes them.
pub struct RecordedInputs<'a> {
    /// The recorded job.
    pub job: &'a Job,
    /// What its frozen extractor begins with where that is another run's.
    pub taken: Option<&'a TakenWeights>,
    /// What its feature transforms fitted.
    pub transforms: FittedTransforms,
}

impl RecordedInputs<'_> {
    /// The samples, or what the job's frozen extractor makes of them, after the feature transforms
    /// of a domain.
    ///
    /// # Errors
    /// If the extractor cannot be built for such samples, a sample cannot be read, or the transforms
    /// were fitted to others.
    pub fn of(
        &self,
        set: &LabelledSource,
        role: DomainRole,
        device: &Device,
    ) -> Result<LabelledSource, JobError> {
        let set = extracted(self.job, set, self.taken, device)?;
        Ok(self.transforms.apply(role, &set)?)
    }
}

fn extracted(
    job: &Job,
    set: &LabelledSource,
    taken: Option<&TakenWeights>,
    device: &Device,
) -> Result<LabelledSource, JobError> {
    if !job.extractor.frozen {
        return Ok(set.clone());
    }
    let shape = set.samples.shape();
    let mut extractor = frozen_extractor(&job.extractor.plugin, taken, shape, device)?;
    let rows: Vec<usize> = (0..set.samples.rows()).collect();
    let mut values = Vec::with_capacity(rows.len() * extractor.output_size());
    for rows in rows.chunks(BATCH) {
        let pixels = set.samples.values(rows, SampleView::Plain)?;
        let input = Input::from_values(pixels, rows.len(), shape, device);
        let context = Context::evaluate(DomainRole::Target, rows.len());
        let features = extractor.forward(input, &context).into_data();
        values.extend(features.iter::<f32>());
    }
    let features = FeatureSource::new(extractor.output_size(), values).of(Arc::clone(&set.samples));
    Ok(LabelledSource { samples: Arc::new(features), targets: set.targets.clone() })
}
