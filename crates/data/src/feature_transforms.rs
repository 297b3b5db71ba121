//! The feature transforms of a run: fitted on the training samples of its task, applied to all.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::TensorData;
use isthmus_core::context::DomainRole;
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{
    FeatureTransform, FittedDomains, FittedValues, VectorMap, Vectors,
};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::registry::{FeatureTransformKind, builder};
use isthmus_core::spec::PluginSpec;

use crate::sample_vectors::SampleVectors;

/// Transforms with what they fitted to the domains of a task.
pub struct FittedTransforms {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    transform: Box<dyn FeatureTransform>,
    fitted: FittedDomains,
}

impl FittedTransforms {
    /// Fits each transform on what those before it make of the training samples of a task.
    ///
    /// # Errors
    /// If a transform is not linked into this program or cannot be fitted to such samples, or a
    /// sample cannot be read.
    pub fn fit(
        specs: &[PluginSpec],
        sources: &[Domain],
        target: &Domain,
    ) -> Result<Self, DataError> {
        let read = |domain: &Domain| -> Result<Vectors, DataError> {
            Ok(SampleVectors::read(&*domain.train.samples)?.vectors)
        };
        let mut of_sources = sources.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut of_target = read(target)?;
        let mut steps = Vec::new();
        for spec in specs {
            let transform = build(spec)?;
            let named = |error| of_step(&spec.name, error);
            let fitted = transform.fit(&of_sources, &of_target).map_err(named)?;
            let apply = |vectors: Vectors, values: &FittedValues| {
                transform.map(values).and_then(|map| map.apply(vectors)).map_err(named)
            };
            of_sources = of_sources
                .into_iter()
                .zip(&fitted.sources)
                .map(|(vectors, values)| apply(vectors, values))
                .collect::<Result<_, _>>()?;
            of_target = apply(of_target, &fitted.target)?;
            steps.push(Step { name: spec.name.clone(), transform, fitted });
        }
        Ok(Self { steps })
    }

    /// What was fitted, as a record holds it: `0.z-score.target.mean` is of the first transform.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let mut tensors = Vec::new();
        for (position, step) in self.steps.iter().enumerate() {
            let sources = step.fitted.sources.iter().enumerate();
            let roles = sources.map(|(index, values)| (DomainRole::Source(index), values));
            for (role, values) in roles.chain([(DomainRole::Target, &step.fitted.target)]) {
                let before = prefix(position, &step.name, role);
                tensors.extend(values.iter().map(|(name, data)| NamedTensor {
                    path: format!("{before}{name}"),
                    data: data.clone(),
                }));
            }
        }
        tensors
    }

    /// What a record holds, as [`tensors`](Self::tensors) gave it.
    ///
    /// # Errors
    /// If a transform is not linked into this program.
    pub fn of_record(
        specs: &[PluginSpec],
        sources: usize,
        tensors: &BTreeMap<String, TensorData>,
    ) -> Result<Self, DataError> {
        let step = |(position, spec): (usize, &PluginSpec)| {
            let of = |role| -> FittedValues {
                let before = prefix(position, &spec.name, role);
                let own = tensors.iter().filter_map(|(path, data)| {
                    Some((path.strip_prefix(&before)?.to_owned(), data.clone()))
                });
                own.collect()
            };
            let fitted = FittedDomains {
                sources: (0..sources).map(|index| of(DomainRole::Source(index))).collect(),
                target: of(DomainRole::Target),
            };
            Ok(Step { name: spec.name.clone(), transform: build(spec)?, fitted })
        };
        let steps = specs.iter().enumerate().map(step).collect::<Result<_, DataError>>()?;
        Ok(Self { steps })
    }

    /// Samples of a domain, changed.
    ///
    /// # Errors
    /// If a value cannot be changed, or the samples are of another shape than those fitted to.
    pub fn apply(
        &self,
        role: DomainRole,
        source: &LabelledSource,
    ) -> Result<LabelledSource, DataError> {
        if self.steps.is_empty() {
            return Ok(source.clone());
        }
        let mut read = SampleVectors::read(&*source.samples)?;
        for step in &self.steps {
            let map = step.map(role).map_err(|error| of_step(&step.name, error))?;
            let applied = map.apply(read.vectors).map_err(|error| of_step(&step.name, error))?;
            read.vectors = applied;
        }
        let samples: Arc<dyn SampleSource> = read.source(Arc::clone(&source.samples));
        Ok(LabelledSource { samples, targets: source.targets.clone() })
    }
}

impl Step {
    fn map(&self, role: DomainRole) -> Result<Box<dyn VectorMap>, DataError> {
        let fitted = match role {
            DomainRole::Source(index) => self.fitted.sources.get(index),
            DomainRole::Target => Some(&self.fitted.target),
        };
        let fitted = fitted.ok_or_else(|| {
            DataError::Mismatch(format!("nothing was fitted to the domain {role:?}"))
        })?;
        self.transform.map(fitted)
    }
}

fn build(spec: &PluginSpec) -> Result<Box<dyn FeatureTransform>, DataError> {
    let build = builder::<FeatureTransformKind>(&spec.name)
        .map_err(|error| DataError::Mismatch(format!("feature_transforms: {error}")))?;
    Ok(build(&spec.config))
}

fn prefix(position: usize, name: &str, role: DomainRole) -> String {
    match role {
        DomainRole::Source(index) => format!("{position}.{name}.source-{index}."),
        DomainRole::Target => format!("{position}.{name}.target."),
    }
}

fn of_step(name: &str, error: DataError) -> DataError {
    DataError::Mismatch(format!("feature transform `{name}`: {error}"))
}
