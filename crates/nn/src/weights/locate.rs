//! Where weight files are looked for.

use std::path::{Path, PathBuf};

use isthmus_core::error::NetworkError;

use crate::weights::{Weights, checksum, known};

/// The folders that are searched, in order: `$ISTHMUS_WEIGHTS` if it is set, else `weights` in the
/// current folder.
pub fn folders() -> Vec<PathBuf> {
    match std::env::var_os("ISTHMUS_WEIGHTS") {
        Some(folder) if !folder.is_empty() => vec![PathBuf::from(folder)],
        _ => vec![PathBuf::from("weights")],
    }
}

/// The file that holds the chosen weights of the extractor `name`; none for random ones.
///
/// # Errors
/// If the file is not there, or is not the published one.
pub fn locate(name: &str, weights: &Weights) -> Result<Option<PathBuf>, NetworkError> {
    match weights {
        Weights::Random => Ok(None),
        Weights::File(path) if path.is_file() => Ok(Some(path.clone())),
        Weights::File(path) => Err(NetworkError::Weights(format!(
            "there is no file `{}`; `weights` of `{name}` is {}, \"random\" or the path of a .pth \
             or .safetensors file",
            path.display(),
            published_word(name),
        ))),
        Weights::Imagenet | Weights::Published => published(name, &folders()).map(Some),
    }
}

/// The file of the published weights of the extractor `name` in the first of `folders` that has it.
///
/// # Errors
/// If none has it, or it is not the published one.
pub fn published(name: &str, folders: &[PathBuf]) -> Result<PathBuf, NetworkError> {
    let Some(known) = known(name) else {
        return Err(NetworkError::Weights(format!("there are no published weights of `{name}`")));
    };
    let Some(path) = folders.iter().map(|folder| folder.join(known.file)).find(|p| p.is_file())
    else {
        let searched: Vec<String> =
            folders.iter().map(|folder| format!("  {}", folder.display())).collect();
        return Err(NetworkError::Weights(format!(
            "the published weights of `{name}` ({}) were not found; searched:\n{}\nhow to get \
             them: {}; `weights = \"random\"` does without",
            known.file,
            searched.join("\n"),
            known.how_to_get(),
        )));
    };
    verify(&path, known.checksum)?;
    Ok(path)
}

/// What the published weights are called in a configuration.
fn published_word(name: &str) -> &'static str {
    match name {
        "minilm" => "\"published\"",
        _ => "\"imagenet\"",
    }
}

fn verify(path: &Path, expected: &str) -> Result<(), NetworkError> {
    let found = checksum(path)?;
    if found.starts_with(expected) {
        return Ok(());
    }
    Err(NetworkError::Weights(format!(
        "{}: its SHA-256 is {found}, expected one that starts with {expected}: the file is \
         damaged or another one; delete it and get it again",
        path.display(),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_weights_say_how_to_get_them() {
        let folder = tempfile::tempdir().unwrap();
        let error = published("efficientnet-lite0", &[folder.path().to_owned()]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("just weights efficientnet-lite0"), "{text}");
        assert!(text.contains(&folder.path().display().to_string()), "{text}");
        let error = published("resnet50", &[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("https://download.pytorch.org/"), "{error}");
    }

    #[test]
    fn another_file_under_the_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("efficientnet-lite0-57934424.pth");
        std::fs::write(path, b"half a download").unwrap();
        let error = published("efficientnet-lite0", &[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("starts with 57934424"), "{error}");
    }

    #[test]
    fn a_mistyped_name_is_explained() {
        let error = locate("resnet18", &"imagnet".into()).unwrap_err();
        assert!(error.to_string().contains("\"imagenet\", \"random\""), "{error}");
    }
}
