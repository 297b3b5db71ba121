//! The files that hold reference numbers.

use crate::ReferenceError;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// One file: a quantity, and cases of it.
#[derive(Clone, Debug, Deserialize)]
pub struct ReferenceFile {
    /// The name of the quantity; the file is `<name>.json`.
    pub name: String,
    /// The code or formula the numbers come from.
    pub source: String,
    /// The formula, its normalisation and what is constant in the gradient.
    pub definition: String,
    /// The error allowed, relative to the largest expected entry of an array.
    pub tolerance: f64,
    /// The error allowed on top.
    pub tolerance_abs: f64,
    /// The cases.
    pub cases: Vec<Case>,
}

impl ReferenceFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is not a reference file.
    pub fn read(path: &Path) -> Result<Self, ReferenceError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ReferenceError::Read { path: path.to_owned(), source })?;
        serde_json::from_str(&text)
            .map_err(|source| ReferenceError::Parse { path: path.to_owned(), source })
    }
}

/// Inputs, parameters, and what has to come out.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// The number of the case within its file.
    pub case: u64,
    /// What is special about the case.
    pub label: Option<String>,
    /// Numbers, switches and names that the definition mentions.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The inputs by name.
    #[serde(default)]
    pub inputs: BTreeMap<String, Array>,
    /// The results by name.
    pub expected: BTreeMap<String, Array>,
    /// Gradients: of the main result under the name of the input, of another result under
    /// `input@result`.
    #[serde(default)]
    pub grad: BTreeMap<String, Array>,
}

impl Case {
    /// An input.
    ///
    /// # Errors
    /// If the case has no input of that name.
    pub fn input(&self, name: &str) -> Result<&Array, ReferenceError> {
        self.inputs.get(name).ok_or_else(|| ReferenceError::MissingInput(name.to_owned()))
    }

    /// An input of integers as a tensor.
    ///
    /// # Errors
    /// If the case has no input of that name and rank.
    pub fn integers<const D: usize>(&self, name: &str) -> Result<Tensor<D, Int>, ReferenceError> {
        let array = self.input(name)?;
        let shape = array.shape_of_rank::<D>()?;
        let data: Vec<i64> = array.data.iter().map(|value| value.round() as i64).collect();
        Ok(Tensor::from_data(TensorData::new(data, shape), &Device::flex()))
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// If the case has no number of that name.
    pub fn number(&self, name: &str) -> Result<f64, ReferenceError> {
        self.parameter(name, "a number", Value::as_f64)
    }

    /// A parameter that is a count.
    ///
    /// # Errors
    /// If the case has no count of that name.
    pub fn count(&self, name: &str) -> Result<usize, ReferenceError> {
        self.parameter(name, "a count", |value| value.as_u64()?.try_into().ok())
    }

    /// A parameter that is a list of numbers.
    ///
    /// # Errors
    /// If the case has no list of numbers of that name.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, ReferenceError> {
        self.parameter(name, "a list of numbers", |value| {
            value.as_array()?.iter().map(Value::as_f64).collect()
        })
    }

    /// A parameter that is true or false.
    ///
    /// # Errors
    /// If the case has no switch of that name.
    pub fn switch(&self, name: &str) -> Result<bool, ReferenceError> {
        self.parameter(name, "true or false", Value::as_bool)
    }

    /// A parameter that is a text.
    ///
    /// # Errors
    /// If the case has no text of that name.
    pub fn text(&self, name: &str) -> Result<&str, ReferenceError> {
        self.parameter(name, "a text", Value::as_str)
    }

    /// A parameter that is a list of texts.
    ///
    /// # Errors
    /// If the case has no list of texts of that name.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>, ReferenceError> {
        self.parameter(name, "a list of texts", |value| {
            value.as_array()?.iter().map(Value::as_str).collect()
        })
    }

    fn parameter<'a, T>(
        &'a self,
        name: &str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, ReferenceError> {
        self.params
            .get(name)
            .and_then(read)
            .ok_or_else(|| ReferenceError::Parameter { name: name.to_owned(), expected })
    }
}

/// Numbers of a shape, in row-major order. The shape of a scalar is empty.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RawArray")]
pub struct Array {
    /// The extent of each dimension.
    pub shape: Vec<usize>,
    /// The entries.
    pub data: Vec<f64>,
}

#[derive(Deserialize)]
struct RawArray {
    shape: Vec<usize>,
    data: Vec<f64>,
}

impl TryFrom<RawArray> for Array {
    type Error = String;

    fn try_from(raw: RawArray) -> Result<Self, String> {
        let count: usize = raw.shape.iter().product();
        if count != raw.data.len() {
            return Err(format!(
                "{} entries do not fill the shape {:?}",
                raw.data.len(),
                raw.shape
            ));
        }
        Ok(Self { shape: raw.shape, data: raw.data })
    }
}

impl Array {
    /// An array of no dimension.
    pub fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }

    /// An array of one dimension.
    pub fn vector(data: Vec<f64>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The entries of a tensor.
    pub fn from_tensor<const D: usize>(tensor: &Tensor<D>) -> Self {
        Self { shape: tensor.dims().to_vec(), data: tensor.to_data().iter::<f64>().collect() }
    }

    /// The entries of a tensor of integers.
    pub fn from_integers<const D: usize>(tensor: &Tensor<D, Int>) -> Self {
        Self {
            shape: tensor.dims().to_vec(),
            data: tensor.to_data().iter::<i64>().map(|value| value as f64).collect(),
        }
    }

    /// A 32-bit tensor of these entries. A scalar becomes a tensor of rank 1 with one element,
    /// since burn has no rank 0.
    ///
    /// # Errors
    /// If the array is of another rank.
    pub fn to_tensor<const D: usize>(&self, device: &Device) -> Result<Tensor<D>, ReferenceError> {
        let shape = self.shape_of_rank::<D>()?;
        let data: Vec<f32> = self.data.iter().map(|value| *value as f32).collect();
        Ok(Tensor::from_data(TensorData::new(data, shape), device))
    }

    /// The shape, if it is of this rank; a scalar counts as one entry.
    ///
    /// # Errors
    /// If it is of another rank.
    pub(crate) fn shape_of_rank<const D: usize>(&self) -> Result<[usize; D], ReferenceError> {
        let shape: &[usize] = match self.shape.as_slice() {
            [] => &[1],
            shape => shape,
        };
        shape.try_into().map_err(|_| ReferenceError::Rank { shape: self.shape.clone(), rank: D })
    }

    /// Whether both have the same shape; a scalar and a vector of one entry count as the same.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        fn extents(shape: &[usize]) -> &[usize] {
            if shape.is_empty() { &[1] } else { shape }
        }
        extents(&self.shape) == extents(&other.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_every_rank_become_tensors() {
        let device = Device::flex();
        let numbers = |count: usize| (0..count).map(|value| value as f64 / 8.0).collect::<Vec<_>>();
        fn back<const D: usize>(array: &Array, device: &Device) -> Array {
            Array::from_tensor(&array.to_tensor::<D>(device).unwrap())
        }
        let array = |shape: &[usize]| Array {
            shape: shape.to_vec(),
            data: numbers(shape.iter().product()),
        };
        assert!(back::<1>(&array(&[]), &device).has_shape_of(&array(&[])));
        assert_eq!(back::<1>(&array(&[3]), &device), array(&[3]));
        assert_eq!(back::<2>(&array(&[3, 2]), &device), array(&[3, 2]));
        assert_eq!(back::<3>(&array(&[3, 1, 2]), &device), array(&[3, 1, 2]));
        assert_eq!(back::<4>(&array(&[2, 2, 1, 3]), &device), array(&[2, 2, 1, 3]));
        assert!(array(&[3, 2]).to_tensor::<1>(&device).is_err());
    }

    #[test]
    fn an_array_that_does_not_fill_its_shape_is_refused() {
        let error = serde_json::from_str::<Array>(r#"{"shape": [2, 2], "data": [1, 2, 3]}"#);
        assert!(error.unwrap_err().to_string().contains("3 entries"));
    }
}
