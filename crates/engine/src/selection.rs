//! Scores evaluations without target labels.

use std::cell::RefCell;

use burn::tensor::Device;
use isthmus_core::context::DomainRole;
use isthmus_core::dataset::{LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::metric::Measurement;
use isthmus_core::metric::SOURCE_VALIDATION_PREFIX;
use isthmus_core::objective::Objective;
use isthmus_core::predictor::Predictor;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, ValidatorKind};
use isthmus_core::spec::SelectionSpec;
use isthmus_core::stage::SampleView;
use isthmus_core::targets::RowTargets;
use isthmus_core::validation::{
    LabelledOutputs, Matrix, MixedPredictions, Outputs, SCORE_PREFIX, ValidationError,
    ValidationView, Validator,
};
use rand::seq::SliceRandom;

use crate::data::JobData;
use crate::error::EngineError;
use crate::evaluation::{predict, predict_input};

/// Source training samples, of all sources together, that validators see at most.
const SOURCE_TRAINING_ROWS: usize = 2000;

/// The validators of a job.
pub struct Selection {
    validators: Vec<(String, Box<dyn Validator>)>,
    /// Training rows of each source that validators see; empty where none needs them.
    training_rows: Vec<Vec<usize>>,
    key: Key,
}

impl Selection {
    /// Builds the validators of `spec` for a job on `data` whose randomness `key` names.
    pub(crate) fn new(
        spec: &SelectionSpec,
        data: &JobData,
        key: &Key,
    ) -> Result<Self, EngineError> {
        let key = key.named("validators");
        let validators = spec
            .validators
            .iter()
            .map(|spec| {
                let build = registry::builder::<ValidatorKind>(&spec.name)?;
                Ok((spec.name.clone(), build(&spec.config)))
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let mixing = validators.iter().find(|(_, validator)| validator.mixes_samples());
        let why = match data.input_shape() {
            InputShape::VariableSeries { .. } => Some(
                "series of different lengths cannot be mixed: leave it out of \
                 `selection.validators`, or cut the series to one length",
            ),
            InputShape::Text => Some(
                "texts cannot be mixed: leave it out of `selection.validators`, or freeze the \
                 extractor",
            ),
            _ => None,
        };
        if let (Some((name, _)), Some(why)) = (mixing, why) {
            return Err(EngineError::Data(DataError::Mismatch(format!(
                "`{name}` predicts mixtures of samples, and {why}"
            ))));
        }
        let needed = validators.iter().any(|(_, validator)| validator.needs_source_training());
        let share = SOURCE_TRAINING_ROWS / data.sources.len().max(1);
        let training_rows = data
            .sources
            .iter()
            .enumerate()
            .filter(|_| needed)
            .map(|(index, domain)| {
                let mut rows = domain.train.targets.known();
                if rows.len() > share {
                    rows.shuffle(&mut key.named("source training").at(index as u64).rng());
                    rows.truncate(share);
                    rows.sort_unstable();
                }
                rows
            })
            .collect();
        Ok(Self { validators, training_rows, key })
    }

    /// Scores a predictor by every validator; also the accuracy on the held-out source samples.
    /// `tested` is what was predicted of the target's test samples, which are scored where nothing
    /// of the target was held out.
    pub(crate) fn score(
        &self,
        predictor: &mut dyn Predictor,
        objective: &dyn Objective,
        data: &JobData,
        tested: &Outputs,
        device: &Device,
    ) -> Result<Vec<Measurement>, EngineError> {
        let mut source = LabelledOutputs::default();
        let mut source_training = LabelledOutputs::default();
        for (index, domain) in data.sources.iter().enumerate() {
            let role = DomainRole::Source(index);
            let mut add = |to: &mut LabelledOutputs, set: &LabelledSource, rows: &[usize]| {
                let outputs = predict(predictor, &*set.samples, rows, role, device)?;
                to.outputs.append(outputs);
                let classes = set.targets.classes();
                to.labels.extend(rows.iter().filter_map(|&row| classes[row]));
                Ok::<_, DataError>(())
            };
            if let Some(held_out) = &domain.validation {
                let rows = held_out.targets.known();
                add(&mut source, held_out, &rows)?;
            }
            if let Some(rows) = self.training_rows.get(index) {
                add(&mut source_training, &domain.train, rows)?;
            }
        }
        let held_out = &data.target.validation;
        let samples = &held_out.as_ref().unwrap_or(&data.target.test).samples;
        let own;
        let target = match held_out {
            None => tested,
            Some(_) => {
                let rows: Vec<usize> = (0..samples.rows()).collect();
                let role = DomainRole::Target;
                own = predict(predictor, &**samples, &rows, role, device)?;
                &own
            }
        };
        let mixed = Mixing { predictor: RefCell::new(predictor), samples: &**samples, device };
        let targets = RowTargets::from(source.labels.clone());
        let judged = objective
            .evaluate(&source.outputs, &targets)
            .map_err(|source| EngineError::Method { method: "validators".to_owned(), source })?;
        let primary = objective.metrics().primary().name.clone();
        let name = format!("{SOURCE_VALIDATION_PREFIX}{primary}");
        let mut measurements: Vec<Measurement> =
            judged.metric(&primary).map(|value| (name, value)).into_iter().collect();
        for (name, validator) in &self.validators {
            let view = ValidationView {
                classes: objective.outputs(data.classes.len()),
                source: &source,
                source_training: &source_training,
                target,
                mixed: &mixed,
                key: self.key.named(name),
            };
            let score = match validator.score(&view) {
                Ok(score) => score,
                Err(ValidationError::Undefined(reason)) => {
                    tracing::info!(validator = name, reason, "undefined for this checkpoint");
                    f64::NAN
                }
                Err(ValidationError::Data(error)) => return Err(error.into()),
            };
            measurements.push((format!("{SCORE_PREFIX}{name}"), score));
        }
        Ok(measurements)
    }
}

/// Predicts mixtures of the target samples that validators see.
struct Mixing<'a> {
    predictor: RefCell<&'a mut dyn Predictor>,
    samples: &'a dyn SampleSource,
    device: &'a Device,
}

/// Mixtures of one forward pass.
const PAIRS: usize = 256;

impl MixedPredictions for Mixing<'_> {
    fn mixed_logits(&self, pairs: &[(usize, usize)], weight: f32) -> Result<Matrix, DataError> {
        let shape = self.samples.shape();
        let mut logits = Matrix::default();
        for chunk in pairs.chunks(PAIRS) {
            let rows = |of: fn(&(usize, usize)) -> usize| chunk.iter().map(of).collect::<Vec<_>>();
            let read = |rows: &[usize]| self.samples.values(rows, SampleView::Plain)?.into_dense();
            let mut values = read(&rows(|pair| pair.0))?;
            let others = read(&rows(|pair| pair.1))?;
            for (value, other) in values.iter_mut().zip(others) {
                *value = weight * *value + (1.0 - weight) * other;
            }
            let input = Input::from_values(values, chunk.len(), shape, self.device);
            let mut predictor = self.predictor.borrow_mut();
            logits.append(predict_input(&mut **predictor, input, DomainRole::Target).logits);
        }
        Ok(logits)
    }
}
