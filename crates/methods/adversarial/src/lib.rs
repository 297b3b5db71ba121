//! Methods that align domains against an adversary.
//!
//! - [`Adda`]: an encoder of the target's own, against a discriminator.
//! - [`Afn`]: features of the same large norm in both domains.
//! - [`Ba3us`]: as `Pada`, where source rows stand in for what the target lacks.
//! - [`Bsp`]: a penalty that keeps classes apart where a discriminator aligns features.
//! - [`Cdan`]: a discriminator of features and predictions together.
//! - [`Dann`]: a discriminator behind a gradient reversal.
//! - [`DomainConfusion`]: features that leave a discriminator undecided.
//! - [`Gvb`]: bridges between domains that vanish as training goes on.
//! - [`Iwan`]: as `Dann`, where source rows weigh by how much they look like the target's.
//! - [`Mcd`]: two classifiers that disagree where the target is unlike the source.
//! - [`Mdd`]: a classifier that disagrees on the target as far as a margin allows.
//! - [`Osbp`]: a boundary that target samples of unknown classes are moved across.
//! - [`Pada`]: as `Dann`, where the target lacks classes of the source.
//! - [`Uan`]: as `Dann`, where both domains may have classes that the other lacks.
//! - [`Wdgrl`]: a critic that estimates the Wasserstein distance.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adda;
mod adversary;
mod afn;
mod ba3us;
mod both_classifiers;
mod bsp;
mod cdan;
mod class_weights;
mod dann;
mod domain_classifier;
mod domain_confusion;
mod gvb;
mod iwan;
mod mcd;
mod mdd;
mod measure;
mod osbp;
mod pada;
mod reversal;
mod uan;
mod wdgrl;

pub use adda::{Adda, EncoderLoss};
pub use afn::{Afn, NormForm};
pub use ba3us::Ba3us;
pub use bsp::Bsp;
pub use cdan::{Cdan, ConditionalMap};
pub use dann::{Dann, DomainObjective};
pub use domain_confusion::DomainConfusion;
pub use gvb::Gvb;
pub use iwan::Iwan;
pub use mcd::Mcd;
pub use mdd::Mdd;
pub use osbp::Osbp;
pub use pada::Pada;
pub use reversal::{Reversal, ReversalSchedule};
pub use uan::Uan;
pub use wdgrl::Wdgrl;
