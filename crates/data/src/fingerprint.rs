//! What identifies the content of data: a hash of what a reader yields.
//!
//! What lies beside the samples and is not read decides nothing. Hashing a large set takes minutes,
//! so its result is kept in the cache folder, by what the file system tells of each file: a file
//! that changes is read again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use isthmus_core::dataset::{EncodedImage, ImageDecoding, LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::spec::PluginSpec;
use isthmus_core::targets::{RowTargets, Targets};
use rayon::prelude::*;
use sha2::digest::Output;
use sha2::{Digest, Sha256};

use crate::found_classes::FoundClasses;
use crate::identity::{Identity, of_texts};
use crate::identity_cache::{IdentityCache, Stamp};
use crate::image_archive::{ImageArchive, ImageArchives};
use crate::problem;

/// A set: its reader and where it reads.
pub(crate) struct SetFiles<'a> {
    /// The reader's name and configuration.
    pub spec: &'a PluginSpec,
    /// The reader.
    pub reader: &'a dyn Reader,
    /// The folder that it reads from.
    pub folder: &'a Path,
    /// Stated checksums of files, by their paths in the folder.
    pub checksums: &'a BTreeMap<String, String>,
}

impl SetFiles<'_> {
    /// The identity of the set, from the cache where nothing has changed. The set is read only
    /// where that cannot be told otherwise.
    pub fn identify(&self, cache: &IdentityCache) -> Result<Identity, DataError> {
        if let Some(stamps) = self.stamps_without_samples()?
            && let Some(identity) = cache.lookup(&self.key(&stamps))
        {
            return Ok(identity);
        }
        self.identity_of(&self.reader.read(self.folder)?, cache)
    }

    /// The identity of the set, whose samples are read already.
    pub fn identity_of(
        &self,
        samples: &LabelledSamples,
        cache: &IdentityCache,
    ) -> Result<Identity, DataError> {
        let stamps = || match self.stamps_without_samples()? {
            Some(stamps) => Ok(stamps),
            None => self.stamps_of(samples),
        };
        let before = stamps()?;
        let compute = || {
            self.verify_checksums()?;
            let classes = FoundClasses::of(&samples.outline());
            Ok(Identity { fingerprint: self.content_of(samples)?, classes })
        };
        if before.is_empty() {
            return compute();
        }
        cache.identity(&self.key(&before), &before, &stamps, &compute)
    }

    /// What the file system tells of the files that are read, where the reader names them all.
    fn stamps_without_samples(&self) -> Result<Option<Vec<Stamp>>, DataError> {
        let present = self.present();
        if present.iter().any(|(_, path)| path.is_dir()) {
            return Ok(None);
        }
        present.iter().map(|(_, path)| Stamp::of(path)).collect::<Result<_, _>>().map(Some)
    }

    /// What the file system tells of the files that the samples are in, and of all files of a
    /// folder whose checksum is stated.
    fn stamps_of(&self, samples: &LabelledSamples) -> Result<Vec<Stamp>, DataError> {
        let mut files = Vec::new();
        match &samples.samples {
            Samples::Encoded(images) => files.extend(images.iter().map(|image| match image {
                EncodedImage::File(path) => path.clone(),
                EncodedImage::ArchiveEntry { archive, .. } => archive.to_path_buf(),
            })),
            // Whatever was read is among the files of the folders that the reader names.
            _ => {
                for (_, path) in self.present() {
                    collect(&path, &mut files)?;
                }
            }
        }
        for (name, path) in self.present() {
            if self.checksums.contains_key(&name) {
                collect(&path, &mut files)?;
            }
        }
        files.sort();
        files.dedup();
        files.par_iter().map(|path| Stamp::of(path)).collect()
    }

    /// Names the set, its files as they are now, and what is expected of them.
    fn key(&self, stamps: &[Stamp]) -> String {
        let mut texts = vec![self.spec.name.clone(), self.spec.config.to_string()];
        texts.extend(self.present().into_iter().flat_map(|(name, _)| {
            let sum = self.checksums.get(&name).cloned().unwrap_or_default();
            [name, sum]
        }));
        texts.extend(stamps.iter().map(Stamp::text));
        of_texts(texts.iter().map(String::as_str))
    }

    /// The files and folders that are read, by their stated names.
    fn present(&self) -> Vec<(String, PathBuf)> {
        self.reader
            .files()
            .iter()
            .filter_map(|group| group.iter().find(|path| self.folder.join(path).exists()))
            .map(|path| (path.display().to_string(), self.folder.join(path)))
            .collect()
    }

    /// Compares the files with their stated checksums.
    pub fn verify_checksums(&self) -> Result<(), DataError> {
        for (name, path) in self.present() {
            let Some(expected) = self.checksums.get(&name) else { continue };
            let found = if path.is_dir() { of_tree(&path)? } else { of_file(&path)? };
            if *expected != found {
                return Err(problem::file(
                    path,
                    format!(
                        "its SHA-256 is {found}, the descriptor states {expected}: the file is \
                         damaged or another version; fetch it again"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A hash of names, contents and labels of the samples.
    fn content_of(&self, samples: &LabelledSamples) -> Result<String, DataError> {
        let mut hasher = Sha256::new();
        let mut size = |size: usize| hasher.update((size as u64).to_le_bytes());
        match &samples.samples {
            Samples::Features { size: columns, values } => {
                size(*columns);
                values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
            }
            Samples::Images { channels, height, width, pixels } => {
                [channels, height, width].into_iter().for_each(|it| size(*it));
                hasher.update(pixels);
            }
            Samples::Series { channels, length, values } => {
                [channels, length].into_iter().for_each(|it| size(*it));
                values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
            }
            Samples::VariableSeries { channels, lengths, values } => {
                [channels, &lengths.len()].into_iter().chain(lengths).for_each(|it| size(*it));
                hasher.update(b"lengths");
                values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
            }
            Samples::Texts(texts) => {
                hasher.update(b"texts");
                for text in texts {
                    hasher.update((text.len() as u64).to_le_bytes());
                    hasher.update(text);
                }
            }
            Samples::Encoded(images) => {
                let hashes = of_images(images)?;
                for (image, hash) in images.iter().zip(hashes) {
                    let name = self.name_of(image);
                    hasher.update((name.len() as u64).to_le_bytes());
                    hasher.update(name);
                    hasher.update(hash);
                }
            }
        }
        hash_targets(&samples.targets, &mut hasher);
        let content = format!("{:x}", hasher.finalize());
        let ImageDecoding { upright, brightness, slice } = samples.decoding;
        let plain = ImageDecoding { upright, ..ImageDecoding::default() };
        let upright = if upright { "upright" } else { "as stored" };
        let mut decoding = upright.to_owned();
        if samples.decoding != plain {
            decoding.push_str(&format!(", {brightness:?}, {slice}"));
        }
        let names = samples.class_names.iter().flatten().map(String::as_str);
        Ok(of_texts([content.as_str(), decoding.as_str()].into_iter().chain(names)))
    }

    /// The name of an image in the data set's folder or in its archive.
    fn name_of(&self, image: &EncodedImage) -> Vec<u8> {
        match image {
            EncodedImage::File(path) => {
                let path = path.strip_prefix(self.folder).unwrap_or(path);
                let parts = path.components().map(|part| part.as_os_str().as_encoded_bytes());
                parts.collect::<Vec<_>>().join(&b'/')
            }
            EncodedImage::ArchiveEntry { name, .. } => name.clone().into_bytes(),
        }
    }
}

/// The hash of each image's file or entry.
fn of_images(images: &[EncodedImage]) -> Result<Vec<[u8; 32]>, DataError> {
    let archives = ImageArchives::of(images)?;
    let part = images.len().div_ceil(rayon::current_num_threads() * 4).max(1);
    let parts = images.par_chunks(part).map(|images| {
        let mut opened: Option<(&Path, ImageArchive)> = None;
        let mut hashes = Vec::with_capacity(images.len());
        for image in images {
            hashes.push(match image {
                EncodedImage::File(path) => digest_of_file(path)?.into(),
                EncodedImage::ArchiveEntry { archive: path, index, name } => {
                    let archive = match &mut opened {
                        Some((at, archive)) if *at == path.as_ref() => archive,
                        other => {
                            let own = archives.get(path)?.another(path)?;
                            &mut other.insert((path.as_ref(), own)).1
                        }
                    };
                    Sha256::digest(archive.entry(path, *index, name)?).into()
                }
            });
        }
        Ok(hashes)
    });
    Ok(parts.collect::<Result<Vec<_>, DataError>>()?.concat())
}

fn digest_of_file(path: &Path) -> Result<Output<Sha256>, DataError> {
    let failed = |source| problem::io("cannot read", path, source);
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(failed)?;
    std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(hasher.finalize())
}

fn of_file(path: &Path) -> Result<String, DataError> {
    Ok(format!("{:x}", digest_of_file(path)?))
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

/// The files below a folder; a file is its own.
pub(crate) fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |source| problem::io("cannot list", path, source);
    for entry in std::fs::read_dir(path).map_err(failed)? {
        collect(&entry.map_err(failed)?.path(), files)?;
    }
    Ok(())
}

fn hash_targets(targets: &RowTargets, hasher: &mut Sha256) {
    if !targets.is_complete() {
        hasher.update(b"rows with targets");
        for row in targets.known() {
            hasher.update((row as u64).to_le_bytes());
        }
    }
    match targets.targets() {
        Targets::Classes(classes) => {
            classes.iter().for_each(|class| hasher.update(class.to_le_bytes()));
        }
        Targets::Labels(matrix) | Targets::Values(matrix) => {
            matrix.values().iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
        Targets::Sequences(sequences) => {
            for sequence in sequences {
                hasher.update((sequence.len() as u64).to_le_bytes());
                sequence.iter().for_each(|symbol| hasher.update(symbol.to_le_bytes()));
            }
        }
    }
}
