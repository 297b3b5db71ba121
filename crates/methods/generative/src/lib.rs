//! Methods that map domains onto each other in the space of images: a network translates source
//! images into the target's style, and the classifier learns from the translated ones.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cycada;
mod direction;
mod image_discriminator;
mod images;
mod pixel_da;
#[cfg(test)]
mod testing;
mod translator;
