//! Published names of tensors.

use crate::weights::Named;

/// The published name of a tensor of a [`ConvolutionNorm`](crate::layers::ConvolutionNorm), given
/// its path below the unit and the published names of the convolution and the normalisation. All
/// running statistics start from the published ones.
pub(crate) fn of_unit(path: &str, convolution: &str, norm: &str) -> Named {
    match path.split_once('.') {
        Some(("convolution", tensor)) => Named::File(format!("{convolution}.{tensor}")),
        Some(("norm", tensor)) => match tensor.rsplit('.').next() {
            Some("mean") => Named::File(format!("{norm}.running_mean")),
            Some("variance") => Named::File(format!("{norm}.running_var")),
            Some(name @ ("weight" | "bias")) => Named::File(format!("{norm}.{name}")),
            _ => Named::Own,
        },
        _ => Named::Own,
    }
}
