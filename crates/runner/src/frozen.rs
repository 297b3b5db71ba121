//! Samples as a job's model takes them.

use std::sync::Arc;

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::dataset::LabelledSource;
use isthmus_core::input::Input;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::spec::Job;
use isthmus_core::stage::SampleView;
use isthmus_data::FeatureSource;
use isthmus_engine::build_extractor;

use crate::failed::JobError;

/// Images of one forward pass of a frozen extractor.
pub(crate) const BATCH: usize = 32;

/// What a frozen extractor is told when it is built.
pub(crate) fn frozen_context(device: &Device) -> BuildContext {
    BuildContext { device: device.clone(), key: Key::new(0).named("frozen extractor"), sources: 1 }
}

/// The samples, or what the job's frozen extractor makes of them.
///
/// # Errors
/// If the extractor cannot be built for such samples, or a sample cannot be read.
pub fn as_the_model_takes(
    job: &Job,
    set: &LabelledSource,
    device: &Device,
) -> Result<LabelledSource, JobError> {
    if !job.extractor.frozen {
        return Ok(set.clone());
    }
    let shape = set.samples.shape();
    let context = frozen_context(device);
    let mut extractor = build_extractor(&job.extractor.plugin, shape, &context)?.evaluation_copy();
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
