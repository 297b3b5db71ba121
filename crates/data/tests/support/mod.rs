//! Small data sets in a folder of their own.
#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses some of it")]

use std::io::Write;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use isthmus_core::spec::{DataSpec, Protocol, Task};
use isthmus_data::{Dataset, Roots};
use zip::write::SimpleFileOptions;

/// A folder with a data set `d` of the domains `a` and `b`.
pub struct Place {
    folder: tempfile::TempDir,
    pub roots: Roots,
}

impl Place {
    /// With this descriptor, the name left out.
    pub fn new(descriptor: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let datasets = folder.path().join("datasets");
        std::fs::create_dir_all(datasets.join("d")).unwrap();
        let roots = Roots {
            descriptors: vec![datasets],
            data: folder.path().join("data"),
            cache: folder.path().join("cache"),
        };
        let place = Self { folder, roots };
        place.describe(descriptor);
        place
    }

    /// Two folders of images.
    pub fn of_images() -> Self {
        Self::new(IMAGES)
    }

    /// Two pairs of arrays in `features.npz`.
    pub fn of_features() -> Self {
        Self::new(FEATURES)
    }

    pub fn describe(&self, descriptor: &str) {
        let text = format!("name = \"d\"\n{descriptor}");
        std::fs::write(self.folder.path().join("datasets/d.toml"), text).unwrap();
    }

    /// A file of the data set, the folders above it made.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join("datasets/d").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn cache(&self) -> &Path {
        &self.roots.cache
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.file(name), content).unwrap();
    }

    pub fn image(&self, name: &str, red: u8) {
        RgbImage::from_pixel(4, 4, Rgb([red, 0, 0])).save(self.file(name)).unwrap();
    }

    /// `number` images in each of the classes of a domain.
    pub fn classes(&self, domain: &str, classes: &[&str], number: u8) {
        for (class, name) in classes.iter().enumerate() {
            for image in 0..number {
                self.image(&format!("{domain}/{name}/{image}.png"), 10 * class as u8 + image);
            }
        }
    }

    /// `features.npz` with features of the given labels, one column.
    pub fn features(&self, a: &[i64], b: &[i64]) {
        let x = |labels: &[i64]| {
            let values = labels.iter().flat_map(|&label| (label as f32).to_le_bytes());
            npy("<f4", &[labels.len(), 1], &values.collect::<Vec<u8>>())
        };
        let y = |labels: &[i64]| {
            let values: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
            npy("<i8", &[labels.len()], &values)
        };
        let arrays = [("a_x", x(a)), ("a_y", y(a)), ("b_x", x(b)), ("b_y", y(b))];
        npz(&self.file("features.npz"), &arrays);
    }

    pub fn load(&self) -> Result<Dataset, String> {
        Dataset::load(&spec(), &self.roots).map_err(|error| error.to_string())
    }

    pub fn problem(&self) -> String {
        self.load().err().expect("the data was expected to be refused")
    }
}

pub const IMAGES: &str = r#"domains = [
  { name = "a", reader = { name = "image-folder", path = "a" } },
  { name = "b", reader = { name = "image-folder", path = "b" } },
]
"#;

pub const FEATURES: &str = r#"domains = [
  { name = "a", reader = { name = "features", features = "a_x", labels = "a_y" } },
  { name = "b", reader = { name = "features", features = "b_x", labels = "b_y" } },
]
"#;

/// `a -> b`, all samples.
pub fn spec() -> DataSpec {
    DataSpec::new("d", vec![Task::new(["a"], "b")], Protocol::Transductive)
}

/// The labels of a domain.
pub fn labels(dataset: &Dataset, domain: usize) -> Vec<u32> {
    dataset.domains[domain].sets()[0].source.targets.strata()
}

/// A `.npy` file's content.
pub fn npy(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub fn npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in arrays {
        writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}
