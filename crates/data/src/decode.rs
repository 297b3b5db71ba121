//! Encoded images to pixels.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use isthmus_core::augmentation::ImagePixels;
use isthmus_core::dataset::{Brightness, EncodedImage, ImageDecoding};
use isthmus_core::error::DataError;

use crate::archive::FETCH_AGAIN;
use crate::image_archive::ImageArchives;
use crate::{brightness, dicom, nifti, problem, sniff, tiff};

/// Most bytes that a decoded image may take: what claims more is refused before it is reserved.
const LARGEST: u64 = 1 << 29;
/// Most bytes for each byte of the file: a page of one colour and one bit a pixel takes so little.
const MOST_FOR_A_BYTE: u64 = 1 << 15;
/// Bytes that any image may take.
const LEAST: u64 = 1 << 26;

/// Decodes images of files and archives, from many threads.
pub(crate) struct Decoder {
    archives: ImageArchives,
    decoding: ImageDecoding,
}

impl Decoder {
    /// Opens the archives that the images are in; `decoding` says how they become bytes.
    pub fn new(images: &[EncodedImage], decoding: ImageDecoding) -> Result<Self, DataError> {
        Ok(Self { archives: ImageArchives::of(images)?, decoding })
    }

    /// Decodes an image: grey stays grey, all else becomes RGB; transparency is dropped.
    pub fn decode(&self, image: &EncodedImage) -> Result<ImagePixels, DataError> {
        let bytes = match image {
            EncodedImage::File(path) => problem::read(path)?,
            EncodedImage::ArchiveEntry { archive, index, name } => {
                self.archives.get(archive)?.entry(archive, *index, name)?
            }
        };
        decode(&bytes, &self.decoding)
            .map_err(|problem| DataError::File { file: place(image), problem })
    }
}

/// Where an image is, for messages.
pub(crate) fn place(image: &EncodedImage) -> String {
    match image {
        EncodedImage::File(path) => path.display().to_string(),
        EncodedImage::ArchiveEntry { archive, name, .. } => {
            format!("{}, {name}", archive.display())
        }
    }
}

/// Most bytes that an image in a file of `size` bytes may take.
pub(crate) fn most_bytes(size: usize) -> u64 {
    (size as u64).saturating_mul(MOST_FOR_A_BYTE).saturating_add(LEAST).min(LARGEST)
}

fn decode(bytes: &[u8], decoding: &ImageDecoding) -> Result<ImagePixels, String> {
    if dicom::is_one(bytes) {
        return dicom::decode(bytes, decoding);
    }
    if let Some(unpacked) = nifti::unpacked(bytes) {
        return nifti::decode(&unpacked?, decoding);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| format!("cannot be read ({error})"))?;
    let Some(format) = reader.format() else {
        let kind = sniff::kind_of(bytes).unwrap_or_else(|| format!("of {} bytes", bytes.len()));
        return Err(format!(
            "is no image that can be read but {kind}; expected JPEG, PNG, WebP, BMP, TIFF, PNM, GIF, \
             DICOM or NIfTI"
        ));
    };
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err(format!(
            "the JPEG has no end-of-image marker after {} bytes: {FETCH_AGAIN}",
            bytes.len()
        ));
    }
    if format == ImageFormat::Tiff && !tiff::arrays_fit(bytes) {
        return Err(format!(
            "the TIFF states an array that is longer than its {} bytes: {FETCH_AGAIN}",
            bytes.len()
        ));
    }
    let most = most_bytes(bytes.len());
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| undecoded(format, &error))?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > most {
        return Err(format!(
            "states {width} x {height} pixels in {} bytes, more than is decoded; if it is so large, \
             make it smaller",
            bytes.len()
        ));
    }
    let orientation = if decoding.upright {
        decoder.orientation().map_err(|error| undecoded(format, &error))?
    } else {
        Orientation::NoTransforms
    };
    let mut image =
        DynamicImage::from_decoder(decoder).map_err(|error| undecoded(format, &error))?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width() as usize, image.height() as usize);
    let grey = matches!(
        image,
        DynamicImage::ImageLuma8(_)
            | DynamicImage::ImageLumaA8(_)
            | DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
    );
    let channels = if grey { 1 } else { 3 };
    let pixels = match wide_values(&image, grey, decoding.brightness) {
        Some(values) => brightness::to_bytes(&values, decoding.brightness),
        None if grey => image.into_luma8().into_raw(),
        None => image.into_rgb8().into_raw(),
    };
    Ok(ImagePixels { channels, height, width, pixels })
}

/// The values of an image of more than 8 bits a value, where its type does not say what becomes black
/// and white.
fn wide_values(image: &DynamicImage, grey: bool, brightness: Brightness) -> Option<Vec<f32>> {
    if brightness == Brightness::Stated {
        return None;
    }
    Some(match image {
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            image.to_rgb32f().into_raw()
        }
        DynamicImage::ImageLuma16(_) | DynamicImage::ImageLumaA16(_) if grey => {
            image.to_luma16().into_raw().into_iter().map(f32::from).collect()
        }
        DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgba16(_) => {
            image.to_rgb16().into_raw().into_iter().map(f32::from).collect()
        }
        _ => return None,
    })
}

/// Why an image cannot be decoded: one that is only of a kind that is not read is whole.
fn undecoded(format: ImageFormat, error: &ImageError) -> String {
    let name = format.extensions_str().first().map_or("image", |name| *name).to_uppercase();
    match error {
        ImageError::Unsupported(_) => {
            format!("holds {name} of a kind that is not read ({error}); convert it to PNG or JPEG")
        }
        ImageError::Limits(_) => {
            format!("holds {name} too large to be decoded ({error}); make it smaller")
        }
        _ => format!("cannot be decoded ({error}): {FETCH_AGAIN}"),
    }
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
    use std::path::Path;
    use std::sync::Arc;

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
        let decoding = ImageDecoding::default();
        Decoder::new(std::slice::from_ref(&image), decoding).unwrap().decode(&image)
    }

    /// A JPEG of 40 x 30 pixels, its upper half black, that is to be turned to the right.
    fn turned() -> Vec<u8> {
        let image =
            image::RgbImage::from_fn(40, 30, |_, y| image::Rgb([if y < 15 { 0 } else { 255 }; 3]));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        let bytes = bytes.into_inner();
        // An EXIF segment with one entry: orientation 6.
        let exif: &[u8] = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        [&bytes[..2], exif, &bytes[2..]].concat()
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
        let entry = |index, name: &str| EncodedImage::ArchiveEntry {
            archive: Arc::clone(&path),
            index,
            name: name.to_owned(),
        };
        let (whole, cut) = (entry(0, "a/whole.jpg"), entry(1, "a/cut.jpg"));
        let decoder =
            Decoder::new(&[whole.clone(), cut.clone()], ImageDecoding::default()).unwrap();
        assert_eq!(decoder.decode(&whole).unwrap().width, 40);
        let error = decoder.decode(&cut).err().unwrap().to_string();
        assert!(error.contains("images.zip, a/cut.jpg: the JPEG has no end"), "{error}");
    }

    #[test]
    fn what_is_inside_decides_and_not_the_ending() {
        for format in [ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff] {
            let image = of_file(&encoded(format)).unwrap();
            assert_eq!((image.channels, image.height, image.width), (3, 30, 40), "{format:?}");
        }
    }

    #[test]
    fn other_files_are_named_for_what_they_are() {
        for (bytes, kind) in [
            (&b"this is a text, not an image"[..], "a text file"),
            (b"<html><title>403</title>", "a web page"),
            (b"\x00\x00\x00\x1cftypheic\0\0\0\0", "a HEIC image"),
            (b"\x93NUMPY\x01\x00", "a single NumPy array"),
        ] {
            let error = of_file(bytes).err().unwrap().to_string();
            assert!(error.contains(kind) && error.contains("expected JPEG, PNG"), "{error}");
            assert!(!error.contains("damaged"), "{error}");
        }
        // An AVIF is known, and not read.
        let error = of_file(b"\x00\x00\x00\x1cftypavif\0\0\0\0").err().unwrap().to_string();
        assert!(error.contains("AVIF") && !error.contains("damaged"), "{error}");
    }

    #[test]
    fn a_size_that_is_only_claimed_is_refused() {
        let mut bytes = encoded(ImageFormat::Png);
        let claimed = 0x7fff_ffffu32.to_be_bytes();
        bytes[16..20].copy_from_slice(&claimed);
        bytes[20..24].copy_from_slice(&claimed);
        // The checksum of the header's chunk, so that it is the size that is refused.
        let sum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        let error = of_file(&bytes).err().unwrap().to_string();
        assert!(error.contains("large") && !error.contains("damaged"), "{error}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
            })
        })
    }

    #[test]
    fn photos_are_turned_upright_where_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        std::fs::write(&path, turned()).unwrap();
        let image = EncodedImage::File(path);
        let of = |upright| {
            let decoding = ImageDecoding { upright, ..ImageDecoding::default() };
            Decoder::new(std::slice::from_ref(&image), decoding).unwrap().decode(&image).unwrap()
        };
        let (stored, upright) = (of(false), of(true));
        assert_eq!((stored.height, stored.width), (30, 40));
        assert_eq!((upright.height, upright.width), (40, 30));
        // Turned to the right: what was above is now on the right.
        assert!(upright.pixels[0] > 200 && upright.pixels[3 * 29] < 50);
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
