//! `image-folder`: a tree with one folder a class, or an archive of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{EncodedImage, ImageDecoding, LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_classes::named_so;
use super::image_decoding::{brightness, check_window};
use super::image_tree::{Found, Member, READ, in_archive, in_tree};
use crate::problem;

/// The images of a folder with one folder a class: `<path>/<class>/<file>`; or of a zip or tar archive
/// (`.tar`, `.tar.gz`, `.tgz`) with that tree inside. Classes are numbered in alphabetical order of their folders, images come
/// in the order of their names. Folders inside a class's folder belong to the class; names that
/// begin with a dot are passed over. Read are JPEG, PNG, WebP, BMP, TIFF, PNM, the first
/// frame of GIF, DICOM (also without an ending) and a slice of NIfTI volumes, by their endings; what is
/// inside decides how a file is decoded. Grey images stay grey, others become RGB without their
/// transparency. Images of other formats are left out with a warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder that holds the classes' folders, relative to the data set's folder:
    /// `amazon/images`. `.` is the data set's folder itself.
    pub path: String,
    /// A zip or tar archive that holds the same tree under the same path; read where the folder is
    /// absent, and wherever `path` is `.`. A gzipped one is unpacked once: up to 128 MiB in memory, a larger one into the cache
    /// folder.
    pub archive: Option<String>,
    /// Whether folders are classes. With `false` the samples have no labels: every image below
    /// `path` is read, whatever folder it is in.
    pub labelled: bool,
    /// The folders that are read, each with its class: `{ back_pack = "backpack", mug = "mug" }`.
    /// Absent: all folders, each a class of its name.
    pub classes: BTreeMap<String, String>,
    /// Turns photos upright, as their EXIF orientation says. Without it they are used as they are
    /// stored, as torchvision does: pretrained weights were trained that way.
    pub exif_orientation: bool,
    /// The values that become black and white, in images of more than 8 bits a value: `[0, 4095]`, or
    /// `[-160, 240]` of a CT. Absent: the ends of the type (0 and 65535), the window that a DICOM file
    /// states, and what `stretch` says of files that state none, as NIfTI.
    pub window: Option<[f64; 2]>,
    /// Brings each such image to its own largest value as white, and 0 or its smallest value, if that
    /// is below 0, as black: for 10 or 12 bits that are kept in 16.
    pub stretch: bool,
    /// Which slice of a volume, or frame of a DICOM file, is the image: from 0, the first, to 1, the
    /// last.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub slice: f64,
}

impl Default for ImageFolder {
    fn default() -> Self {
        Self {
            path: String::new(),
            archive: None,
            labelled: true,
            classes: BTreeMap::new(),
            exif_orientation: false,
            window: None,
            stretch: false,
            slice: 0.5,
        }
    }
}

impl PluginConfig for ImageFolder {
    fn check(&self) -> Result<(), FieldProblem> {
        check_window(self.window, self.stretch)
    }
}

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
        summary: "images in one folder a class, or in a zip or tar archive of such a tree",
        paper: "",
    })
}

impl Reader for ImageFolder {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        if let Some(archive) = self.archive.as_ref().filter(|_| self.is_whole()) {
            return vec![vec![PathBuf::from(archive)]];
        }
        let mut choices = vec![PathBuf::from(if self.path.is_empty() { "." } else { &self.path })];
        choices.extend(self.archive.as_ref().map(PathBuf::from));
        vec![choices]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let tree = folder.join(&self.path);
        if self.archive.is_some() && (self.is_whole() || !tree.is_dir()) {
            return self.read_archive(folder);
        }
        let found = in_tree(&tree)?;
        self.samples(&tree, found)
    }
}

impl ImageFolder {
    /// Whether the tree is all of the folder or the archive.
    fn is_whole(&self) -> bool {
        matches!(self.path.trim_end_matches('/'), "" | ".")
    }

    fn decoding(&self) -> ImageDecoding {
        ImageDecoding {
            upright: self.exif_orientation,
            brightness: brightness(self.window, self.stretch),
            slice: self.slice,
        }
    }

    /// Reads the archive, whether or not the folder is there too.
    ///
    /// # Errors
    /// As [`read`](Reader::read).
    pub(crate) fn read_archive(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let archive = folder.join(self.archive.as_deref().unwrap_or_default());
        let found = in_archive(&archive, &self.path)?;
        self.samples(&archive, found)
    }

    fn samples(&self, place: &Path, mut found: Found) -> Result<LabelledSamples, DataError> {
        if !self.labelled {
            return self.without_labels(place, found);
        }
        found.classes = named_so(place, found.classes, &self.classes)?;
        if found.classes.is_empty() {
            return Err(without_classes(place, &found));
        }
        if found.classes.values().all(Vec::is_empty) {
            return Err(problem::file(
                place,
                format!(
                    "has {} and no image in them{}; read are {}",
                    problem::counted(found.classes.len(), "folder"),
                    found.left_out_text().map(|text| format!(" but {text}")).unwrap_or_default(),
                    problem::one_of(READ),
                ),
            ));
        }
        let (remark, mut warnings) = self.levels(place, &found);
        warnings.extend(found.warnings(place));
        let mut images = Vec::new();
        let mut labels = Vec::new();
        let mut names = Vec::with_capacity(found.classes.len());
        for (label, (name, members)) in found.classes.into_iter().enumerate() {
            labels.extend(std::iter::repeat_n(label as u32, members.len()));
            images.extend(members.into_iter().map(|member| member.image));
            names.push(name);
        }
        Ok(LabelledSamples {
            class_names: Some(names),
            decoding: self.decoding(),
            class_remark: Some(remark),
            warnings,
            ..LabelledSamples::new(Samples::Encoded(images), labels)
        })
    }
}

impl ImageFolder {
    /// All images, in the order of their names, without labels.
    fn without_labels(&self, place: &Path, mut found: Found) -> Result<LabelledSamples, DataError> {
        let mut images = std::mem::take(&mut found.beside);
        let warnings = found.warnings(place);
        images.extend(found.classes.into_values().flatten().map(|member| member.image));
        if images.is_empty() {
            return Err(problem::file(
                place,
                format!("has no image in it; read are {}", problem::one_of(READ)),
            ));
        }
        images.sort_by_cached_key(EncodedImage::to_string);
        let targets = RowTargets::none(images.len());
        Ok(LabelledSamples {
            decoding: self.decoding(),
            warnings,
            ..LabelledSamples::new(Samples::Encoded(images), targets)
        })
    }

    /// What was taken for classes, and a warning where it looks like the wrong level of a tree.
    fn levels(&self, place: &Path, found: &Found) -> (String, Vec<String>) {
        let mut remark = format!("the folders of {} were taken for classes", place.display());
        let members = found.classes.values().flatten();
        if members.clone().any(|member| member.inside.is_none()) {
            return (remark, Vec::new());
        }
        // No image lies in a class's folder itself.
        let inside = |members: &Vec<Member>| -> BTreeSet<String> {
            let first = |member: &Member| {
                let folder = member.inside.as_ref()?.components().next()?;
                Some(folder.as_os_str().to_string_lossy().into_owned())
            };
            members.iter().filter_map(first).collect()
        };
        let folders: Vec<BTreeSet<String>> = found.classes.values().map(inside).collect();
        let names = problem::some_of(&folders[0]);
        if let [_] = folders.as_slice() {
            let class = found.classes.keys().next().expect("there is one");
            let path = match self.path.trim_end_matches('/') {
                "" | "." => class.clone(),
                path => format!("{path}/{class}"),
            };
            remark.push_str(&format!(
                "; the images lie a level deeper, in {names}: if those are the classes, set `path \
                 = {path:?}`"
            ));
            return (remark, Vec::new());
        }
        let alike = folders.windows(2).all(|pair| pair[0] == pair[1]);
        let warning = (alike && folders[0].len() > 1).then(|| {
            format!(
                "{}: no image lies in a class's folder itself, and all of {} have the same folders \
                 inside ({names}): if those are the classes, `path` is a level too high",
                place.display(),
                problem::some_of(found.classes.keys()),
            )
        });
        (remark, warning.into_iter().collect())
    }
}

/// What is said of a place that has no folder that could be a class: images there have no labels.
fn without_classes(place: &Path, found: &Found) -> DataError {
    let expected = "expected one folder a class with images in it";
    if found.beside.is_empty() {
        return problem::file(place, format!("has no class folders; {expected}"));
    }
    let above = match (place.file_name(), place.parent()) {
        (Some(name), Some(_)) => {
            format!("if `{}` is a class, `path` is the folder above", name.display())
        }
        _ => "`path` is the folder above the classes' folders".to_owned(),
    };
    problem::file(
        place,
        format!(
            "has no class folders but {}, which have no labels; {expected}: {above}; for samples \
             without labels set `labelled = false`",
            problem::counted(found.beside.len(), "image")
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use isthmus_core::dataset::EncodedImage;
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
        ImageFolder {
            path: "a".to_owned(),
            archive: Some("a.zip".to_owned()),
            ..ImageFolder::default()
        }
    }

    fn order(samples: &LabelledSamples, strip: &Path) -> Vec<(String, u32)> {
        let Samples::Encoded(images) = &samples.samples else { panic!("not images") };
        let name = |image: &EncodedImage| match image {
            EncodedImage::File(path) => {
                path.strip_prefix(strip).unwrap().to_string_lossy().into_owned()
            }
            EncodedImage::ArchiveEntry { name, .. } => name.clone(),
        };
        images.iter().map(name).zip(samples.targets.strata().iter().copied()).collect()
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
    fn an_empty_class_is_told_in_a_tree_and_in_an_archive() {
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        std::fs::create_dir(folder.path().join("a/empty")).unwrap();
        let read = reader().read(folder.path()).unwrap();
        assert_eq!(read.class_names.unwrap(), ["b", "b2", "empty"]);
        assert_eq!(read.targets.strata(), [0, 0, 0, 1]);

        let other = tempfile::tempdir().unwrap();
        zipped(&other.path().join("a.zip"), &["a/b/1.jpg", "a/empty/"]);
        let read = reader().read(other.path()).unwrap();
        assert_eq!(read.class_names.unwrap(), ["b", "empty"]);
    }

    #[test]
    fn what_is_left_out_is_counted_by_ending() {
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        for name in ["b/1.heic", "b/2.HEIC", "b2/3.avif", "b2/notes.csv", "beside.png"] {
            std::fs::write(folder.path().join("a").join(name), b"").unwrap();
        }
        std::fs::write(folder.path().join("a/b/0001"), b"\xff\xd8\xff\xe0").unwrap();
        let warnings = reader().read(folder.path()).unwrap().warnings;
        let left_out = "4 files of other formats (1 .avif, 2 .heic, 1 without an ending) left out";
        assert!(warnings[0].contains(left_out), "{warnings:?}");
        assert!(warnings[1].contains("1 image beside the classes' folders"), "{warnings:?}");
        assert_eq!(warnings.len(), 2);

        let other = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(other.path().join("a/b")).unwrap();
        std::fs::write(other.path().join("a/b/1.heic"), b"").unwrap();
        let error = reader().read(other.path()).err().unwrap().to_string();
        assert!(error.contains("has 1 folder and no image in them but 1 file"), "{error}");
    }

    #[test]
    fn a_level_too_high_or_too_low_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["d/images/cat/1.png", "d/images/dog/2.png"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let of = |path: &str| {
            ImageFolder { path: path.to_owned(), ..ImageFolder::default() }.read(folder.path())
        };
        let remark = of("d").unwrap().class_remark.unwrap();
        assert!(remark.contains("deeper, in cat, dog"), "{remark}");
        assert!(remark.contains("set `path = \"d/images\"`"), "{remark}");
        let error = of("d/images/cat").err().unwrap().to_string();
        assert!(error.contains("no class folders but 1 image"), "{error}");
        assert!(error.contains("if `cat` is a class, `path` is the folder above"), "{error}");
        assert!(of("d/images").unwrap().warnings.is_empty());

        std::fs::rename(folder.path().join("d/images"), folder.path().join("d/a")).unwrap();
        for file in ["d/b/cat/1.png", "d/b/dog/2.png"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let warnings = of("d").unwrap().warnings;
        assert!(warnings[0].contains("all of a, b have the same folders inside (cat, dog)"));
    }

    #[test]
    fn names_that_differ_in_form_only_are_one_class() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/caf\u{e9}/1.png", "a/cafe\u{301}/2.png", "a/tea/3.png"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let read = reader().read(folder.path()).unwrap();
        assert_eq!(read.class_names.unwrap(), ["caf\u{e9}", "tea"]);
        assert_eq!(read.targets.strata(), [0, 0, 1]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_may_have_any_name_and_a_class_a_name_in_unicode() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        let odd = OsStr::from_bytes(b"\xff\n\t.png");
        std::fs::write(folder.path().join("a/b").join(odd), b"").unwrap();
        assert_eq!(reader().read(folder.path()).unwrap().targets.strata(), [0, 0, 0, 0, 1]);
        std::fs::create_dir(folder.path().join("a").join(OsStr::from_bytes(b"\xff"))).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("a class's name must be valid Unicode"), "{error}");
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
