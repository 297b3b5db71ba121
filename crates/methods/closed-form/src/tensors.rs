//! Matrices as the named tensors of a record, and back.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_linear::Rows;

/// A matrix under a path.
pub(crate) fn matrix(path: &str, rows: &Rows) -> NamedTensor {
    let values = rows.values().iter().map(|&value| value as f32).collect();
    let data = TensorData::new::<f32, _>(values, [rows.count(), rows.columns()]);
    NamedTensor { path: path.to_owned(), data }
}

/// A vector under a path.
pub(crate) fn vector(path: &str, values: impl IntoIterator<Item = f64>) -> NamedTensor {
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    let shape = [values.len()];
    NamedTensor { path: path.to_owned(), data: TensorData::new::<f32, _>(values, shape) }
}

/// Tensors of a record by path.
pub(crate) struct Found<'a>(pub(crate) &'a BTreeMap<String, TensorData>);

impl Found<'_> {
    fn find(&self, path: &str) -> Result<&TensorData, NetworkError> {
        self.0.get(path).ok_or_else(|| NetworkError::MissingTensor {
            path: path.to_owned(),
            present: self.0.keys().cloned().collect(),
        })
    }

    /// Whether there is a tensor of this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// A matrix of any number of rows; of `columns` columns, where these are known.
    pub(crate) fn matrix(&self, path: &str, columns: Option<usize>) -> Result<Rows, NetworkError> {
        let data = self.find(path)?;
        match *data.shape().as_slice() {
            [_, found] if found > 0 && columns.is_none_or(|columns| columns == found) => {
                Ok(Rows::new(found, data.iter::<f64>().collect()))
            }
            ref found => Err(NetworkError::Shape {
                path: path.to_owned(),
                expected: vec![found.first().copied().unwrap_or(1), columns.unwrap_or(1)],
                found: found.to_vec(),
            }),
        }
    }

    /// A vector of `length` class numbers below `classes`.
    pub(crate) fn classes(
        &self,
        path: &str,
        length: usize,
        classes: usize,
    ) -> Result<Vec<usize>, NetworkError> {
        let found = self.vector(path, length)?;
        match found.iter().find(|class| !(0.0..classes as f64).contains(*class)) {
            None => Ok(found.into_iter().map(|class| class as usize).collect()),
            Some(class) => Err(NetworkError::Weights(format!(
                "`{path}` holds class {class}, there are {classes} classes"
            ))),
        }
    }

    /// A vector of `length` values.
    pub(crate) fn vector(&self, path: &str, length: usize) -> Result<Vec<f64>, NetworkError> {
        let data = self.find(path)?;
        match *data.shape().as_slice() {
            [found] if found == length => Ok(data.iter::<f64>().collect()),
            ref found => Err(NetworkError::Shape {
                path: path.to_owned(),
                expected: vec![length],
                found: found.to_vec(),
            }),
        }
    }
}

/// The tensors below `owner`, by their paths in it.
pub(crate) fn below(
    tensors: &BTreeMap<String, TensorData>,
    owner: &str,
) -> BTreeMap<String, TensorData> {
    let own = |(path, data): (&String, &TensorData)| {
        let path = path.strip_prefix(owner)?.strip_prefix('.')?;
        Some((path.to_owned(), data.clone()))
    };
    tensors.iter().filter_map(own).collect()
}
