//! Small images in memory.

use std::sync::Arc;

use isthmus_core::augmentation::{ImagePixels, SampleKind, SampleMut};
use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::Transform;
use isthmus_core::stage::SampleView;
use rayon::prelude::*;

use crate::corrupted::SetCorruption;
use crate::transform::ImageTransform;
use crate::views::Views;

/// Small images of one size in memory. Resizing and cropping are done once, on the way in;
/// pixels stay bytes until a batch asks for them.
#[derive(Clone)]
pub struct ImageSource {
    transform: ImageTransform,
    /// Channels, height and width after the transform.
    dims: [usize; 3],
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
        let transformed = transform.dims(height, width);
        let size: usize = transformed.iter().product();
        let original = Original { dims, pixels };
        let rows = original.pixels.len() / (channels * height * width);
        let mut plain = vec![0; rows * size];
        plain.par_chunks_mut(size).enumerate().try_for_each(|(row, place)| {
            place.copy_from_slice(&transform.plain(original.image(row))?.pixels);
            Ok::<_, DataError>(())
        })?;
        let original = transform.is_random().then(|| Arc::new(original));
        let (plain, views) = (plain.into(), Views::default());
        Ok(Self { transform, dims: transformed, plain, original, corruption: None, views })
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

    /// Values of an image.
    fn size(&self) -> usize {
        self.dims.iter().product()
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
        let [channels, height, width] = self.dims;
        let size = self.size();
        let pixels = self.plain[row * size..(row + 1) * size].to_vec();
        ImagePixels { channels, height, width, pixels }
    }
}

impl SampleSource for ImageSource {
    fn rows(&self) -> usize {
        self.plain.len() / self.size()
    }

    fn shape(&self) -> InputShape {
        let [channels, height, width] = self.dims;
        InputShape::Image { channels, height, width }
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let size = self.size();
        let mut values = vec![0.0; indices.len() * size];
        match view {
            SampleView::Weak(key) | SampleView::Strong(key)
                if self.original.is_some() || self.views.change(view) =>
            {
                self.transform.write_rows(&mut values, indices, |row| {
                    self.view(row, view, &key.at(row as u64))
                })?;
            }
            _ if self.corruption.is_some() => {
                let corruption = self.corruption.as_ref().expect("asked just now");
                self.transform.write_rows(&mut values, indices, |row| {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &dyn SampleSource, rows: &[usize], view: SampleView) -> Vec<f32> {
        source.values(rows, view).unwrap().into_dense().unwrap()
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
}
