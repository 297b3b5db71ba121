//! Reading weight files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::store::pytorch_reader::{DType as PickledType, PytorchReader};
use burn::tensor::{DType, TensorData};
use isthmus_core::error::NetworkError;
use safetensors::{Dtype as SafeType, SafeTensors};
use sha2::{Digest, Sha256};

/// The float tensors of a `.safetensors` or PyTorch file (zip, legacy or tar), as `f32`, by name.
/// Integer tensors, such as counters of batches, are left out.
///
/// Pickled code is parsed, never run.
///
/// # Errors
/// If the file cannot be read or is of neither format.
pub fn read(path: &Path) -> Result<BTreeMap<String, TensorData>, NetworkError> {
    let is_safetensors = path.extension().is_some_and(|extension| extension == "safetensors");
    if is_safetensors { read_safetensors(path) } else { read_pickled(path) }
}

/// The SHA-256 of a file in hexadecimal digits.
///
/// # Errors
/// If it cannot be read.
pub fn checksum(path: &Path) -> Result<String, NetworkError> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(|error| unreadable(path, &error))?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

fn read_pickled(path: &Path) -> Result<BTreeMap<String, TensorData>, NetworkError> {
    // Opened first, so that a file that cannot be opened is told from one of another format.
    let start = beginning(path)?;
    let not_pickled = |error: &dyn std::fmt::Display| {
        NetworkError::Weights(format!(
            "{}: not a file that PyTorch saved ({error}); it starts with {start}, expected a \
             state dict written by torch.save; get the file again, or give a .safetensors file",
            path.display(),
        ))
    };
    let reader = PytorchReader::new(path).map_err(|error| not_pickled(&error))?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in reader.into_tensors() {
        let dtype = match tensor.dtype() {
            PickledType::F64 => DType::F64,
            PickledType::F32 => DType::F32,
            PickledType::F16 => DType::F16,
            PickledType::BF16 => DType::BF16,
            _ => continue,
        };
        let bytes = tensor.read().map_err(|error| not_pickled(&error))?;
        let data = TensorData::from_bytes_vec(bytes, tensor.shape(), dtype);
        tensors.insert(name, data.convert::<f32>());
    }
    if tensors.is_empty() {
        return Err(not_pickled(&"it holds no float tensors"));
    }
    Ok(tensors)
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, TensorData>, NetworkError> {
    let start = beginning(path)?;
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| {
        NetworkError::Weights(format!(
            "{}: not a safetensors file ({error}); it starts with {start}; get the file again",
            path.display(),
        ))
    })?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let dtype = match view.dtype() {
            SafeType::F64 => DType::F64,
            SafeType::F32 => DType::F32,
            SafeType::F16 => DType::F16,
            SafeType::BF16 => DType::BF16,
            _ => continue,
        };
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape(), dtype);
        tensors.insert(name.to_owned(), data.convert::<f32>());
    }
    Ok(tensors)
}

/// The first bytes of a file, for messages.
fn beginning(path: &Path) -> Result<String, NetworkError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    Ok(format!("`{}`", bytes.escape_ascii()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> NetworkError {
    NetworkError::Weights(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn refused(name: &str, content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains(name), "{text}");
        text
    }

    #[test]
    fn what_is_not_a_pth_is_refused() {
        let text = refused("page.pth", b"<!DOCTYPE html><html>404</html>");
        assert!(text.contains("it starts with `<!DOCTYPE html><`"), "{text}");
        assert!(text.contains("torch.save"), "{text}");
        refused("empty.pth", b"");
        refused("pointer.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n");
        refused("cut.pth", b"PK\x03\x04\x00\x00\x08\x08");
    }

    /// A pickle that would run a command if it were executed.
    #[test]
    fn pickled_code_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("marker");
        let pickle = format!("cposix\nsystem\n(S'touch {}'\ntR.", marker.display());
        let path = folder.path().join("hostile.pth");
        std::fs::write(&path, pickle).unwrap();
        assert!(read(&path).is_err());
        assert!(!marker.exists());
    }

    #[test]
    fn what_is_not_safetensors_is_refused() {
        let text = refused("broken.safetensors", b"not at all");
        assert!(text.contains("not a safetensors file"), "{text}");
    }

    #[test]
    fn an_absent_file_is_told() {
        let error = read(Path::new("no-such-folder/no-such-file.pth")).unwrap_err();
        assert!(error.to_string().contains("cannot read"), "{error}");
    }

    #[test]
    fn safetensors_are_read_as_f32() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.safetensors");
        let double: Vec<u8> =
            [1.5_f64, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let count = 3_i64.to_le_bytes();
        let views = [
            ("weight", TensorView::new(SafeType::F64, vec![1, 2], &double).unwrap()),
            ("num_batches_tracked", TensorView::new(SafeType::I64, vec![], &count).unwrap()),
        ];
        safetensors::serialize_to_file(views, None, &path).unwrap();
        let tensors = read(&path).unwrap();
        assert_eq!(tensors.len(), 1);
        assert_eq!(tensors["weight"].try_to_vec::<f32>().unwrap(), [1.5, -2.0]);
        assert_eq!(tensors["weight"].shape().to_vec(), [1, 2]);
    }
}
