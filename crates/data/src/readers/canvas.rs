//! `canvas`: several images of another reader on one.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{Choice, FieldProblem, PluginConfig, ReaderKind};
use isthmus_core::dataset::{LabelledSamples, Reader, SampleOutline, Samples};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::{RowTargets, TargetKind, Targets};
use isthmus_core::validation::Matrix;
use rand::RngExt;
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::readers::part::{Parts, check_part, part, parts};

/// Cells of a canvas, by side.
const CELLS: usize = 2;

/// Canvases of 2x2 cells, on each of which some images of another reader stand in cells of their
/// own; the rest is 0. The targets are the set of their classes: a data set of several labels made
/// of one of single classes. Which images stand where, the seed decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Canvas {
    /// The reader of the images, which have one size and a class each: `{ name = "idx", images =
    /// "...", labels = "..." }`.
    pub of: Choice<ReaderKind>,
    /// Images on a canvas.
    #[schemars(range(min = 1, max = 4))]
    pub objects: usize,
    /// Number of canvases.
    #[schemars(range(min = 1))]
    pub samples: usize,
    /// Decides which images stand where.
    pub seed: u64,
}

impl Default for Canvas {
    fn default() -> Self {
        Self { of: Choice::named("idx"), objects: 2, samples: 2000, seed: 0 }
    }
}

impl PluginConfig for Canvas {
    fn check(&self) -> Result<(), FieldProblem> {
        check_part(&self.of, "of", SampleKind::Image)
    }
}

impl ReaderPlugin for Canvas {
    fn build(self) -> Box<dyn Reader> {
        let images = part(&self.of);
        Box::new(CanvasReader { config: self, images })
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Image
    }

    fn targets(&self) -> TargetKind {
        TargetKind::Labels
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Canvas>(About {
        name: "canvas",
        summary: "several images of another reader on one, with the set of their classes",
        paper: "",
    })
}

struct CanvasReader {
    config: Canvas,
    images: Box<dyn Reader>,
}

impl Reader for CanvasReader {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        self.images.files()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let read = self.images.read(folder)?;
        let Samples::Images { channels, height, width, pixels } = &read.samples else {
            return Err(DataError::Mismatch(format!(
                "`canvas` takes images of one size, which the reader `{}` does not give",
                self.config.of.name
            )));
        };
        let Parts { rows: known, classes, count, names } = parts(&read, &self.config.of.name)?;
        let Canvas { objects, samples, seed, .. } = self.config;
        let (row, size) = (width * channels, height * width * channels);
        let mut canvases = vec![0u8; samples * CELLS * CELLS * size];
        let mut labels = vec![0.0; samples * count];
        let key = Key::new(seed).named("canvas");
        let chunks = canvases.chunks_mut(CELLS * CELLS * size);
        for ((number, canvas), labels) in (0..).zip(chunks).zip(labels.chunks_mut(count)) {
            let mut rng = key.at(number).rng();
            let mut cells: Vec<usize> = (0..CELLS * CELLS).collect();
            cells.shuffle(&mut rng);
            for &cell in &cells[..objects] {
                let chosen = rng.random_range(0..known.len());
                labels[classes[chosen] as usize] = 1.0;
                let image = &pixels[known[chosen] * size..(known[chosen] + 1) * size];
                let (top, left) = (cell / CELLS * height, cell % CELLS * row);
                for (line, values) in image.chunks(row).enumerate() {
                    let start = (top + line) * CELLS * row + left;
                    canvas[start..start + row].copy_from_slice(values);
                }
            }
        }
        let targets = Targets::Labels(Matrix::new(samples, count, labels));
        let images = Samples::Images {
            channels: *channels,
            height: CELLS * height,
            width: CELLS * width,
            pixels: canvases,
        };
        Ok(LabelledSamples {
            class_names: names,
            warnings: read.warnings.clone(),
            ..LabelledSamples::new(images, RowTargets::all(targets))
        })
    }

    fn outline(&self, folder: &Path) -> Result<SampleOutline, DataError> {
        Ok(self.read(folder)?.outline())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy;

    /// A folder with three images of 1x2 pixels, of classes 0, 1 and 2: their pixels are ten times
    /// their class and one more.
    fn folder() -> tempfile::TempDir {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("images.npz")).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        let images = npy::encode("|u1", &[3, 1, 2], false, &[1, 2, 11, 12, 21, 22]);
        let labels = npy::encode("|u1", &[3], false, &[0, 1, 2]);
        for (name, bytes) in [("images.npy", images), ("labels.npy", labels)] {
            archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
        folder
    }

    fn reader(fields: &str) -> Canvas {
        let text = format!("of = {{ name = \"npz-images\", file = \"images.npz\" }}\n{fields}");
        let canvas: Canvas = toml::from_str(&text).unwrap();
        canvas.check().unwrap();
        canvas
    }

    #[test]
    fn images_stand_in_cells_of_their_own_with_the_set_of_their_classes() {
        let folder = folder();
        let read = reader("samples = 50\nobjects = 2").build().read(folder.path()).unwrap();
        let Samples::Images { channels, height, width, pixels } = &read.samples else {
            panic!("{:?}", read.samples)
        };
        assert_eq!((*channels, *height, *width), (1, 2, 4));
        let Targets::Labels(labels) = read.targets.targets() else { panic!("{:?}", read.targets) };
        for (canvas, labels) in pixels.chunks(8).zip(labels.iter_rows()) {
            let mut found = [0.0; 3];
            let mut objects = 0;
            for pair in canvas.chunks(2).filter(|pair| pair[0] > 0) {
                assert_eq!(pair[1], pair[0] + 1, "{canvas:?}");
                found[usize::from(pair[0] / 10)] = 1.0;
                objects += 1;
            }
            assert_eq!((objects, &found[..]), (2, labels), "{canvas:?}");
        }
        let again = reader("samples = 50").build().read(folder.path()).unwrap();
        let other = reader("samples = 50\nseed = 1").build().read(folder.path()).unwrap();
        assert_eq!(again.targets, read.targets);
        assert_ne!(other.targets, read.targets);
    }

    #[test]
    fn the_part_must_be_a_reader_of_images_without_mistakes() {
        let problem = |of: &str| {
            let canvas: Canvas = toml::from_str(&format!("of = {of}")).unwrap();
            canvas.check().unwrap_err().message
        };
        assert!(problem("{ name = \"ixd\" }").contains("`ixd`"));
        assert!(problem("{ name = \"features\" }").contains("reads features, not images"));
        let unknown = problem("{ name = \"npz-images\", fiel = \"x\" }");
        assert!(unknown.contains("`fiel`"), "{unknown}");
    }
}
