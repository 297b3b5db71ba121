//! Who watches a job: the record, the progress bar.

use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::metric::Measurement;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;

use crate::error::EngineError;

/// What a job does after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Goes on.
    Continue,
    /// Hands over a checkpoint and goes on.
    Save,
    /// Hands over a checkpoint and ends with [`EngineError::Interrupted`].
    Stop,
}

/// Told what happens in a job. What is not of interest may be left as it is here.
pub trait Observer {
    /// A stage starts.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn stage_started(&mut self, stage: usize, total_steps: usize) -> Result<(), EngineError> {
        let _ = (stage, total_steps);
        Ok(())
    }

    /// A stage is at its beginning; `model` gives the model as it finds it, off the tape. Not
    /// called where a stage is taken up in its midst.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn stage_entered(
        &mut self,
        stage: usize,
        model: &mut dyn FnMut() -> Model,
    ) -> Result<(), EngineError> {
        let _ = (stage, model);
        Ok(())
    }

    /// A step is done. `measurements` is empty unless the step was measured.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn step_done(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        let _ = (stage, step, measurements);
        Ok(())
    }

    /// The model was evaluated after `step` steps; `model` gives its tensors.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn evaluated(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
        model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        let _ = (stage, step, measurements, model);
        Ok(())
    }

    /// A stage ended; `model` gives the tensors that it leaves.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn stage_finished(
        &mut self,
        stage: usize,
        model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        let _ = (stage, model);
        Ok(())
    }

    /// Asked after every step but the last of a stage.
    fn next(&mut self) -> Next {
        Next::Continue
    }

    /// Handed over after [`Next::Save`] and [`Next::Stop`].
    ///
    /// # Errors
    /// If it cannot be kept.
    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), EngineError> {
        let _ = checkpoint;
        Ok(())
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
