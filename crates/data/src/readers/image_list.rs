//! `image-list`: images that a text file names, with their classes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{EncodedImage, ImageDecoding, LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_decoding::{brightness, check_window};
use crate::image_archive::ImageArchive;
use crate::labels::{Labels, UNLABELLED};
use crate::problem;
use crate::text_labels::{text_labels, whole_number};

/// Images that a text file lists, one a line: the path of the image and its class, with a space or a
/// tab between them. Paths may have spaces. Classes are whole numbers, or names; -1 marks an image
/// without a label, unless classes begin there. Empty lines and lines that begin with `#` are passed
/// over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageList {
    /// The list, relative to the data set's folder: `image_list/amazon.txt`.
    pub file: String,
    /// The folder that the paths begin from, relative to the data set's folder or, where `archive` is
    /// stated, in the archive.
    pub path: String,
    /// A zip or tar archive (`.tar`, `.tar.gz`, `.tgz`) that the images are in. A gzipped one is
    /// unpacked once: up to 128 MiB in memory, a larger one into the cache folder.
    pub archive: Option<String>,
    /// Whether there are classes. With `false` a line is a path, whole, and the samples have no
    /// labels.
    pub labelled: bool,
    /// The number of the first class where classes are numbers: 1 where they run from 1.
    pub first_label: i64,
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

impl Default for ImageList {
    fn default() -> Self {
        Self {
            file: "images.txt".to_owned(),
            path: ".".to_owned(),
            archive: None,
            labelled: true,
            first_label: 0,
            exif_orientation: false,
            window: None,
            stretch: false,
            slice: 0.5,
        }
    }
}

impl PluginConfig for ImageList {
    fn check(&self) -> Result<(), FieldProblem> {
        check_window(self.window, self.stretch)
    }
}

impl ReaderPlugin for ImageList {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Image
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<ImageList>(About {
        name: "image-list",
        summary: "images that a text file lists with their classes, one a line",
        paper: "",
    })
}

impl Reader for ImageList {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        let files = [Some(&self.file), self.archive.as_ref()];
        files.into_iter().flatten().map(|file| vec![PathBuf::from(file)]).collect()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let list = folder.join(&self.file);
        let bytes = problem::read(&list)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| problem::file(&list, "is not UTF-8: a list of images is plain text"))?;
        let place = self.place(folder)?;
        let mut images = Vec::new();
        let mut labels = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fail = |message: String| problem::inside(&list, format!("line {number}"), message);
            let (name, label) = match (self.labelled, line.rsplit_once([' ', '\t'])) {
                (false, _) => (line, ""),
                (true, Some((name, label))) => (name.trim_end(), label),
                (true, None) => {
                    return Err(fail(format!(
                        "is `{}`; expected a path and a class, with a space or a tab between them; \
                         for samples without labels set `labelled = false`",
                        problem::shown(line)
                    )));
                }
            };
            images.push(place.image(name).map_err(fail)?);
            let is_mark = self.first_label > UNLABELLED && whole_number(label) == Some(UNLABELLED);
            labels.push(if is_mark { "" } else { label });
        }
        if images.is_empty() {
            return Err(problem::file(&list, "lists no image"));
        }
        let samples = Samples::Encoded(images);
        let decoding = ImageDecoding {
            upright: self.exif_orientation,
            brightness: brightness(self.window, self.stretch),
            slice: self.slice,
        };
        if !self.labelled {
            let targets = RowTargets::none(labels.len());
            return Ok(LabelledSamples { decoding, ..LabelledSamples::new(samples, targets) });
        }
        let Labels { classes, names } = text_labels(&labels, self.first_label);
        Ok(LabelledSamples {
            decoding,
            class_names: names,
            first_label: self.first_label,
            ..LabelledSamples::new(samples, RowTargets::of_classes(&classes))
        })
    }
}

/// Where the images of a list are.
enum Place {
    Folder(PathBuf),
    Archive {
        archive: Arc<Path>,
        /// The folder in it that paths begin from, with a slash at its end, or nothing.
        inside: String,
        /// The entries by their names.
        entries: BTreeMap<String, usize>,
    },
}

impl ImageList {
    fn place(&self, folder: &Path) -> Result<Place, DataError> {
        let Some(archive) = &self.archive else {
            return Ok(Place::Folder(folder.join(&self.path)));
        };
        let path = folder.join(archive);
        let names = ImageArchive::open(&path)?.names(&path)?;
        let inside = plain(&self.path);
        Ok(Place::Archive {
            archive: path.into(),
            inside: if inside.is_empty() { inside } else { format!("{inside}/") },
            entries: names.into_iter().zip(0..).collect(),
        })
    }
}

/// A path as archives have it.
fn plain(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.trim_end_matches('/').trim_start_matches("./");
    if path == "." { String::new() } else { path.to_owned() }
}

impl Place {
    /// The image of a path in the list.
    fn image(&self, name: &str) -> Result<EncodedImage, String> {
        match self {
            Self::Folder(root) => {
                let image = root.join(name);
                if image.is_file() {
                    return Ok(EncodedImage::File(image));
                }
                Err(format!(
                    "names {}, which is no file; paths begin at {} (`path`)",
                    image.display(),
                    root.display()
                ))
            }
            Self::Archive { archive, inside, entries } => {
                let name = format!("{inside}{}", plain(name));
                match entries.get(&name) {
                    Some(&index) => {
                        Ok(EncodedImage::ArchiveEntry { archive: Arc::clone(archive), index, name })
                    }
                    None => Err(format!(
                        "names {}, which is not in {}{}; it begins with `{}`",
                        problem::shown(&name),
                        archive.display(),
                        problem::suggestion(&name, entries.keys().map(String::as_str)),
                        problem::shown(entries.keys().next().map_or("nothing", String::as_str)),
                    )),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, config: ImageList) -> Result<LabelledSamples, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        for name in ["a.jpg", "b c.jpg", "d.jpg"] {
            std::fs::write(folder.path().join("photos").join(name), b"").unwrap();
        }
        std::fs::write(folder.path().join("images.txt"), text).unwrap();
        config.read(folder.path()).map_err(|error| error.to_string())
    }

    fn photos() -> ImageList {
        ImageList { path: "photos".to_owned(), ..ImageList::default() }
    }

    #[test]
    fn a_line_is_a_path_and_a_class() {
        let found = read("# ours\n\nd.jpg 1\r\nb c.jpg\t0\n", photos()).unwrap();
        assert_eq!(found.targets.classes(), [Some(1), Some(0)]);
        assert_eq!(found.class_names, None);
        let Samples::Encoded(images) = &found.samples else { panic!("not images") };
        assert!(images[1].to_string().ends_with("b c.jpg"), "{}", images[1]);

        let named = read("\u{feff}d.jpg mug\na.jpg bike\n", photos()).unwrap();
        assert_eq!(named.class_names.unwrap(), ["bike", "mug"]);
        assert_eq!(named.targets.classes(), [Some(1), Some(0)]);

        let some = read("d.jpg -1\na.jpg 0\nb c.jpg 1\n", photos()).unwrap();
        assert_eq!(some.targets.classes(), [None, Some(0), Some(1)]);
        assert_eq!(some.class_names, None);

        let blind = ImageList { labelled: false, ..photos() };
        let found = read("b c.jpg\nd.jpg\n", blind).unwrap();
        assert_eq!((found.targets.rows(), found.targets.known_rows()), (2, 0));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = read("a.jpg 0\nd.jpg\n", photos()).unwrap_err();
        assert!(error.contains("images.txt, line 2: is `d.jpg`; expected a path and"), "{error}");
        let error = read("a.jpg 0\ne.jpg 1\n", photos()).unwrap_err();
        assert!(error.contains("line 2") && error.contains("which is no file"), "{error}");
        assert!(read("# nothing\n", photos()).unwrap_err().contains("lists no image"));
    }
}
