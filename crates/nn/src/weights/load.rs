//! Putting the tensors of a weight file into a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::TensorData;
use isthmus_core::error::NetworkError;
use isthmus_core::network::Network;

use crate::weights::read;

/// Where a tensor of a network comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The tensor of this name in the file.
    File(String),
    /// It is no part of published weights and stays as it is.
    Own,
}

/// Replaces the tensors of `network` by those of a file. `name` says where the tensor at a path of
/// the network comes from; tensors whose name starts with one of `ignored` may be in the file
/// without being used (a classifier, say).
///
/// # Errors
/// If the file cannot be read, or lacks a tensor, has one too many or one of another shape; all of
/// them are listed. The network is then unchanged.
pub fn load(
    network: &mut dyn Network,
    path: &Path,
    name: &dyn Fn(&str) -> Named,
    ignored: &[&str],
) -> Result<(), NetworkError> {
    load_tensors(network, path, read(path)?, name, ignored)
}

/// Like [`load`], from tensors that were read from the file at `path` and brought into the layouts of
/// the network.
///
/// # Errors
/// As [`put`], with the path before it.
pub fn load_tensors(
    network: &mut dyn Network,
    path: &Path,
    tensors: BTreeMap<String, TensorData>,
    name: &dyn Fn(&str) -> Named,
    ignored: &[&str],
) -> Result<(), NetworkError> {
    put(network, &tensors, name, ignored).map_err(|error| match error {
        NetworkError::Weights(text) => NetworkError::Weights(format!("{}: {text}", path.display())),
        other => other,
    })
}

/// Like [`load`], from tensors by their published names.
///
/// # Errors
/// If a tensor is missing, too many or of another shape.
pub fn put(
    network: &mut dyn Network,
    file: &BTreeMap<String, TensorData>,
    name: &dyn Fn(&str) -> Named,
    ignored: &[&str],
) -> Result<(), NetworkError> {
    let own = network.tensors();
    let wanted: Vec<(String, TensorData, Named)> = own
        .into_iter()
        .map(|tensor| {
            let named = name(&tensor.path);
            (tensor.path, tensor.data, named)
        })
        .collect();
    let names = wanted.iter().filter_map(|(_, _, named)| match named {
        Named::File(name) => Some(name.as_str()),
        Named::Own => None,
    });
    let prefix = prefix(file, names);
    let mut problems = Problems::default();
    let mut used = BTreeSet::new();
    let mut tensors = BTreeMap::new();
    for (path, data, named) in wanted {
        let found = match named {
            Named::Own => data,
            Named::File(name) => {
                let full = format!("{prefix}{name}");
                used.insert(full.clone());
                match file.get(&full) {
                    Some(found) if found.shape() == data.shape() => found.clone(),
                    Some(found) => {
                        let (found, expected) = (found.shape().to_vec(), data.shape().to_vec());
                        problems.shapes.push(format!("{name} {found:?} instead of {expected:?}"));
                        data
                    }
                    None => {
                        problems.missing.push(name);
                        data
                    }
                }
            }
        };
        tensors.insert(path, found);
    }
    let is_ignored = |name: &str| {
        let name = name.strip_prefix(&prefix).unwrap_or(name);
        ignored.iter().any(|ignored| name.starts_with(ignored))
    };
    problems.unexpected =
        file.keys().filter(|name| !used.contains(*name) && !is_ignored(name)).cloned().collect();
    problems.missing.sort();
    problems.missing.dedup();
    problems.shapes.dedup();
    if let Some(text) = problems.text() {
        return Err(NetworkError::Weights(format!("not the weights of this network: {text}")));
    }
    network.load_tensors(&tensors)
}

#[derive(Default)]
struct Problems {
    missing: Vec<String>,
    unexpected: Vec<String>,
    shapes: Vec<String>,
}

impl Problems {
    fn text(&self) -> Option<String> {
        const SHOWN: usize = 5;
        let kinds = [
            ("missing", &self.missing),
            ("of another shape", &self.shapes),
            ("not expected", &self.unexpected),
        ];
        let parts: Vec<String> = kinds
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(kind, names)| {
                let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
                let more = match names.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("{} {kind}: {}{more}", names.len(), shown.join(", "))
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// What stands before the names in the file: checkpoints hold the state dict under a key, and
/// models trained on several devices under `module`.
fn prefix<'a>(
    file: &BTreeMap<String, TensorData>,
    mut names: impl Iterator<Item = &'a str>,
) -> String {
    let Some(first) = names.next() else { return String::new() };
    if file.contains_key(first) {
        return String::new();
    }
    let ending = format!(".{first}");
    file.keys()
        .find_map(|key| key.strip_suffix(&ending))
        .map(|prefix| format!("{prefix}."))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;
    use isthmus_layers::Linear;
    use isthmus_layers::testing::{build_context, values};

    fn write(folder: &Path, tensors: &[(&str, Vec<usize>)]) -> std::path::PathBuf {
        let path = folder.join("weights.safetensors");
        let data: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, shape)| {
                let count: usize = shape.iter().product();
                (0..count).flat_map(|value| (value as f32).to_le_bytes()).collect()
            })
            .collect();
        let views: Vec<(&str, TensorView<'_>)> = tensors
            .iter()
            .zip(&data)
            .map(|((name, shape), data)| {
                (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
            })
            .collect();
        safetensors::serialize_to_file(views, None, &path).unwrap();
        path
    }

    fn named(path: &str) -> Named {
        Named::File(format!("fc.{path}"))
    }

    #[test]
    fn tensors_are_found_by_name_and_below_a_prefix() {
        let folder = tempfile::tempdir().unwrap();
        for prefix in ["", "module.", "state_dict.model."] {
            let names = ["weight", "bias", "extra"].map(|name| format!("{prefix}fc.{name}"));
            let path = write(
                folder.path(),
                &[(&names[0], vec![2, 3]), (&names[1], vec![3]), (&names[2], vec![1])],
            );
            let mut layer = Linear::new(2, 3, &build_context(1));
            load(&mut layer, &path, &named, &["fc.extra"]).unwrap();
            assert_eq!(values(&layer.weight.val()), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
            assert!(layer.weight.is_require_grad());
        }
    }

    #[test]
    fn every_difference_is_listed_and_nothing_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &[("fc.weight", vec![3, 2]), ("other", vec![1])]);
        let mut layer = Linear::new(2, 3, &build_context(1));
        let before = values(&layer.weight.val());
        let text = load(&mut layer, &path, &named, &[]).unwrap_err().to_string();
        assert!(text.contains("1 missing: fc.bias"), "{text}");
        assert!(text.contains("fc.weight [3, 2] instead of [2, 3]"), "{text}");
        assert!(text.contains("1 not expected: other"), "{text}");
        assert_eq!(values(&layer.weight.val()), before);
    }
}
