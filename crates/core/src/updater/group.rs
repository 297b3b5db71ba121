//! Which parameters are updated alike, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::optimizer::{Optimizer, Schedule};
use crate::parameter::{Parameter, ParameterSet};

/// Factors by which the learning rate of each part is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningRateFactors {
    /// Factor of the extractor. A pretrained backbone usually gets 0.1, one trained from scratch 1.
    #[schemars(range(min = 0.0))]
    pub extractor: f64,
    /// Factor of the bottleneck.
    #[schemars(range(min = 0.0))]
    pub bottleneck: f64,
    /// Factor of the classifier.
    #[schemars(range(min = 0.0))]
    pub classifier: f64,
    /// Factor of discriminators and critics.
    #[schemars(range(min = 0.0))]
    pub discriminator: f64,
    /// Factor of other networks that a method owns, such as a decoder.
    #[schemars(range(min = 0.0))]
    pub auxiliary: f64,
}

impl Default for LearningRateFactors {
    fn default() -> Self {
        Self {
            extractor: 1.0,
            bottleneck: 1.0,
            classifier: 1.0,
            discriminator: 1.0,
            auxiliary: 1.0,
        }
    }
}

impl LearningRateFactors {
    pub(super) fn of(&self, role: Role) -> f64 {
        match role {
            Role::Extractor => self.extractor,
            Role::Bottleneck => self.bottleneck,
            Role::Classifier => self.classifier,
            Role::Discriminator => self.discriminator,
            Role::Auxiliary => self.auxiliary,
        }
    }
}

/// Which parameters a group holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSelector {
    /// Roles of their networks; none: any.
    pub roles: Vec<Role>,
    /// Kinds of parameters; none: any.
    pub parameters: Vec<ParameterSet>,
}

impl GroupSelector {
    pub(super) fn includes(&self, role: Role, parameter: &Parameter<'_>) -> bool {
        (self.roles.is_empty() || self.roles.contains(&role))
            && (self.parameters.is_empty()
                || self.parameters.iter().any(|set| set.includes(parameter)))
    }
}

/// Parameters that are updated alike.
pub struct UpdateGroup {
    /// Which ones; of several groups that hold a parameter the last one counts.
    pub selector: GroupSelector,
    /// Their optimizer, with a state of its own.
    pub optimizer: Box<dyn Optimizer>,
    /// How their learning rate changes over the steps.
    pub schedule: Box<dyn Schedule>,
    /// Their base learning rate.
    pub learning_rate: f64,
}
