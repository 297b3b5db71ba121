//! Statistics that tables state: summaries, ranks, correlations, and tests of paired differences.

mod correlation;
mod holm;
mod ranks;
mod summary;
mod t_test;
mod wilcoxon;

pub use correlation::{spearman, weighted_spearman};
pub use holm::holm;
pub use ranks::average_ranks;
pub use summary::Summary;
pub(crate) use summary::mean;
pub use t_test::paired_t;
pub use wilcoxon::{PValueForm, Wilcoxon, wilcoxon_signed_rank};
