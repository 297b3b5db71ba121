//! Who is told how far a run is.

use isthmus_core::metric::Measurement;

/// Told how far a run is.
pub trait Watch {
    /// So many steps are done, of all stages together.
    fn at(&self, step: usize);

    /// What was measured last, in a few words.
    fn message(&self, text: String);

    /// An evaluation after so many steps, of all stages together.
    fn evaluated(&self, step: usize, metrics: &[Measurement]) {
        let _ = (step, metrics);
    }
}
