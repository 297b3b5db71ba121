//! Images in a tree of folders or in an archive of one, by class; and what else is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isthmus_core::dataset::EncodedImage;
use isthmus_core::error::DataError;

use crate::folder::{is_hidden, visible_names};
use crate::image_archive::ImageArchive;
use crate::labels::class_name;
use crate::{problem, sniff};

/// Endings of the files that are read.
pub(super) const READ: [&str; 18] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "pgm", "ppm", "pbm",
    "pnm", "dcm", "dicom", "nii", "nii.gz",
];
/// Endings of images and films that are not read: it is said when they are left out.
const NOT_READ: [&str; 27] = [
    "heic", "heif", "avif", "jp2", "j2k", "jxl", "jxr", "svg", "ico", "psd", "raw", "cr2", "cr3",
    "nef", "arw", "dng", "exr", "hdr", "tga", "pcx", "eps", "pdf", "mp4", "mov", "avi", "mkv",
    "webm",
];

/// What is in the place of images.
#[derive(Default)]
pub(super) struct Found {
    /// The images of each class, by the class's name.
    pub classes: BTreeMap<String, Vec<Member>>,
    /// Images that lie beside the classes' folders.
    pub beside: Vec<EncodedImage>,
    /// Number of images that are not read, by ending.
    left_out: BTreeMap<String, usize>,
}

/// An image of a class.
pub(super) struct Member {
    /// The image.
    pub image: EncodedImage,
    /// The folders between the class's folder and the file.
    pub inside: Option<PathBuf>,
}

impl Found {
    fn leave_out(&mut self, ending: &str) {
        if NOT_READ.contains(&ending) {
            *self.left_out.entry(format!(".{ending}")).or_default() += 1;
        }
    }

    /// `12 images that are not read (8 .heic, 4 .avif)`.
    pub fn left_out_text(&self) -> Option<String> {
        if self.left_out.is_empty() {
            return None;
        }
        let count = self.left_out.values().sum();
        let endings = self.left_out.iter().map(|(ending, count)| format!("{count} {ending}"));
        Some(format!(
            "{} of other formats ({})",
            problem::counted(count, "file"),
            problem::some_of(endings)
        ))
    }

    /// What users should know of what is not read.
    pub fn warnings(&self, place: &Path) -> Vec<String> {
        let place = place.display();
        let left_out = self.left_out_text().map(|text| {
            format!("{place}: {text} left out; convert them to png or jpg to use them")
        });
        let beside = (!self.beside.is_empty()).then(|| {
            format!(
                "{place}: {} beside the classes' folders left out, of no class: {}",
                problem::counted(self.beside.len(), "image"),
                problem::some_of(self.beside.iter().map(file_name))
            )
        });
        left_out.into_iter().chain(beside).collect()
    }
}

/// The images of an archive below its folder `inside`.
pub(super) fn in_archive(path: &Path, inside: &str) -> Result<Found, DataError> {
    let names = ImageArchive::open(path)?.names(path)?;
    let shared: Arc<Path> = path.into();
    let inside = inside.trim_end_matches('/').trim_start_matches("./");
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
    let mut found = Found::default();
    for (name, index) in entries {
        let Some((class, file)) = name.split_once('/') else {
            if !is_hidden(&name) && ending_of(Path::new(&name)).is_some_and(|it| is_read(&it)) {
                found.beside.push(EncodedImage::ArchiveEntry {
                    archive: Arc::clone(&shared),
                    index,
                    name: names[index].clone(),
                });
            }
            continue;
        };
        // No class has the name of a folder above, or none, as in a name that begins with a slash.
        if class.is_empty() || is_hidden(class) {
            continue;
        }
        let members = found.classes.entry(class_name(class)).or_default();
        let path = Path::new(file);
        if file.is_empty() || file.ends_with('/') || file.split('/').any(is_hidden) {
            continue;
        }
        match ending_of(path) {
            Some(ending) if is_read(&ending) => members.push(Member {
                image: EncodedImage::ArchiveEntry {
                    archive: Arc::clone(&shared),
                    index,
                    name: names[index].clone(),
                },
                inside: folders_of(path),
            }),
            Some(ending) => found.leave_out(&ending),
            None => {}
        }
    }
    Ok(found)
}

/// The images of a folder.
pub(super) fn in_tree(tree: &Path) -> Result<Found, DataError> {
    let mut found = Found::default();
    for name in visible_names(tree)? {
        let path = tree.join(&name);
        if path.is_dir() {
            let name = name.into_string().map_err(|name| {
                problem::file(tree.join(name), "a class's name must be valid Unicode; rename it")
            })?;
            let mut files = Vec::new();
            collect_images(&path, &mut files, &mut found)?;
            files.sort();
            let member = |file: PathBuf| Member {
                inside: folders_of(file.strip_prefix(&path).unwrap_or(&file)),
                image: EncodedImage::File(file),
            };
            found
                .classes
                .entry(class_name(&name))
                .or_default()
                .extend(files.into_iter().map(member));
        } else if is_image(&path) || (ending_of(&path).is_none() && is_dicom(&path)?) {
            found.beside.push(EncodedImage::File(path));
        }
    }
    Ok(found)
}

fn collect_images(
    folder: &Path,
    files: &mut Vec<PathBuf>,
    found: &mut Found,
) -> Result<(), DataError> {
    for name in visible_names(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            collect_images(&path, files, found)?;
            continue;
        }
        match ending_of(&path) {
            Some(ending) if is_read(&ending) => files.push(path),
            Some(ending) => found.leave_out(&ending),
            None => {
                let kind = sniff::kind_of(&problem::first_bytes(&path)?);
                if kind.as_deref() == Some(sniff::DICOM) {
                    files.push(path);
                } else if kind.is_some_and(|kind| kind.ends_with("image")) {
                    *found.left_out.entry("without an ending".to_owned()).or_default() += 1;
                }
            }
        }
    }
    Ok(())
}

/// The name of an image's file, without its folders.
fn file_name(image: &EncodedImage) -> String {
    let name = match image {
        EncodedImage::File(path) => {
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        }
        EncodedImage::ArchiveEntry { name, .. } => name.rsplit('/').next().map(str::to_owned),
    };
    name.unwrap_or_default()
}

/// The folders of a path, if there are any.
fn folders_of(path: &Path) -> Option<PathBuf> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned)
}

fn ending_of(path: &Path) -> Option<String> {
    const VOLUME: &str = "nii.gz";
    let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
    let is_volume = || path.to_string_lossy().to_ascii_lowercase().ends_with(&format!(".{VOLUME}"));
    Some(if ending == "gz" && is_volume() { VOLUME.to_owned() } else { ending })
}

/// Whether a file is DICOM, by its content.
fn is_dicom(path: &Path) -> Result<bool, DataError> {
    Ok(sniff::kind_of(&problem::first_bytes(path)?).as_deref() == Some(sniff::DICOM))
}

/// Whether a file is an image that is read, by its ending.
pub(crate) fn is_image(path: &Path) -> bool {
    ending_of(path).is_some_and(|ending| is_read(&ending))
}

fn is_read(ending: &str) -> bool {
    READ.contains(&ending)
}
