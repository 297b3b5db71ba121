//! The loss terms of a stage.

use std::collections::BTreeMap;

use crate::context::Grouping;
use crate::error::MethodError;
use crate::method::{Method, Term};
use crate::model::Model;
use crate::named_tensor::NamedTensor;
use crate::predictor::Predictor;
use crate::stage::Stage;
use crate::updater::Part;

/// One term of a stage.
pub struct WeightedTerm {
    /// Its label, unique within the stage.
    pub label: String,
    /// Factor of the term in the sum.
    pub weight: f64,
    /// The term.
    pub term: Box<dyn Term>,
}

/// All terms of a stage, in the order of the experiment file.
#[derive(Default)]
pub struct Terms {
    /// The terms.
    pub list: Vec<WeightedTerm>,
}

impl Terms {
    /// Begins all terms.
    ///
    /// # Errors
    /// If a term cannot start.
    pub fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        self.list.iter_mut().try_for_each(|weighted| weighted.term.begin(stage))
    }
}

impl Method for Terms {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for WeightedTerm { label, term, .. } in &mut self.list {
            parts.extend(term.networks().into_iter().map(|part| part.below(label)));
        }
        parts
    }

    fn state(&self) -> Vec<NamedTensor> {
        self.list
            .iter()
            .flat_map(|weighted| {
                let below = |tensor: NamedTensor| tensor.below(&weighted.label);
                weighted.term.state().into_iter().map(below)
            })
            .collect()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        let mut states: BTreeMap<String, Vec<NamedTensor>> = BTreeMap::new();
        for tensor in state {
            let owner = self.list.iter().find_map(|weighted| {
                let path = tensor.path.strip_prefix(&weighted.label)?.strip_prefix('.')?;
                Some((weighted.label.clone(), path.to_owned()))
            });
            let Some((label, path)) = owner else {
                return Err(MethodError::Checkpoint(format!(
                    "it holds `{}`, which no term of this stage keeps",
                    tensor.path
                )));
            };
            states.entry(label).or_default().push(NamedTensor { path, data: tensor.data });
        }
        for weighted in &mut self.list {
            weighted.term.load_state(states.remove(&weighted.label).unwrap_or_default())?;
        }
        Ok(())
    }

    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        self.list.iter_mut().find_map(|weighted| weighted.term.predictor(model, grouping))
    }
}
