//! Published names of tensors.

use isthmus_layers::UnitNames;

use crate::weights::Named;

/// The published name of the tensor at a path of a network made of units, given the names of the
/// unit at a path. All running statistics start from the published ones.
pub(crate) fn of_tensor(path: &str, unit: &dyn Fn(&str) -> Option<UnitNames>) -> Named {
    let named = |below: &str| {
        let (at, tensor) = path.split_once(below)?;
        Some((unit(at)?, tensor))
    };
    if let Some((names, tensor)) = named(".convolution.") {
        return Named::File(format!("{}.{tensor}", names.convolution));
    }
    let Some((names, tensor)) = named(".norm.") else { return Named::Own };
    let norm = names.norm;
    match tensor.rsplit('.').next() {
        Some("mean") => Named::File(format!("{norm}.running_mean")),
        Some("variance") => Named::File(format!("{norm}.running_var")),
        Some(name @ ("weight" | "bias")) => Named::File(format!("{norm}.{name}")),
        _ => Named::Own,
    }
}
