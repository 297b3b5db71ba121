//! Images of files and archives, decoded on demand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isthmus_core::augmentation::{ImagePixels, SampleKind, SampleMut};
use isthmus_core::dataset::{EncodedImage, ImageDecoding, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::Transform;
use isthmus_core::stage::SampleView;

use crate::corrupted::SetCorruption;
use crate::decode::{self, Decoder};
use crate::transform::ImageTransform;
use crate::views::Views;

/// Images of files or archives, decoded and transformed in parallel when they are asked for.
#[derive(Clone)]
pub struct EncodedSource {
    images: Arc<[EncodedImage]>,
    decoder: Arc<Decoder>,
    transform: ImageTransform,
    shape: InputShape,
    /// The folder that all images are in: their names are those below it.
    folder: PathBuf,
    corruption: Option<SetCorruption>,
    views: Views,
}

impl EncodedSource {
    /// Images that are decoded on demand. Where the transform states no number of channels, all
    /// become RGB; where it states no size, all must have the size of the first.
    ///
    /// # Errors
    /// If the transform cannot be used or an archive cannot be opened.
    pub fn new(
        images: Vec<EncodedImage>,
        decoding: ImageDecoding,
        transform: &Transform,
    ) -> Result<Self, DataError> {
        const COLOUR: usize = 3;
        let decoder = Decoder::new(&images, decoding)?;
        let mut transform = transform.clone();
        transform.channels.get_or_insert(COLOUR);
        let transform = ImageTransform::new(&transform, COLOUR)?;
        let shape = match images.first() {
            Some(first) if !transform.has_fixed_size() => {
                let first = decoder.decode(first)?;
                transform.shape(first.height, first.width)
            }
            _ => transform.shape(0, 0),
        };
        let folder = common_folder(&images);
        Ok(Self {
            images: images.into(),
            decoder: Arc::new(decoder),
            transform,
            shape,
            folder,
            corruption: None,
            views: Views::default(),
        })
    }

    /// The same images, corrupted after the transform, before they are augmented and normalised.
    ///
    /// # Errors
    /// If the corruption is not one of images.
    pub(crate) fn corrupted(self, corruption: SetCorruption) -> Result<Self, DataError> {
        corruption.check(SampleKind::Image)?;
        Ok(Self { corruption: Some(corruption), ..self })
    }

    /// The same images, their training views augmented.
    ///
    /// # Errors
    /// If an augmentation is not one of images.
    pub fn with_views(self, views: &Views) -> Result<Self, DataError> {
        views.check(SampleKind::Image)?;
        Ok(Self { views: views.clone(), ..self })
    }

    fn view(&self, row: usize, view: SampleView) -> Result<ImagePixels, DataError> {
        let (SampleView::Weak(key) | SampleView::Strong(key)) = view else {
            return self.transformed(row, None);
        };
        let key = key.at(row as u64);
        let mut image = self.transformed(row, Some(&key))?;
        self.views.apply(view, SampleMut::Image(&mut image), &key);
        Ok(image)
    }

    fn transformed(&self, row: usize, key: Option<&Key>) -> Result<ImagePixels, DataError> {
        let encoded = &self.images[row];
        let image = self.decoder.decode(encoded)?;
        let size = [image.width, image.height];
        let image = match key {
            Some(key) => self.transform.training(image, key),
            None => self.transform.plain(image),
        }
        .map_err(|error| DataError::File {
            file: decode::place(encoded),
            problem: error.to_string(),
        })?;
        if self.transform.shape(image.height, image.width) == self.shape
            && image.pixels.len() == self.shape.len()
        {
            let mut image = image;
            if let Some(corruption) = &self.corruption {
                corruption.apply(SampleMut::Image(&mut image), row);
            }
            return Ok(image);
        }
        Err(DataError::File {
            file: decode::place(encoded),
            problem: format!(
                "has {} x {} pixels, unlike the first image ({}); set `transform.resize`",
                size[0], size[1], self.shape
            ),
        })
    }
}

impl SampleSource for EncodedSource {
    fn rows(&self) -> usize {
        self.images.len()
    }

    fn name(&self, row: usize) -> String {
        match &self.images[row] {
            EncodedImage::File(path) => {
                let path = path.strip_prefix(&self.folder).unwrap_or(path);
                path.to_string_lossy().replace('\\', "/")
            }
            EncodedImage::ArchiveEntry { name, .. } => name.clone(),
        }
    }

    fn shape(&self) -> InputShape {
        self.shape
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let mut values = vec![0.0; indices.len() * self.shape.len()];
        self.transform.write_rows(&mut values, indices, |row| self.view(row, view))?;
        Ok(values.into())
    }

    fn is_slow(&self) -> bool {
        true
    }
}

/// The deepest folder that all image files are in.
fn common_folder(images: &[EncodedImage]) -> PathBuf {
    let folder = |image: &EncodedImage| match image {
        EncodedImage::File(path) => path.parent().map(Path::to_owned),
        EncodedImage::ArchiveEntry { .. } => None,
    };
    let common = |a: PathBuf, b: PathBuf| -> PathBuf {
        let same = a.components().zip(b.components()).take_while(|(a, b)| a == b);
        same.map(|(component, _)| component).collect()
    };
    images.iter().filter_map(folder).reduce(common).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &dyn SampleSource, rows: &[usize], view: SampleView) -> Vec<f32> {
        source.values(rows, view).unwrap().into_dense().unwrap()
    }

    #[test]
    fn encoded_images_of_different_sizes_need_a_resize() {
        let folder = tempfile::tempdir().unwrap();
        let images: Vec<EncodedImage> = [(4, 5), (6, 5)]
            .iter()
            .enumerate()
            .map(|(index, &(width, height))| {
                let path = folder.path().join(format!("{index}.png"));
                image::RgbImage::from_pixel(width, height, image::Rgb([255, 0, 0]))
                    .save(&path)
                    .unwrap();
                EncodedImage::File(path)
            })
            .collect();
        let source =
            EncodedSource::new(images.clone(), ImageDecoding::default(), &Transform::default())
                .unwrap();
        assert_eq!(source.shape(), InputShape::Image { channels: 3, height: 5, width: 4 });
        assert!(source.values(&[0], SampleView::Plain).is_ok());
        let error = source.values(&[0, 1], SampleView::Plain).err().unwrap().to_string();
        assert!(error.contains("1.png: has 6 x 5 pixels"), "{error}");
        let resize = Transform { resize: Some(3), ..Transform::default() };
        let source = EncodedSource::new(images, ImageDecoding::default(), &resize).unwrap();
        let values = read(&source, &[0, 1], SampleView::Plain);
        assert_eq!(values.len(), 2 * 27);
        assert_eq!((values[0], values[9], values[27]), (1.0, 0.0, 1.0));
    }
}
