//! `image-folder`: a tree with one folder a class, or a zip archive of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{EncodedImage, LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{archive, problem};

/// The images of a folder with one folder a class: `<path>/<class>/<file>`, jpg or png; or of a
/// zip archive with that tree inside. Classes are numbered in alphabetical order of their
/// folders, images come in the order of their names. Folders inside a class's folder belong to
/// the class; names that begin with a dot are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder that holds the classes' folders, relative to the data set's folder:
    /// `amazon/images`. `.` is the data set's folder itself.
    pub path: String,
    /// A zip archive that holds the same tree under the same path; read where the folder is
    /// absent.
    pub archive: Option<String>,
}

impl PluginConfig for ImageFolder {}

impl ReaderPlugin for ImageFolder {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Image
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<ImageFolder>(About {
        name: "image-folder",
        summary: "images in one folder a class, or in a zip archive of such a tree",
        paper: "",
    })
}

/// The images of each class, by the class's name.
type Classes = BTreeMap<String, Vec<EncodedImage>>;

impl Reader for ImageFolder {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        let mut choices = vec![PathBuf::from(if self.path.is_empty() { "." } else { &self.path })];
        choices.extend(self.archive.as_ref().map(PathBuf::from));
        vec![choices]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let tree = folder.join(&self.path);
        let (place, classes) = match &self.archive {
            Some(archive) if !tree.is_dir() => {
                let archive = folder.join(archive);
                let classes = self.classes_of_archive(&archive)?;
                (archive, classes)
            }
            _ => {
                let classes = classes_of_tree(&tree)?;
                (tree, classes)
            }
        };
        if classes.is_empty() {
            return Err(problem::file(
                place,
                "has no class folders; expected one folder a class with jpg or png images in it",
            ));
        }
        let mut images = Vec::new();
        let mut labels = Vec::new();
        let mut names = Vec::with_capacity(classes.len());
        for (label, (name, members)) in classes.into_iter().enumerate() {
            if members.is_empty() {
                return Err(problem::file(
                    place.join(&name),
                    "this class has no images (jpg, jpeg or png); add some, or remove the folder",
                ));
            }
            labels.extend(std::iter::repeat_n(label as u32, members.len()));
            images.extend(members);
            names.push(name);
        }
        Ok(LabelledSamples { samples: Samples::Encoded(images), labels, class_names: Some(names) })
    }
}

impl ImageFolder {
    fn classes_of_archive(&self, path: &Path) -> Result<Classes, DataError> {
        let archive = archive::open(path)?;
        let shared: Arc<Path> = path.into();
        let names = archive::names(path, &archive)?;
        let inside = self.path.trim_end_matches('/').trim_start_matches("./");
        let prefix = if matches!(inside, "" | ".") { String::new() } else { format!("{inside}/") };
        let mut entries: Vec<(String, usize)> = names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| Some((name.strip_prefix(&prefix)?.to_owned(), index)))
            .collect();
        if entries.is_empty() {
            let first = names.first().map_or("nothing", String::as_str);
            return Err(problem::file(
                path,
                format!("has no folder `{inside}`; it begins with `{first}`"),
            ));
        }
        entries.sort();
        let mut classes = Classes::new();
        for (name, index) in entries {
            let Some((class, file)) = name.split_once('/') else { continue };
            if is_hidden(class) {
                continue;
            }
            let members = classes.entry(class.to_owned()).or_default();
            let visible = !file.split('/').any(is_hidden);
            if visible && is_image(Path::new(file)) {
                members.push(EncodedImage::ZipEntry {
                    archive: Arc::clone(&shared),
                    index,
                    name: names[index].clone(),
                });
            }
        }
        Ok(classes)
    }
}

fn classes_of_tree(tree: &Path) -> Result<Classes, DataError> {
    let mut classes = Classes::new();
    for (name, path) in visible_entries(tree)? {
        if path.is_dir() {
            let mut files = Vec::new();
            collect_images(&path, &mut files)?;
            files.sort();
            classes.insert(name, files.into_iter().map(EncodedImage::File).collect());
        }
    }
    Ok(classes)
}

fn collect_images(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for (_, path) in visible_entries(folder)? {
        if path.is_dir() {
            collect_images(&path, files)?;
        } else if is_image(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn visible_entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let failed = |source| problem::io("cannot list", folder, source);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string().map_err(|name| {
            problem::file(folder.join(name), "its name is not valid Unicode; rename it")
        })?;
        if !is_hidden(&name) {
            entries.push((name, entry.path()));
        }
    }
    Ok(entries)
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    const FILES: [&str; 5] =
        ["a/b2/1.PNG", "a/b/2.jpg", "a/b/10.jpg", "a/b/deep/3.jpeg", "a/b/notes.txt"];

    fn tree(folder: &Path) {
        for file in FILES.iter().chain(&["a/.hidden/4.jpg"]) {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
    }

    fn zipped(path: &Path, entries: &[&str]) {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        for entry in entries {
            if entry.ends_with('/') {
                writer.add_directory(*entry, SimpleFileOptions::default()).unwrap();
            } else {
                writer.start_file(*entry, SimpleFileOptions::default()).unwrap();
                writer.write_all(b"x").unwrap();
            }
        }
        writer.finish().unwrap();
    }

    fn reader() -> ImageFolder {
        ImageFolder { path: "a".to_owned(), archive: Some("a.zip".to_owned()) }
    }

    fn order(samples: &LabelledSamples, strip: &Path) -> Vec<(String, u32)> {
        let Samples::Encoded(images) = &samples.samples else { panic!("not images") };
        let name = |image: &EncodedImage| match image {
            EncodedImage::File(path) => {
                path.strip_prefix(strip).unwrap().to_string_lossy().into_owned()
            }
            EncodedImage::ZipEntry { name, .. } => name.clone(),
        };
        images.iter().map(name).zip(samples.labels.iter().copied()).collect()
    }

    #[test]
    fn a_tree_and_its_archive_give_the_same_samples() {
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        let from_tree = reader().read(folder.path()).unwrap();
        let expected = [
            ("a/b/10.jpg".to_owned(), 0),
            ("a/b/2.jpg".to_owned(), 0),
            ("a/b/deep/3.jpeg".to_owned(), 0),
            ("a/b2/1.PNG".to_owned(), 1),
        ];
        assert_eq!(order(&from_tree, folder.path()), expected);
        assert_eq!(from_tree.class_names.unwrap(), ["b", "b2"]);

        let other = tempfile::tempdir().unwrap();
        zipped(&other.path().join("a.zip"), &FILES);
        let from_zip = reader().read(other.path()).unwrap();
        assert_eq!(order(&from_zip, other.path()), expected);
        assert_eq!(from_zip.class_names.unwrap(), ["b", "b2"]);
    }

    #[test]
    fn an_empty_class_is_an_error_in_a_tree_and_in_an_archive() {
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        std::fs::create_dir(folder.path().join("a/empty")).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("empty: this class has no images"), "{error}");

        let other = tempfile::tempdir().unwrap();
        zipped(&other.path().join("a.zip"), &["a/b/1.jpg", "a/empty/"]);
        let error = reader().read(other.path()).err().unwrap().to_string();
        assert!(error.contains("empty: this class has no images"), "{error}");
    }

    #[test]
    fn a_folder_without_classes_and_a_wrong_path_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("no class folders"), "{error}");

        let other = tempfile::tempdir().unwrap();
        zipped(&other.path().join("a.zip"), &["z/b/1.jpg"]);
        let error = reader().read(other.path()).err().unwrap().to_string();
        assert!(error.contains("no folder `a`; it begins with `z/b/1.jpg`"), "{error}");
    }

    #[test]
    fn a_damaged_archive_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        zipped(&path, &FILES);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("a.zip") && error.contains("fetch it again"), "{error}");
    }
}
