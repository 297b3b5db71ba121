//! Scaling of columns: what is fitted is a shift and a divisor for each.

use burn::tensor::TensorData;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{FittedValues, VectorMap, Vectors};

/// Subtracts a value of each column's own and divides by another.
pub(crate) struct ColumnScaling {
    shift: Vec<f32>,
    divisor: Vec<f32>,
}

impl ColumnScaling {
    /// What is fitted, under the names of both; a divisor of 0 becomes 1, so that what does not vary
    /// stays finite.
    pub fn values(names: [&str; 2], shift: Vec<f64>, divisor: Vec<f64>) -> FittedValues {
        let divisor = divisor.into_iter().map(|value| if value > 0.0 { value } else { 1.0 });
        let tensor = |values: Vec<f32>| {
            let size = values.len();
            TensorData::new(values, [size])
        };
        let shift = tensor(shift.into_iter().map(|value| value as f32).collect());
        let divisor = tensor(divisor.map(|value| value as f32).collect());
        [(names[0].to_owned(), shift), (names[1].to_owned(), divisor)].into()
    }

    /// The scaling that was fitted.
    ///
    /// # Errors
    /// If a value is missing.
    pub fn of(names: [&str; 2], fitted: &FittedValues) -> Result<Self, DataError> {
        let [shift, divisor] = names.map(|name| fitted_values(fitted, name));
        Ok(Self { shift: shift?.to_vec(), divisor: divisor?.to_vec() })
    }
}

impl VectorMap for ColumnScaling {
    fn apply(&self, mut vectors: Vectors) -> Result<Vectors, DataError> {
        check_size(vectors.size, self.shift.len())?;
        for vector in vectors.values.chunks_exact_mut(vectors.size.max(1)) {
            for ((value, shift), divisor) in vector.iter_mut().zip(&self.shift).zip(&self.divisor) {
                *value = (*value - shift) / divisor;
            }
        }
        Ok(vectors)
    }
}

/// The 32-bit values of a name.
///
/// # Errors
/// If there are none.
pub(crate) fn fitted_values<'a>(
    fitted: &'a FittedValues,
    name: &str,
) -> Result<&'a [f32], DataError> {
    let values = fitted.get(name).and_then(|data| data.as_slice::<f32>().ok());
    values.ok_or_else(|| {
        DataError::Mismatch(format!(
            "no `{name}` was fitted to this domain: the record is not whole"
        ))
    })
}

/// Refuses vectors of another size than those that were fitted to.
pub(crate) fn check_size(found: usize, fitted: usize) -> Result<(), DataError> {
    if found == fitted {
        return Ok(());
    }
    Err(DataError::Mismatch(format!(
        "it was fitted to vectors of {fitted} values, these have {found}"
    )))
}
