//! Operations on 8-bit images, as Pillow defines them.

mod color;
mod geometry;

pub(crate) use color::{
    autocontrast, brightness, color, contrast, equalize, posterize, sharpness, solarize,
};
pub(crate) use geometry::{rotate, shear_x, shear_y, translate};
