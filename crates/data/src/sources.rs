//! Samples ready for a network: features, small images in memory, images decoded on demand. Series
//! are in [`series_source`](crate::series_source).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isthmus_core::augmentation::{ImagePixels, SampleKind, SampleMut};
use isthmus_core::dataset::{EncodedImage, SampleSource, Samples};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::Transform;
use isthmus_core::stage::SampleView;
use rayon::prelude::*;

use crate::corrupted::{CorruptedValues, SetCorruption};
use crate::decode::{self, Decoder};
use crate::series_source::{SeriesSource, VariableSeriesSource};
use crate::transform::ImageTransform;
use crate::views::Views;

/// Samples after the transform, before they are corrupted and augmented. Copies share the samples.
#[derive(Clone)]
pub(crate) enum Transformed {
    Features(FeatureSource),
    Series(SeriesSource),
    VariableSeries(VariableSeriesSource),
    Images(ImageSource),
    Encoded(EncodedSource),
}

impl Transformed {
    /// Transforms samples; `upright` turns images as their EXIF orientation says.
    ///
    /// # Errors
    /// If the transform does not fit the samples, or an image cannot be read.
    pub fn new(
        samples: Samples,
        upright: bool,
        transform: Option<&Transform>,
    ) -> Result<Self, DataError> {
        let plain = Transform::default();
        let transform = transform.unwrap_or(&plain);
        Ok(match samples {
            Samples::Features { size, values } => Self::Features(FeatureSource::new(size, values)),
            Samples::Series { channels, length, values } => {
                Self::Series(SeriesSource::new(channels, length, values))
            }
            Samples::VariableSeries { channels, lengths, values } => {
                Self::VariableSeries(VariableSeriesSource::new(channels, lengths, values))
            }
            Samples::Images { channels, height, width, pixels } => {
                Self::Images(ImageSource::new([channels, height, width], pixels, transform)?)
            }
            Samples::Encoded(images) => {
                Self::Encoded(EncodedSource::new(images, upright, transform)?)
            }
        })
    }

    /// The samples ready for use.
    ///
    /// # Errors
    /// If the corruption or a view does not fit the samples.
    pub fn source(
        self,
        corruption: Option<SetCorruption>,
        views: &Views,
    ) -> Result<Arc<dyn SampleSource>, DataError> {
        let values = |samples: Arc<dyn SampleSource>, corruption: Option<SetCorruption>| {
            views.over_samples(match corruption {
                Some(corruption) => Arc::new(CorruptedValues::new(samples, corruption)?),
                None => samples,
            })
        };
        Ok(match (self, corruption) {
            (Self::Features(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::Series(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::VariableSeries(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::Images(images), None) => Arc::new(images.with_views(views)?),
            (Self::Encoded(images), None) => Arc::new(images.with_views(views)?),
            (Self::Images(images), Some(it)) => Arc::new(images.corrupted(it)?.with_views(views)?),
            (Self::Encoded(images), Some(it)) => Arc::new(images.corrupted(it)?.with_views(views)?),
        })
    }
}

/// The given rows, of `size` values each.
pub(crate) fn rows_of(values: &[f32], size: usize, indices: &[usize]) -> Vec<f32> {
    let mut found = Vec::with_capacity(indices.len() * size);
    for &row in indices {
        found.extend_from_slice(&values[row * size..(row + 1) * size]);
    }
    found
}

/// Feature vectors in memory. Every view is the same.
#[derive(Clone)]
pub struct FeatureSource {
    size: usize,
    values: Arc<[f32]>,
    /// The samples that these are features of, for their names.
    origin: Option<Arc<dyn SampleSource>>,
}

impl FeatureSource {
    /// Vectors of `size` values, one after the other.
    pub fn new(size: usize, values: impl Into<Arc<[f32]>>) -> Self {
        Self { size, values: values.into(), origin: None }
    }

    /// The same features under the names of the samples that they were extracted from.
    pub fn of(self, origin: Arc<dyn SampleSource>) -> Self {
        Self { origin: Some(origin), ..self }
    }
}

impl SampleSource for FeatureSource {
    fn rows(&self) -> usize {
        self.values.len().checked_div(self.size).unwrap_or(0)
    }

    fn shape(&self) -> InputShape {
        InputShape::Features { size: self.size }
    }

    fn name(&self, row: usize) -> String {
        self.origin.as_ref().map_or_else(|| row.to_string(), |origin| origin.name(row))
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        Ok(rows_of(&self.values, self.size, indices).into())
    }
}

/// Small images of one size in memory. Resizing and cropping are done once, on the way in;
/// pixels stay bytes until a batch asks for them.
#[derive(Clone)]
pub struct ImageSource {
    transform: ImageTransform,
    shape: InputShape,
    plain: Arc<[u8]>,
    /// The images as they were, where training views are random.
    original: Option<Arc<Original>>,
    corruption: Option<SetCorruption>,
    views: Views,
}

struct Original {
    dims: [usize; 3],
    pixels: Vec<u8>,
}

impl Original {
    fn image(&self, row: usize) -> ImagePixels {
        let [channels, height, width] = self.dims;
        let size = channels * height * width;
        let pixels = self.pixels[row * size..(row + 1) * size].to_vec();
        ImagePixels { channels, height, width, pixels }
    }
}

impl ImageSource {
    /// Images of `[channels, height, width]`, their pixels as `[rows, height, width, channels]`.
    ///
    /// # Errors
    /// If the transform does not fit them.
    pub fn new(
        dims: [usize; 3],
        pixels: Vec<u8>,
        transform: &Transform,
    ) -> Result<Self, DataError> {
        let [channels, height, width] = dims;
        let transform = ImageTransform::new(transform, channels)?;
        let shape = transform.shape(height, width);
        let original = Original { dims, pixels };
        let rows = original.pixels.len() / (channels * height * width);
        let mut plain = vec![0; rows * shape.len()];
        plain.par_chunks_mut(shape.len()).enumerate().try_for_each(|(row, place)| {
            place.copy_from_slice(&transform.plain(original.image(row))?.pixels);
            Ok::<_, DataError>(())
        })?;
        let original = transform.is_random().then(|| Arc::new(original));
        let (plain, views) = (plain.into(), Views::default());
        Ok(Self { transform, shape, plain, original, corruption: None, views })
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

    /// A training view of an image; `key` is the image's own.
    fn view(&self, row: usize, view: SampleView, key: &Key) -> Result<ImagePixels, DataError> {
        let mut image = match &self.original {
            Some(original) => self.transform.training(original.image(row), key)?,
            None => self.plain_image(row),
        };
        if let Some(corruption) = &self.corruption {
            corruption.apply(SampleMut::Image(&mut image), row);
        }
        self.views.apply(view, SampleMut::Image(&mut image), key);
        Ok(image)
    }

    fn corrupted_image(&self, row: usize, corruption: &SetCorruption) -> ImagePixels {
        let mut image = self.plain_image(row);
        corruption.apply(SampleMut::Image(&mut image), row);
        image
    }

    fn plain_image(&self, row: usize) -> ImagePixels {
        let InputShape::Image { channels, height, width } = self.shape else {
            unreachable!("a transform makes images")
        };
        let size = self.shape.len();
        let pixels = self.plain[row * size..(row + 1) * size].to_vec();
        ImagePixels { channels, height, width, pixels }
    }
}

impl SampleSource for ImageSource {
    fn rows(&self) -> usize {
        self.plain.len() / self.shape.len()
    }

    fn shape(&self) -> InputShape {
        self.shape
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let size = self.shape.len();
        let mut values = vec![0.0; indices.len() * size];
        match view {
            SampleView::Weak(key) | SampleView::Strong(key)
                if self.original.is_some() || self.views.change(view) =>
            {
                fill(&mut values, &self.transform, indices, |row| {
                    self.view(row, view, &key.at(row as u64))
                })?;
            }
            _ if self.corruption.is_some() => {
                let corruption = self.corruption.as_ref().expect("asked just now");
                fill(&mut values, &self.transform, indices, |row| {
                    Ok(self.corrupted_image(row, corruption))
                })?;
            }
            _ => {
                for (values, &row) in values.chunks_exact_mut(size).zip(indices) {
                    self.transform.write(&self.plain[row * size..(row + 1) * size], values);
                }
            }
        }
        Ok(values.into())
    }

    fn is_slow(&self) -> bool {
        self.original.is_some() || self.corruption.is_some() || self.views.augment()
    }
}

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
    /// Images that are decoded on demand, and turned as their EXIF orientation says where `upright`
    /// is set. Where the transform states no number of channels, all
    /// become RGB; where it states no size, all must have the size of the first.
    ///
    /// # Errors
    /// If the transform cannot be used or an archive cannot be opened.
    pub fn new(
        images: Vec<EncodedImage>,
        upright: bool,
        transform: &Transform,
    ) -> Result<Self, DataError> {
        const COLOUR: usize = 3;
        let decoder = Decoder::new(&images, upright)?;
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
            EncodedImage::ZipEntry { name, .. } => name.clone(),
        }
    }

    fn shape(&self) -> InputShape {
        self.shape
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let mut values = vec![0.0; indices.len() * self.shape.len()];
        fill(&mut values, &self.transform, indices, |row| self.view(row, view))?;
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
        EncodedImage::ZipEntry { .. } => None,
    };
    let common = |a: PathBuf, b: PathBuf| -> PathBuf {
        let same = a.components().zip(b.components()).take_while(|(a, b)| a == b);
        same.map(|(component, _)| component).collect()
    };
    images.iter().filter_map(folder).reduce(common).unwrap_or_default()
}

/// Makes images in parallel and writes their values one after the other.
fn fill(
    values: &mut [f32],
    transform: &ImageTransform,
    rows: &[usize],
    image: impl Fn(usize) -> Result<ImagePixels, DataError> + Sync,
) -> Result<(), DataError> {
    let size = values.len().checked_div(rows.len()).unwrap_or(0).max(1);
    values.par_chunks_mut(size).zip(rows).try_for_each(|(place, &row)| {
        transform.write(&image(row)?.pixels, place);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use isthmus_core::rows_of::RowsOf;

    use super::*;

    fn read(source: &dyn SampleSource, rows: &[usize], view: SampleView) -> Vec<f32> {
        source.values(rows, view).unwrap().into_dense().unwrap()
    }

    fn numbers(range: std::ops::Range<usize>) -> Arc<dyn SampleSource> {
        let values: Vec<f32> = range.flat_map(|row| [row as f32, -(row as f32)]).collect();
        Arc::new(FeatureSource::new(2, values))
    }

    #[test]
    fn rows_come_in_the_order_asked_for() {
        let source = numbers(0..5);
        assert_eq!(source.rows(), 5);
        assert_eq!(read(&*source, &[3, 0], SampleView::Plain), [3.0, -3.0, 0.0, 0.0]);
        let some = RowsOf::new(source, [4, 2]);
        assert_eq!(some.rows(), 2);
        assert_eq!(read(&some, &[1], SampleView::Plain), [2.0, -2.0]);
    }

    fn random() -> Transform {
        Transform { random_crop: Some([0.3, 1.0]), random_flip: true, ..Transform::default() }
    }

    #[test]
    fn small_images_are_augmented_in_training_views_only() {
        let pixels: Vec<u8> = (0..2 * 64).map(|value| (value * 3 % 256) as u8).collect();
        let source = ImageSource::new([1, 8, 8], pixels.clone(), &random()).unwrap();
        let plain = read(&source, &[1], SampleView::Plain);
        let expected: Vec<f32> =
            pixels[64..].iter().map(|&byte| (f64::from(byte) / 255.0) as f32).collect();
        assert_eq!(plain, expected);
        let key = Key::new(1);
        let training = |key| read(&source, &[0, 1], SampleView::Weak(key));
        assert_eq!(training(key), training(key));
        assert_ne!(training(key), training(key.at(1)));
        assert_ne!(training(key)[64..], plain);
        // A row's view does not depend on the batch that it is in.
        let alone = read(&source, &[1], SampleView::Weak(key));
        assert_eq!(training(key)[64..], alone);
        // Without augmentations a strong view is as weak.
        assert_eq!(read(&source, &[0, 1], SampleView::Strong(key)), training(key));
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
        let source = EncodedSource::new(images.clone(), false, &Transform::default()).unwrap();
        assert_eq!(source.shape(), InputShape::Image { channels: 3, height: 5, width: 4 });
        assert!(source.values(&[0], SampleView::Plain).is_ok());
        let error = source.values(&[0, 1], SampleView::Plain).err().unwrap().to_string();
        assert!(error.contains("1.png: has 6 x 5 pixels"), "{error}");
        let resize = Transform { resize: Some(3), ..Transform::default() };
        let source = EncodedSource::new(images, false, &resize).unwrap();
        let values = read(&source, &[0, 1], SampleView::Plain);
        assert_eq!(values.len(), 2 * 27);
        assert_eq!((values[0], values[9], values[27]), (1.0, 0.0, 1.0));
    }
}
