//! Features of source and target in the plane, before and after adaptation.

mod distances;
mod draw;
mod samples;
#[cfg(test)]
mod tests;

pub(super) use draw::draw;
pub(crate) use samples::keeps_features;
