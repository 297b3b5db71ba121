//! Learning-rate schedules: pure functions of the step.

mod constant;
mod cosine;
mod inverse_decay;
mod step;

pub use constant::Constant;
pub use cosine::{Cosine, DecayShape};
pub use inverse_decay::{DecayOver, InverseDecay};
pub use step::StepDecay;
