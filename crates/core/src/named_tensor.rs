//! Tensors by name, as records and checkpoints hold them.

use burn::tensor::{Tensor, TensorData};

use crate::error::MethodError;

/// One tensor of a network's state.
#[derive(Clone, Debug)]
pub struct NamedTensor {
    /// Where it lives in the network, e.g. `layers.0.weight`.
    pub path: String,
    /// Its values, row-major: `f32` of networks; states of methods may be of other types.
    pub data: TensorData,
}

impl NamedTensor {
    /// The values of a tensor under a name.
    pub fn of<const D: usize>(path: &str, tensor: &Tensor<D>) -> Self {
        Self { path: path.to_owned(), data: tensor.to_data() }
    }

    /// The same tensor as one of `owner`.
    pub fn below(self, owner: &str) -> Self {
        Self { path: format!("{owner}.{}", self.path), ..self }
    }
}

/// Copies the values of one tensor of a method's state into `own`.
///
/// # Errors
/// If there is no tensor of this name, or it has another number of values.
pub fn copy_values(state: &[NamedTensor], path: &str, own: &mut [f32]) -> Result<(), MethodError> {
    let found = state.iter().find(|tensor| tensor.path == path);
    match found.and_then(|tensor| tensor.data.as_slice::<f32>().ok()) {
        Some(values) if values.len() == own.len() => {
            own.copy_from_slice(values);
            Ok(())
        }
        _ => Err(MethodError::Checkpoint(format!("it holds no `{path}` of {} values", own.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_others_are_refused() {
        let data = TensorData::new(vec![1.0_f32, 2.0], [2]);
        let state = [NamedTensor { path: "weights".to_owned(), data }];
        let mut own = [0.0; 2];
        copy_values(&state, "weights", &mut own).unwrap();
        assert_eq!(own, [1.0, 2.0]);
        let error = copy_values(&state, "weights", &mut [0.0; 3]).unwrap_err().to_string();
        assert!(error.contains("it holds no `weights` of 3 values"), "{error}");
        let error = copy_values(&state, "labels", &mut own).unwrap_err().to_string();
        assert!(error.contains("no `labels`"), "{error}");
    }
}
