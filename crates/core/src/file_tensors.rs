//! Tensors of a model that a file of pretrained weights gives.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::TensorData;

use crate::named_tensor::NamedTensor;

/// What a file of pretrained weights gives to a model. Tensors that training leaves as they are need
/// not be in records and checkpoints: the file and its hash stand for them.
#[derive(Clone, Debug)]
pub struct FileTensors {
    weights: String,
    tensors: BTreeMap<String, TensorData>,
}

impl FileTensors {
    /// The tensors that a model has of the file with the hash `weights`.
    pub fn new(weights: String, tensors: Vec<NamedTensor>) -> Self {
        let tensors = tensors.into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        Self { weights, tensors }
    }

    /// The file's hash.
    pub fn weights(&self) -> &str {
        &self.weights
    }

    /// Whether a tensor is the file's, bit for bit.
    fn has(&self, tensor: &NamedTensor) -> bool {
        let given = self.tensors.get(&tensor.path);
        given.is_some_and(|given| given.as_bytes() == tensor.data.as_bytes())
    }

    /// The tensors that are not the file's.
    pub fn without(&self, mut tensors: Vec<NamedTensor>) -> Vec<NamedTensor> {
        tensors.retain(|tensor| !self.has(tensor));
        tensors
    }

    /// The tensors with those of the file in the place of absent ones.
    pub fn completed(
        &self,
        tensors: &BTreeMap<String, TensorData>,
    ) -> BTreeMap<String, TensorData> {
        let mut all = self.tensors.clone();
        all.extend(tensors.iter().map(|(path, data)| (path.clone(), data.clone())));
        all
    }

    /// Names of the file's tensors that are not among these.
    pub fn absent_from(&self, tensors: &[NamedTensor]) -> Vec<String> {
        let present: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.path.as_str()).collect();
        self.tensors.keys().filter(|path| !present.contains(path.as_str())).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(path: &str, value: f32) -> NamedTensor {
        NamedTensor { path: path.to_owned(), data: TensorData::new(vec![value], [1]) }
    }

    #[test]
    fn what_is_left_as_it_was_is_left_out_and_comes_back() {
        let file = FileTensors::new("abc".into(), vec![tensor("a", 1.0), tensor("b", 2.0)]);
        let trained = vec![tensor("a", 1.0), tensor("b", 2.5), tensor("c", 3.0)];
        let kept = file.without(trained.clone());
        let names: Vec<&str> = kept.iter().map(|tensor| tensor.path.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(file.absent_from(&kept), ["a"]);
        let kept = kept.into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        let back = file.completed(&kept);
        assert_eq!(back.len(), 3);
        for tensor in trained {
            assert_eq!(back[&tensor.path], tensor.data, "{}", tensor.path);
        }
    }
}
