//! The training method that loss terms make up together.

use std::collections::BTreeMap;

use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::error::MethodError;
use isthmus_core::method::{StepReport, Term, TrainingMethod, View};
use isthmus_core::network::NamedTensor;
use isthmus_core::optimizer::is_host;
use isthmus_core::stage::Stage;
use isthmus_core::updater::Part;
use isthmus_losses::classification::cross_entropy_smoothed;

/// Cross-entropy on the source plus any number of weighted terms, from one joint forward of
/// source and target rows (so that batch norm sees both, as in the peers' recipes).
pub struct Composed {
    terms: Vec<WeightedTerm>,
    label_smoothing: f64,
}

/// One term of a [`Composed`] method.
pub(crate) struct WeightedTerm {
    /// Name of the plugin; unique within a stage.
    pub(crate) name: String,
    /// Factor of the term.
    pub(crate) weight: f64,
    /// The term.
    pub(crate) term: Box<dyn Term>,
}

impl Composed {
    pub(crate) fn new(terms: Vec<WeightedTerm>, label_smoothing: f64) -> Self {
        Self { terms, label_smoothing }
    }
}

impl TrainingMethod for Composed {
    fn step(
        &mut self,
        stage: &mut Stage<'_>,
        step: usize,
        measure: bool,
    ) -> Result<StepReport, MethodError> {
        let source = stage.data.source_batch(step, &stage.device)?;
        let target = stage.data.target_batch(step, &stage.device)?;
        let labels = source.label_tensor(&stage.device);
        let (source_rows, target_rows) = (source.input.rows(), target.input.rows());
        let mut segments = source.segments;
        segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        let context = stage.training_context(segments.clone(), step);
        let (features, logits) =
            stage.model.forward(source.input.concatenate(target.input), &context);

        let source_logits = logits.clone().narrow(0, 0, source_rows);
        let class_loss =
            cross_entropy_smoothed(source_logits, labels.clone(), self.label_smoothing);
        let mut report = StepReport::default();
        if measure {
            report
                .measurements
                .push(("class_loss".to_owned(), class_loss.clone().into_scalar::<f64>()));
        }
        let mut loss = class_loss;
        for weighted in &mut self.terms {
            let view = View {
                features: &features,
                logits: &logits,
                source_labels: &labels,
                segments: &segments,
                source_rows,
                target_rows,
                step,
                total_steps: stage.total_steps,
                key: stage.key.named(&weighted.name).at(step as u64),
                measure,
            };
            let term = weighted.term.loss(&view)?;
            if measure {
                let name = &weighted.name;
                let value = term.loss.clone().into_scalar::<f64>();
                report.measurements.push((format!("{name}/loss"), value));
                report.measurements.extend(
                    term.measurements
                        .into_iter()
                        .map(|(what, value)| (format!("{name}/{what}"), value)),
                );
            }
            loss = loss
                + if weighted.weight == 1.0 {
                    term.loss
                } else {
                    term.loss.mul_scalar(weighted.weight)
                };
        }
        // On the host the check costs nothing; elsewhere it would wait for the device each step.
        if measure || is_host(&stage.device) {
            let value = loss.clone().into_scalar::<f64>();
            if !value.is_finite() {
                return Err(MethodError::Diverged { quantity: "the loss".to_owned(), value, step });
            }
        }
        drop((features, logits));
        stage.update(step, &loss, self.networks());
        Ok(report)
    }

    fn networks(&mut self) -> Vec<Part<'_>> {
        self.terms
            .iter_mut()
            .flat_map(|weighted| {
                let prefix = weighted.name.clone();
                weighted
                    .term
                    .networks()
                    .into_iter()
                    .map(move |part| Part { name: format!("{prefix}.{}", part.name), ..part })
            })
            .collect()
    }
    fn state(&self) -> Vec<NamedTensor> {
        self.terms
            .iter()
            .flat_map(|weighted| {
                weighted.term.state().into_iter().map(|tensor| NamedTensor {
                    path: format!("{}.{}", weighted.name, tensor.path),
                    data: tensor.data,
                })
            })
            .collect()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        let mut states: BTreeMap<&str, Vec<NamedTensor>> = BTreeMap::new();
        for tensor in state {
            let owner = self.terms.iter().find_map(|weighted| {
                let path = tensor.path.strip_prefix(&weighted.name)?.strip_prefix('.')?;
                Some((weighted.name.as_str(), path.to_owned()))
            });
            let Some((name, path)) = owner else {
                return Err(MethodError::Unsuitable(format!(
                    "the checkpoint holds `{}`, which no term of this stage keeps",
                    tensor.path
                )));
            };
            states.entry(name).or_default().push(NamedTensor { path, data: tensor.data });
        }
        let mut states: BTreeMap<String, Vec<NamedTensor>> =
            states.into_iter().map(|(name, state)| (name.to_owned(), state)).collect();
        for weighted in &mut self.terms {
            weighted.term.load_state(states.remove(&weighted.name).unwrap_or_default())?;
        }
        Ok(())
    }
}
