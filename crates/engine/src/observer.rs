//! Who watches a job: the record, the progress bar.

use isthmus_core::method::Measurement;

use crate::error::EngineError;

/// Told what happens in a job.
pub trait Observer {
    /// A stage starts.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn stage_started(&mut self, stage: usize, total_steps: usize) -> Result<(), EngineError>;

    /// A step is done. `measurements` is empty unless the step was measured.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn step_done(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError>;

    /// The model was evaluated after `step` steps.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn evaluated(
        &mut self,
        stage: usize,
        step: usize,
        measurements: &[Measurement],
    ) -> Result<(), EngineError>;
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn stage_started(&mut self, _stage: usize, _total_steps: usize) -> Result<(), EngineError> {
        Ok(())
    }

    fn step_done(
        &mut self,
        _stage: usize,
        _step: usize,
        _measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        Ok(())
    }

    fn evaluated(
        &mut self,
        _stage: usize,
        _step: usize,
        _measurements: &[Measurement],
    ) -> Result<(), EngineError> {
        Ok(())
    }
}
