//! Operations on 8-bit images, most as Pillow defines them, and on their channels in numbers.

mod color;
mod fractal;
mod geometry;
mod kernel;
mod plane;

pub(crate) use color::{
    autocontrast, brightness, color, contrast, equalize, luma, posterize, sharpness, solarize,
};
pub(crate) use fractal::{plasma, ridges};
pub(crate) use geometry::{rotate, shear_x, shear_y, translate};
pub(crate) use kernel::Kernel;
pub(crate) use plane::{Plane, WHITE, between, byte, change_channels, gaussian};
