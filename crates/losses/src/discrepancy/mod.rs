//! Distances between the feature distributions of two domains.

mod cmd;
mod contrastive;
mod coral;
mod distances;
mod gaussian;
mod graph_spectral;
mod homm;
mod jmmd;
mod lmmd;
mod median_distance;
mod mk_mmd;
mod mmd_linear;
mod mmd_rbf;
mod moments;
mod pairs;
mod sliced_wasserstein;
mod transport;

pub use cmd::cmd;
pub use contrastive::{ContrastiveDiscrepancy, cdd};
pub use coral::{coral, coral_mean_term};
pub use gaussian::Kernel;
pub use graph_spectral::{Laplacian, graph_spectral_alignment};
pub use homm::homm;
pub use jmmd::{JAN_LOGIT_SIGMA, JointLayer, jmmd, jmmd_linear};
pub use lmmd::lmmd;
pub use median_distance::median_distance;
pub use mk_mmd::{DAN_WIDTHS, mk_mmd_linear, mk_mmd_offset, mk_mmd_quadratic};
pub use mmd_linear::{mmd_linear, mmd_linear_unbiased};
pub use mmd_rbf::{mmd_rbf_biased, mmd_rbf_unbiased};
pub use moments::moment_distance;
pub use sliced_wasserstein::sliced_wasserstein;
pub use transport::{
    EntropicPlan, HostMatrix, Sinkhorn, entropic_transport, exact_plan, fused_gromov_wasserstein,
    graph_edge_cost, graph_matching_plan, joint_costs, joint_transport, mean_squared_distance,
    sinkhorn_divergence, sinkhorn_plan, transport_cost, wasserstein,
};
