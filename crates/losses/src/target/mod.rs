//! Objectives that need predictions on target rows, or further passes of them, only.

mod bnm;
mod centroid_labels;
mod consistency;
mod deep_clustering;
mod entropy;
mod information_maximization;
mod mcc;
mod neighbour_agreement;
mod nt_xent;
mod pseudo_label;
mod spherical_k_means;
mod suta;
mod vat;

pub use bnm::bnm;
pub use centroid_labels::{CentroidLabels, centroid_labels};
pub use consistency::{class_balance_cross_entropy, consistency};
pub use deep_clustering::{clustering_divergence, log_assignments};
pub use entropy::{entropy, entropy_per_sample, entropy_with_epsilon};
pub use information_maximization::{
    entropy_of_mean, information_maximization, information_maximization_with_epsilon,
};
pub use mcc::mcc;
pub use neighbour_agreement::neighbour_agreement;
pub use nt_xent::nt_xent;
pub use pseudo_label::{PseudoLabels, pseudo_label_loss, pseudo_labels};
pub use spherical_k_means::{SphericalClusters, class_directions, spherical_k_means};
pub use suta::{UtteranceLoss, spoken_frames, utterance_loss};
pub use vat::{adversarial_perturbation, divergence};
