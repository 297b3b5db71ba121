//! A checked experiment: what the reader of experiment files makes, and what everything else works
//! with.

mod experiment;
mod plugin;
mod task;
mod transform;
mod weights_from;

pub use experiment::{
    Align, ClassSets, DataSpec, Experiment, ExtractorSpec, GroupSpec, Job, KeptModels, MethodSpec,
    Protocol, RecordSpec, SelectionSpec, StageSpec, TrainingSpec, ViewsSpec,
};
pub use plugin::PluginSpec;
pub use task::{CorruptionSpec, Shift, StreamOrder, Task};
pub use transform::{Interpolation, LogMel, Transform};
pub use weights_from::{LAST, LabelledDomain, WeightsFrom};
