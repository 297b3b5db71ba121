//! Encoded images to pixels.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use image::{DynamicImage, ImageFormat, ImageReader};
use isthmus_core::augmentation::ImagePixels;
use isthmus_core::dataset::EncodedImage;
use isthmus_core::error::DataError;

use crate::archive::{self, Archive, FETCH_AGAIN};
use crate::problem;

/// Decodes images of files and archives, from many threads.
pub(crate) struct Decoder {
    /// Reading an entry takes microseconds, decoding it a millisecond: one lock an archive does.
    archives: BTreeMap<Arc<Path>, Mutex<Archive>>,
}

impl Decoder {
    /// Opens the archives that the images are in.
    pub fn new(images: &[EncodedImage]) -> Result<Self, DataError> {
        let paths: BTreeSet<&Arc<Path>> = images
            .iter()
            .filter_map(|image| match image {
                EncodedImage::ZipEntry { archive, .. } => Some(archive),
                EncodedImage::File(_) => None,
            })
            .collect();
        let archives = paths
            .into_iter()
            .map(|path| Ok((Arc::clone(path), Mutex::new(archive::open(path)?))))
            .collect::<Result<_, DataError>>()?;
        Ok(Self { archives })
    }

    /// Decodes an image: grey stays grey, all else becomes RGB; transparency is dropped.
    pub fn decode(&self, image: &EncodedImage) -> Result<ImagePixels, DataError> {
        let bytes = match image {
            EncodedImage::File(path) => problem::read(path)?,
            EncodedImage::ZipEntry { archive, index, name } => {
                let opened = self.archives.get(archive).ok_or_else(|| {
                    problem::file(archive, "the archive was not open when it was needed")
                })?;
                // A panic elsewhere cannot leave the archive half read: every read seeks first.
                let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
                archive::entry(archive, &mut opened, *index, name)?
            }
        };
        decode(&bytes).map_err(|problem| DataError::File { file: place(image), problem })
    }
}

/// Where an image is, for messages.
pub(crate) fn place(image: &EncodedImage) -> String {
    match image {
        EncodedImage::File(path) => path.display().to_string(),
        EncodedImage::ZipEntry { archive, name, .. } => format!("{}, {name}", archive.display()),
    }
}

fn decode(bytes: &[u8]) -> Result<ImagePixels, String> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| format!("cannot be read ({error})"))?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if !jpeg_is_complete(bytes) => {
            return Err(format!(
                "the JPEG has no end-of-image marker after {} bytes: {FETCH_AGAIN}",
                bytes.len()
            ));
        }
        Some(_) => {}
        None => {
            return Err(format!(
                "is no image that can be read ({} bytes; expected JPEG or PNG)",
                bytes.len()
            ));
        }
    }
    let image =
        reader.decode().map_err(|error| format!("cannot be decoded ({error}): {FETCH_AGAIN}"))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let grey = matches!(
        image,
        DynamicImage::ImageLuma8(_)
            | DynamicImage::ImageLumaA8(_)
            | DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
    );
    let (channels, pixels) =
        if grey { (1, image.into_luma8().into_raw()) } else { (3, image.into_rgb8().into_raw()) };
    Ok(ImagePixels { channels, height, width, pixels })
}

/// Whether a JPEG's compressed data ends with its marker. The decoder itself fills what is
/// missing of a truncated file with grey.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    const START_OF_SCAN: u8 = 0xda;
    // Segments before the scan are skipped by their lengths: a thumbnail in one of them has an
    // end marker of its own. Inside the compressed data every 0xff is escaped.
    let mut at = 2;
    loop {
        match bytes.get(at..at + 4) {
            Some(&[0xff, START_OF_SCAN, ..]) => {
                return bytes[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
            }
            Some(&[0xff, 0xff, ..]) => at += 1,
            Some(&[0xff, _, high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let image = image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 8) as u8, ((x + y) * 3) as u8])
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn of_file(bytes: &[u8]) -> Result<ImagePixels, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.jpg");
        std::fs::write(&path, bytes).unwrap();
        let image = EncodedImage::File(path);
        Decoder::new(std::slice::from_ref(&image)).unwrap().decode(&image)
    }

    #[test]
    fn whole_images_decode() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let image = of_file(&encoded(format)).unwrap();
            assert_eq!((image.channels, image.height, image.width), (3, 30, 40));
            assert!(image.pixels[3 * 39].abs_diff(234) < 12);
        }
    }

    #[test]
    fn truncated_images_name_the_file() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = encoded(format);
            // The last chunk of a PNG is empty: without it, and its twelve bytes, nothing is lost.
            let cut = if format == ImageFormat::Png { 20 } else { 2 };
            for length in [bytes.len() - cut, bytes.len() * 3 / 4, bytes.len() / 2, 30, 3, 0] {
                let error = of_file(&bytes[..length]).err().unwrap().to_string();
                assert!(error.contains("picture.jpg: "), "{error}");
            }
        }
    }

    #[test]
    fn a_truncated_entry_of_an_archive_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path: Arc<Path> = folder.path().join("images.zip").into();
        let bytes = encoded(ImageFormat::Jpeg);
        let mut writer = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, length) in [("a/whole.jpg", bytes.len()), ("a/cut.jpg", bytes.len() / 2)] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(&bytes[..length]).unwrap();
        }
        writer.finish().unwrap();
        let entry = |index, name: &str| EncodedImage::ZipEntry {
            archive: Arc::clone(&path),
            index,
            name: name.to_owned(),
        };
        let (whole, cut) = (entry(0, "a/whole.jpg"), entry(1, "a/cut.jpg"));
        let decoder = Decoder::new(&[whole.clone(), cut.clone()]).unwrap();
        assert_eq!(decoder.decode(&whole).unwrap().width, 40);
        let error = decoder.decode(&cut).err().unwrap().to_string();
        assert!(error.contains("images.zip, a/cut.jpg: the JPEG has no end"), "{error}");
    }

    #[test]
    fn other_files_are_refused() {
        let error = of_file(b"this is a text, not an image").err().unwrap().to_string();
        assert!(error.contains("expected JPEG or PNG"), "{error}");
    }

    #[test]
    fn grey_images_stay_grey() {
        let image = image::GrayImage::from_pixel(4, 3, image::Luma([90]));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageLuma8(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
        let image = of_file(&bytes.into_inner()).unwrap();
        assert_eq!((image.channels, image.pixels), (1, vec![90; 12]));
    }
}
