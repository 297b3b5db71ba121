//! Where a job is: everything that the rest of it depends on.

use crate::named_tensor::NamedTensor;

/// A job between two steps. Randomness is not in it: every draw is named by its place.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The stage, from 0.
    pub stage: usize,
    /// Steps done in this stage. With 0, the stage has not begun, and the model is all there is.
    pub step: usize,
    /// The model, the networks and the state of the method, the state of the optimizer.
    pub tensors: Vec<NamedTensor>,
}
