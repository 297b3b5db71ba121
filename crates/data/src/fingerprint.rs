//! What identifies the content of data: a hash of the files and of how they are read.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::spec::PluginSpec;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::problem;

/// Hashes files, each once, however many domains read it.
#[derive(Default)]
pub(crate) struct Fingerprints {
    files: BTreeMap<PathBuf, String>,
}

/// The hexadecimal digits of a hash.
pub(crate) fn hex(hash: impl AsRef<[u8]>) -> String {
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes texts so that no two lists of texts have the same bytes.
pub(crate) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    hex(hasher.finalize())
}

impl Fingerprints {
    /// The fingerprint of what a reader reads below `folder`, files checked against `checksums`.
    pub fn of_set(
        &mut self,
        spec: &PluginSpec,
        reader: &dyn Reader,
        folder: &Path,
        samples: &LabelledSamples,
        checksums: &BTreeMap<String, String>,
    ) -> Result<String, DataError> {
        let mut parts = vec![spec.name.clone(), spec.config.to_string()];
        let groups = reader.files();
        if groups.is_empty() {
            parts.push(of_samples(samples));
        }
        for group in groups {
            let Some(present) = group.iter().find(|path| folder.join(path).exists()) else {
                continue;
            };
            let path = folder.join(present);
            let hash = self.of_path(&path)?;
            let name = present.display().to_string();
            if let Some(expected) = checksums.get(&name)
                && *expected != hash
            {
                return Err(problem::file(
                    path,
                    format!(
                        "its SHA-256 is {hash}, the descriptor states {expected}: the file is \
                         damaged or another version; fetch it again"
                    ),
                ));
            }
            parts.push(name);
            parts.push(hash);
        }
        Ok(of_texts(parts.iter().map(String::as_str)))
    }

    fn of_path(&mut self, path: &Path) -> Result<String, DataError> {
        if let Some(hash) = self.files.get(path) {
            return Ok(hash.clone());
        }
        let hash = if path.is_dir() { of_tree(path)? } else { of_file(path)? };
        self.files.insert(path.to_owned(), hash.clone());
        Ok(hash)
    }
}

fn of_file(path: &Path) -> Result<String, DataError> {
    let failed = |source| problem::io("cannot read", path, source);
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(failed)?;
    std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(hex(hasher.finalize()))
}

/// The names and contents of a folder's files.
fn of_tree(folder: &Path) -> Result<String, DataError> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let hashes = files.par_iter().map(|path| of_file(path)).collect::<Result<Vec<_>, _>>()?;
    let names = files
        .iter()
        .map(|path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/"));
    let parts: Vec<String> = names.zip(hashes).flat_map(|(name, hash)| [name, hash]).collect();
    Ok(of_texts(parts.iter().map(String::as_str)))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let failed = |source| problem::io("cannot list", folder, source);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn of_samples(samples: &LabelledSamples) -> String {
    let mut hasher = Sha256::new();
    match &samples.samples {
        Samples::Features { size, values } => {
            hasher.update((*size as u64).to_le_bytes());
            values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
        Samples::Images { channels, height, width, pixels } => {
            for size in [channels, height, width] {
                hasher.update((*size as u64).to_le_bytes());
            }
            hasher.update(pixels);
        }
        Samples::Series { channels, length, values } => {
            for size in [channels, length] {
                hasher.update((*size as u64).to_le_bytes());
            }
            values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
        Samples::Encoded(images) => {
            images.iter().for_each(|image| hasher.update(crate::decode::place(image)));
        }
    }
    samples.labels.iter().for_each(|label| hasher.update(label.to_le_bytes()));
    hex(hasher.finalize())
}
