//! Images to network inputs: border, resize, crop, channels, normalisation, random crop and flip.
//!
//! Geometry works on bytes, as Pillow's does, so that a resized image is the one that common
//! pretrained weights were trained with; normalisation turns each byte into a float by a table.

use isthmus_core::augmentation::ImagePixels;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::spec::Transform;
use rand::RngExt;
use rayon::prelude::*;

use crate::crop::{Crop, cut, random_part};
use crate::pad::{padded, padded_size};
use crate::resample;

/// A checked [`Transform`], ready to use from many threads.
#[derive(Clone, Debug)]
pub struct ImageTransform {
    spec: Transform,
    channels: usize,
    /// The network's value of each byte, by channel.
    tables: Vec<[f32; 256]>,
}

impl ImageTransform {
    /// Checks a transform for images that have `channels` channels.
    ///
    /// # Errors
    /// Names the field of the transform that is at fault.
    pub fn new(spec: &Transform, channels: usize) -> Result<Self, DataError> {
        let fail = |text: String| Err(DataError::Mismatch(format!("transform: {text}")));
        let channels = spec.channels.unwrap_or(channels);
        if !matches!(channels, 1 | 3) {
            return fail(format!("`channels` is {channels}; expected 1 or 3"));
        }
        for (name, values) in [("mean", &spec.mean), ("std", &spec.std)] {
            if values.len() != 1 && values.len() != channels {
                return fail(format!(
                    "`{name}` has {} values for {channels} channel(s); expected one, or one a \
                     channel",
                    values.len()
                ));
            }
        }
        if let Some(bad) = spec.std.iter().find(|&&value| !(value.is_finite() && value != 0.0)) {
            return fail(format!("`std` has {bad}; expected numbers other than 0"));
        }
        for (name, size) in [("pad", spec.pad), ("resize", spec.resize), ("crop", spec.crop)] {
            if size == Some(0) {
                return fail(format!("`{name}` is 0; expected at least 1 pixel"));
            }
        }
        if let (Some(resize), Some(crop)) = (spec.resize, spec.crop)
            && crop > resize
        {
            return fail(format!("`crop` ({crop}) is larger than `resize` ({resize})"));
        }
        if let Some([smallest, largest]) = spec.random_crop
            && !(smallest > 0.0 && smallest <= largest && largest <= 1.0)
        {
            return fail(format!(
                "`random_crop` is [{smallest}, {largest}]; expected shares of the area, 0 < \
                 smallest <= largest <= 1"
            ));
        }
        let tables = (0..channels)
            .map(|channel| {
                let of = |values: &[f64]| values[if values.len() == 1 { 0 } else { channel }];
                let (mean, std) = (of(&spec.mean), of(&spec.std));
                std::array::from_fn(|byte| ((byte as f64 / 255.0 - mean) / std) as f32)
            })
            .collect();
        Ok(Self { spec: spec.clone(), channels, tables })
    }

    /// Whether training samples differ from plain ones.
    pub fn is_random(&self) -> bool {
        self.spec.random_crop.is_some() || self.spec.random_flip
    }

    /// Whether every image gets the same size, whatever its own.
    pub fn has_fixed_size(&self) -> bool {
        self.spec.resize.is_some() || self.spec.crop.is_some()
    }

    /// Channels, height and width of the samples made from images of the given size.
    pub fn dims(&self, height: usize, width: usize) -> [usize; 3] {
        match (self.spec.crop, self.spec.resize) {
            (Some(side), _) | (None, Some(side)) => [self.channels, side, side],
            (None, None) => {
                let [height, width] = padded_size(height, width, self.spec.pad);
                [self.channels, height, width]
            }
        }
    }

    /// Shape of the samples made from images of the given size.
    pub fn shape(&self, height: usize, width: usize) -> InputShape {
        let [channels, height, width] = self.dims(height, width);
        InputShape::Image { channels, height, width }
    }

    /// The image as for evaluation.
    ///
    /// # Errors
    /// If the crop is larger than the image.
    pub fn plain(&self, image: ImagePixels) -> Result<ImagePixels, DataError> {
        let image = self.resized(self.bordered(image));
        let Some(side) = self.spec.crop else { return Ok(self.with_channels_repeated(image)) };
        if side > image.height || side > image.width {
            return Err(DataError::Mismatch(format!(
                "an image of {} x {} pixels cannot be cropped to {side}; set `transform.resize` \
                 to at least {side}",
                image.width, image.height
            )));
        }
        // Half pixels go to the even side, as torchvision's centre crop does.
        let offset = |size: usize| ((size - side) as f64 / 2.0).round_ties_even() as usize;
        let crop = Crop {
            top: offset(image.height),
            left: offset(image.width),
            height: side,
            width: side,
        };
        Ok(self.with_channels_repeated(cut(&image, crop)))
    }

    /// The image as for training: a random part and a random flip, drawn from `key`.
    ///
    /// # Errors
    /// If the crop is larger than the image.
    pub fn training(&self, image: ImagePixels, key: &Key) -> Result<ImagePixels, DataError> {
        let mut random = key.rng();
        let mut image = match self.spec.random_crop {
            None => self.plain(image)?,
            Some(share) => {
                let image = self.resized(self.bordered(image));
                let [_, height, width] = self.dims(image.height, image.width);
                let crop = random_part(image.height, image.width, share, &mut random);
                let part = self.scaled(&cut(&image, crop), height, width);
                self.with_channels_repeated(part)
            }
        };
        if self.spec.random_flip && random.random_bool(0.5) {
            for row in image.pixels.chunks_exact_mut(image.width * image.channels) {
                let mut mirrored = Vec::with_capacity(row.len());
                row.rchunks_exact(image.channels).for_each(|px| mirrored.extend_from_slice(px));
                row.copy_from_slice(&mirrored);
            }
        }
        Ok(image)
    }

    /// Writes the network's values, channels first.
    ///
    /// # Panics
    /// If `values` is not as long as the image's pixels.
    pub fn write(&self, pixels: &[u8], values: &mut [f32]) {
        assert_eq!(pixels.len(), values.len(), "an image fills its place in the batch");
        let plane = values.len() / self.channels;
        for (channel, (values, table)) in
            values.chunks_exact_mut(plane).zip(&self.tables).enumerate()
        {
            let bytes = pixels[channel..].iter().step_by(self.channels);
            for (value, &byte) in values.iter_mut().zip(bytes) {
                *value = table[usize::from(byte)];
            }
        }
    }

    /// Makes images in parallel and writes their values one after the other; `rows` names them.
    ///
    /// # Errors
    /// Those of `image`.
    pub(crate) fn write_rows(
        &self,
        values: &mut [f32],
        rows: &[usize],
        image: impl Fn(usize) -> Result<ImagePixels, DataError> + Sync,
    ) -> Result<(), DataError> {
        let size = values.len().checked_div(rows.len()).unwrap_or(0).max(1);
        values.par_chunks_mut(size).zip(rows).try_for_each(|(place, &row)| {
            self.write(&image(row)?.pixels, place);
            Ok(())
        })
    }

    /// Colour to grey comes before resizing: a third of the work.
    fn with_channels_reduced(&self, image: ImagePixels) -> ImagePixels {
        if self.channels == 1 && image.channels == 3 { grey(&image) } else { image }
    }

    /// The image in the channels that it is resized in, with its border.
    fn bordered(&self, image: ImagePixels) -> ImagePixels {
        padded(self.with_channels_reduced(image), self.spec.pad)
    }

    fn with_channels_repeated(&self, image: ImagePixels) -> ImagePixels {
        if self.channels == 3 && image.channels == 1 {
            let pixels = image.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
            ImagePixels { channels: 3, pixels, ..image }
        } else {
            image
        }
    }

    fn resized(&self, image: ImagePixels) -> ImagePixels {
        match self.spec.resize {
            Some(side) => self.scaled(&image, side, side),
            None => image,
        }
    }

    fn scaled(&self, image: &ImagePixels, height: usize, width: usize) -> ImagePixels {
        let resize =
            if image.channels == 1 { resample::resize::<1> } else { resample::resize::<3> };
        let pixels = resize(
            &image.pixels,
            [image.height, image.width],
            [height, width],
            self.spec.interpolation,
        );
        ImagePixels { channels: image.channels, height, width, pixels }
    }
}

/// Grey by ITU-R 601, in the integers that Pillow uses.
fn grey(image: &ImagePixels) -> ImagePixels {
    let pixels = image
        .pixels
        .chunks_exact(3)
        .map(|rgb| {
            let [red, green, blue] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
            ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
        })
        .collect();
    ImagePixels { channels: 1, pixels, ..*image }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(height: usize, width: usize, channels: usize) -> ImagePixels {
        let pixels = (0..height * width * channels).map(|i| (i * 7 % 251) as u8).collect();
        ImagePixels { channels, height, width, pixels }
    }

    fn plain(spec: &Transform, image: ImagePixels) -> ImagePixels {
        ImageTransform::new(spec, image.channels).unwrap().plain(image).unwrap()
    }

    #[test]
    fn an_image_of_the_right_size_is_unchanged() {
        let image = gradient(8, 8, 3);
        let spec = Transform { resize: Some(8), ..Default::default() };
        assert_eq!(plain(&spec, image.clone()), image);
    }

    #[test]
    fn a_border_comes_before_the_size() {
        let spec = Transform { pad: Some(4), ..Default::default() };
        let transform = ImageTransform::new(&spec, 1).unwrap();
        assert_eq!(transform.dims(2, 6), [1, 4, 6]);
        let image = ImagePixels { channels: 1, height: 2, width: 2, pixels: vec![255; 4] };
        assert_eq!(plain(&spec, image.clone()).pixels.iter().filter(|&&it| it == 255).count(), 4);
        let halved = Transform { resize: Some(2), ..spec };
        let small = plain(&halved, image);
        assert_eq!((small.height, small.width), (2, 2));
        assert!(small.pixels.iter().all(|&byte| byte < 255), "{:?}", small.pixels);
    }

    #[test]
    fn the_centre_crop_cuts_the_middle() {
        let image = gradient(5, 7, 1);
        let cropped = plain(&Transform { crop: Some(3), ..Default::default() }, image.clone());
        let expected: Vec<u8> =
            (1..4).flat_map(|row| image.pixels[row * 7 + 2..row * 7 + 5].to_vec()).collect();
        assert_eq!(cropped.pixels, expected);
        let transform =
            ImageTransform::new(&Transform { crop: Some(6), ..Default::default() }, 1).unwrap();
        let error = transform.plain(image).err().unwrap().to_string();
        assert!(error.contains("7 x 5 pixels cannot be cropped to 6"), "{error}");
    }

    #[test]
    fn channels_become_grey_by_itu_r_601_or_are_repeated() {
        let colour = ImagePixels {
            channels: 3,
            height: 1,
            width: 4,
            pixels: vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30],
        };
        let one = plain(&Transform { channels: Some(1), ..Default::default() }, colour);
        assert_eq!(one.pixels, [76, 150, 29, 18]);
        let three = plain(&Transform { channels: Some(3), ..Default::default() }, one);
        assert_eq!(three.pixels[..6], [76, 76, 76, 150, 150, 150]);
    }

    #[test]
    fn values_are_normalised_and_channels_first() {
        let spec =
            Transform { mean: vec![0.5, 0.0, 1.0], std: vec![0.5, 1.0, 2.0], ..Default::default() };
        let transform = ImageTransform::new(&spec, 3).unwrap();
        let mut values = [0.0; 6];
        transform.write(&[255, 255, 255, 0, 0, 0], &mut values);
        assert_eq!(values, [1.0, -1.0, 1.0, 0.0, 0.0, -0.5]);
    }

    #[test]
    fn a_training_view_depends_on_its_key_alone() {
        let spec = Transform {
            resize: Some(32),
            crop: Some(24),
            random_crop: Some([0.08, 1.0]),
            random_flip: true,
            ..Default::default()
        };
        let transform = ImageTransform::new(&spec, 3).unwrap();
        let view = |key: &Key| transform.training(gradient(40, 30, 3), key).unwrap();
        let key = Key::new(5);
        let first = view(&key.at(0));
        assert_eq!((first.height, first.width), (24, 24));
        assert_eq!(view(&key.at(0)), first);
        assert_ne!(view(&key.at(1)), first);
    }

    #[test]
    fn about_half_of_the_images_are_mirrored() {
        let spec = Transform { random_flip: true, ..Default::default() };
        let transform = ImageTransform::new(&spec, 3).unwrap();
        let image = gradient(2, 3, 3);
        let mirrored: Vec<u8> = image
            .pixels
            .chunks(9)
            .flat_map(|row| [&row[6..9], &row[3..6], &row[..3]].concat())
            .collect();
        let count = (0..200)
            .filter(|&row| {
                let key = Key::new(0).at(row);
                let view = transform.training(image.clone(), &key).unwrap();
                assert!(view.pixels == mirrored || view == image);
                view.pixels == mirrored
            })
            .count();
        assert!((70..130).contains(&count), "{count} of 200");
    }

    #[test]
    fn impossible_transforms_name_the_field() {
        let with = |change: fn(&mut Transform)| {
            let mut spec = Transform::default();
            change(&mut spec);
            ImageTransform::new(&spec, 3).err().unwrap().to_string()
        };
        assert!(with(|spec| spec.mean = vec![0.0; 2]).contains("`mean` has 2 values"));
        assert!(with(|spec| spec.std = vec![0.0]).contains("`std` has 0"));
        assert!(with(|spec| spec.resize = Some(0)).contains("`resize` is 0"));
        assert!(with(|spec| spec.pad = Some(0)).contains("`pad` is 0"));
        assert!(with(|spec| spec.channels = Some(2)).contains("`channels` is 2"));
        assert!(with(|spec| spec.random_crop = Some([0.5, 0.1])).contains("`random_crop`"));
        assert!(
            with(|spec| (spec.resize, spec.crop) = (Some(20), Some(24)))
                .contains("`crop` (24) is larger than `resize` (20)")
        );
    }
}
