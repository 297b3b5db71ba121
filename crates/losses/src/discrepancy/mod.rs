//! Distances between the feature distributions of two domains.

mod coral;
mod gaussian;
mod homm;
mod jmmd;
mod mk_mmd;
mod mmd_rbf;
mod pairs;
mod sliced_wasserstein;

pub use coral::{coral, coral_mean_term};
pub use gaussian::Kernel;
pub use homm::homm3;
pub use jmmd::{JAN_LOGIT_SIGMA, JointLayer, jmmd, jmmd_linear};
pub use mk_mmd::{DAN_WIDTHS, mk_mmd_linear, mk_mmd_offset, mk_mmd_quadratic};
pub use mmd_rbf::{mmd_rbf_biased, mmd_rbf_unbiased};
pub use sliced_wasserstein::sliced_wasserstein;
