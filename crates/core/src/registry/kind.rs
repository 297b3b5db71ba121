//! The kinds of plugin.

use serde::{Deserialize, Serialize};

/// The kinds of plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Reads a domain's files.
    Reader,
    /// Turns inputs into features.
    Extractor,
    /// Brings features to the size that is aligned.
    Bottleneck,
    /// Turns features into class scores.
    Classifier,
    /// Tells domains apart.
    Discriminator,
    /// Classifies features without gradients, for methods that fit once.
    ShallowClassifier,
    /// Adapts a model.
    Method,
    /// The loss on labelled rows, and how predictions are judged.
    Objective,
    /// Changes parameters by gradients.
    Optimizer,
    /// Changes the learning rate over the steps.
    Schedule,
    /// Scores a model without target labels.
    Validator,
    /// Starts the runs of an experiment.
    Launcher,
    /// Changes samples at random while a model is trained.
    Augmentation,
    /// Makes another domain of samples.
    Corruption,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 14] = [
        Self::Method,
        Self::Extractor,
        Self::Bottleneck,
        Self::Classifier,
        Self::Discriminator,
        Self::ShallowClassifier,
        Self::Objective,
        Self::Optimizer,
        Self::Schedule,
        Self::Validator,
        Self::Reader,
        Self::Augmentation,
        Self::Corruption,
        Self::Launcher,
    ];

    /// The kind's name in the singular, as users write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Extractor => "extractor",
            Self::Bottleneck => "bottleneck",
            Self::Classifier => "classifier",
            Self::Discriminator => "discriminator",
            Self::ShallowClassifier => "shallow-classifier",
            Self::Method => "method",
            Self::Objective => "objective",
            Self::Optimizer => "optimizer",
            Self::Schedule => "schedule",
            Self::Validator => "validator",
            Self::Launcher => "launcher",
            Self::Augmentation => "augmentation",
            Self::Corruption => "corruption",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
