//! `image-list`: images that a text file names, with their classes.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::PluginConfig;
use isthmus_core::dataset::{EncodedImage, LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::labels::{Labels, UNLABELLED};
use crate::problem;
use crate::text_labels::{text_labels, whole_number};

/// Images that a text file lists, one a line: the path of the image and its class, with a space or a
/// tab between them. Paths may have spaces. Classes are whole numbers, or names; -1 marks an image
/// without a label, unless classes begin there. Empty lines and lines that begin with `#` are passed
/// over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageList {
    /// The list, relative to the data set's folder: `image_list/amazon.txt`.
    pub file: String,
    /// The folder that the paths begin from, relative to the data set's folder.
    pub path: String,
    /// Whether there are classes. With `false` a line is a path, whole, and the samples have no
    /// labels.
    pub labelled: bool,
    /// The number of the first class where classes are numbers: 1 where they run from 1.
    pub first_label: i64,
    /// Turns photos upright, as their EXIF orientation says. Without it they are used as they are
    /// stored, as torchvision does: pretrained weights were trained that way.
    pub exif_orientation: bool,
}

impl Default for ImageList {
    fn default() -> Self {
        Self {
            file: "images.txt".to_owned(),
            path: ".".to_owned(),
            labelled: true,
            first_label: 0,
            exif_orientation: false,
        }
    }
}

impl PluginConfig for ImageList {}

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
        vec![vec![PathBuf::from(&self.file)]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let list = folder.join(&self.file);
        let bytes = problem::read(&list)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| problem::file(&list, "is not UTF-8: a list of images is plain text"))?;
        let root = folder.join(&self.path);
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
            let image = root.join(name);
            if !image.is_file() {
                return Err(fail(format!(
                    "names {}, which is no file; paths begin at {} (`path`)",
                    image.display(),
                    root.display()
                )));
            }
            images.push(EncodedImage::File(image));
            let is_mark = self.first_label > UNLABELLED && whole_number(label) == Some(UNLABELLED);
            labels.push(if is_mark { "" } else { label });
        }
        if images.is_empty() {
            return Err(problem::file(&list, "lists no image"));
        }
        let samples = Samples::Encoded(images);
        let upright = self.exif_orientation;
        if !self.labelled {
            let targets = RowTargets::none(labels.len());
            return Ok(LabelledSamples { upright, ..LabelledSamples::new(samples, targets) });
        }
        let Labels { classes, names } = text_labels(&labels, self.first_label);
        Ok(LabelledSamples {
            upright,
            class_names: names,
            first_label: self.first_label,
            ..LabelledSamples::new(samples, RowTargets::of_classes(&classes))
        })
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
