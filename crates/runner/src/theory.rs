//! The terms of the target-error bound, for the record of a finished run.

use burn::tensor::Device;
use isthmus_core::context::DomainRole;
use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::DataError;
use isthmus_core::metric::Measurement;
use isthmus_core::random::Key;
use isthmus_core::validation::{LabelledOutputs, ValidationError};
use isthmus_engine::{JobData, JobOutcome, predict};
use isthmus_validators::theory::theory_terms;

/// The terms are recorded under this prefix.
const THEORY: &str = "theory/";

/// The terms for what the method predicts: of source samples that were held out, where some were, and of
/// the target's test samples with their labels, which serve nothing else here. Numbers that are
/// not defined are left out.
///
/// # Errors
/// If a sample cannot be read.
pub fn terms(
    outcome: &mut JobOutcome,
    data: &JobData,
    device: &Device,
    seed: u64,
) -> Result<Vec<Measurement>, DataError> {
    // Classes that the sources have not are one, the last output.
    let outputs = outcome.outputs.logits.columns();
    let labels = |set: &LabelledSource| {
        let known = set.targets.classes().into_iter().flatten();
        known.map(|class| class.min(outputs as u32 - 1)).collect()
    };
    let predictor = &mut *outcome.predictor;
    let mut labelled = |set: &LabelledSource, role: DomainRole| {
        let rows = set.targets.known();
        let outputs = predict(predictor, &*set.samples, &rows, role, device)?;
        Ok::<_, DataError>(LabelledOutputs { outputs, labels: labels(set) })
    };
    let mut source = LabelledOutputs::default();
    for (index, domain) in data.sources.iter().enumerate() {
        let set = domain.validation.as_ref().unwrap_or(&domain.test);
        let own = labelled(set, DomainRole::Source(index))?;
        source.outputs.append(own.outputs);
        source.labels.extend(own.labels);
    }
    let rows = data.target.test.targets.known();
    if rows.is_empty() {
        tracing::warn!("the target has no labels: the terms of its error bound are left out");
        return Ok(Vec::new());
    }
    let target = LabelledOutputs {
        outputs: outcome.outputs.select(&rows),
        labels: labels(&data.target.test),
    };
    let key = Key::new(seed).named("theory");
    let terms = match theory_terms(&source, &target, outputs, &key) {
        Ok(terms) => terms,
        Err(ValidationError::Undefined(reason)) => {
            tracing::warn!(reason, "the terms of the target-error bound are not defined");
            return Ok(Vec::new());
        }
        Err(ValidationError::Data(error)) => return Err(error),
    };
    let named = [
        ("source_error", terms.source_error),
        ("target_error", terms.target_error),
        ("proxy_a_distance", terms.proxy_a_distance),
        ("mmd", terms.mmd),
        ("joint_error", terms.joint_error),
        ("bound", terms.bound),
    ];
    Ok(named.map(|(name, value)| (format!("{THEORY}{name}"), value)).to_vec())
}
