//! Who is told of work besides the steps of jobs.

use crate::watch::Watch;

/// Shows what goes on before and between jobs.
pub trait Progress {
    /// A line of text.
    fn line(&self, text: &str);

    /// A bar for `total` units of work.
    fn bar(&self, label: &str, unit: &str, total: usize) -> Box<dyn Bar>;
}

/// Shows how far a piece of work is.
pub trait Bar: Watch + Send + Sync {
    /// The work is done.
    fn finish(&self);
}
