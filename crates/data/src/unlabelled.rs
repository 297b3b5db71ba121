//! Samples without labels from a folder or a file, for prediction.

use std::path::Path;

use isthmus_core::augmentation::SampleKind;
use isthmus_core::dataset::{EncodedImage, LabelledSamples, LabelledSource, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::spec::Transform;
use isthmus_core::targets::RowTargets;

use crate::readers::{Features, ImageFolder, NpzImages, Series, Text, TextFile, TextFormat};
use crate::sources::{Stored, Transformed};
use crate::views::Views;
use crate::{image_archive, problem};

/// What is predicted, as far as the path alone does not tell.
#[derive(Clone, Copy, Debug)]
pub struct UnlabelledFile<'a> {
    /// The folder or file.
    pub path: &'a Path,
    /// What the samples are.
    pub kind: SampleKind,
    /// Name of the array of a `.npz`, HDF5 or MATLAB file, or of the field, column or tag of texts;
    /// absent: `images`, `x` or `text`.
    pub array: Option<&'a str>,
    /// Name of the array of lengths, where the samples are series of different lengths.
    pub lengths: Option<&'a str>,
    /// How images become inputs.
    pub transform: Option<&'a Transform>,
}

impl UnlabelledFile<'_> {
    /// Reads the samples: all images below a folder or in a zip or tar archive, one image, an array of
    /// features, series or small images, all texts below a folder or in a file.
    ///
    /// # Errors
    /// If there is nothing to read, or it is not what the model takes.
    pub fn read(&self) -> Result<LabelledSource, DataError> {
        let read = self.samples()?;
        let stored = Stored::from(&read);
        let samples = Transformed::new(read.samples, stored, self.transform)?
            .source(None, &Views::default())?;
        Ok(LabelledSource { samples, targets: read.targets })
    }

    fn samples(&self) -> Result<LabelledSamples, DataError> {
        let (folder, name) = match (self.path.parent(), self.path.file_name()) {
            (Some(folder), Some(name)) => (folder, name.to_string_lossy().into_owned()),
            _ => (Path::new(""), String::new()),
        };
        if self.path.is_dir() && self.kind == SampleKind::Image {
            let reader =
                ImageFolder { path: ".".to_owned(), labelled: false, ..Default::default() };
            return reader.read(self.path);
        }
        if !self.path.exists() {
            return Err(problem::file(self.path, "there is no such file or folder"));
        }
        let ending = self.path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_array = ["npz", "npy", "h5", "hdf5", "mat"].contains(&ending.as_str());
        match (self.kind, is_array) {
            (SampleKind::Text, _) => self.texts(folder, name),
            (SampleKind::Series, true) => {
                let lengths = self.lengths.map(str::to_owned);
                let mut reader =
                    Series { file: name, lengths, labelled: false, ..Default::default() };
                if let Some(array) = self.array {
                    array.clone_into(&mut reader.series);
                }
                reader.read(folder)
            }
            (SampleKind::Features, true) => {
                let mut reader = Features { file: name, labelled: false, ..Default::default() };
                if let Some(array) = self.array {
                    array.clone_into(&mut reader.features);
                }
                reader.read(folder)
            }
            (SampleKind::Features | SampleKind::Series, false) => Err(problem::file(
                self.path,
                format!(
                    "the model takes {}: expected a `.npz`, `.npy`, HDF5 or `.mat` file; sound is read by the \
                     reader `audio` of a data set, which is named in the file's place",
                    self.kind
                ),
            )),
            (SampleKind::Image, true) => {
                let mut reader = NpzImages { file: name, labelled: false, ..Default::default() };
                if let Some(array) = self.array {
                    array.clone_into(&mut reader.images);
                }
                reader.read(folder)
            }
            (SampleKind::Image, false) if image_archive::is_named_so(&name) => {
                let reader = ImageFolder {
                    path: ".".to_owned(),
                    archive: Some(name),
                    labelled: false,
                    ..Default::default()
                };
                reader.read_archive(folder)
            }
            (SampleKind::Image, false) => {
                let image = EncodedImage::File(self.path.to_owned());
                Ok(LabelledSamples::new(Samples::Encoded(vec![image]), RowTargets::none(1)))
            }
        }
    }

    /// The ending says how texts are written.
    fn texts(&self, folder: &Path, name: String) -> Result<LabelledSamples, DataError> {
        let unpacked = name.strip_suffix(".gz").unwrap_or(&name).to_lowercase();
        let ending = unpacked.rsplit_once('.').map_or("", |(_, ending)| ending);
        let mut reader = Text {
            files: vec![TextFile { file: name, class: None }],
            labelled: false,
            ..Default::default()
        };
        reader.format = match ending {
            _ if self.path.is_dir() => TextFormat::Folder,
            "jsonl" | "ndjson" => TextFormat::JsonLines,
            "csv" | "tsv" => TextFormat::Table,
            "xml" | "review" | "parsed" => TextFormat::Tagged,
            "txt" => TextFormat::Lines,
            _ => {
                return Err(problem::file(
                    self.path,
                    "the model takes texts: expected a folder of `.txt` files, a file `.txt` with a \
                     text a line, `.jsonl`, `.csv`, `.tsv` or `.xml`, each also with `.gz`",
                ));
            }
        };
        if ending == "tsv" {
            "\t".clone_into(&mut reader.separator);
        }
        if let Some(field) = self.array {
            field.clone_into(&mut reader.text);
        }
        reader.read(folder)
    }
}
