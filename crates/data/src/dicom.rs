//! DICOM images: their values with the window that the file or the reader states.
//!
//! NEMA PS3.3: Digital Imaging and Communications in Medicine, C.11.1 (values) and C.11.2 (windows).

use std::io::Cursor;

use dicom_object::{DefaultDicomObject, FileMetaTable, Tag};
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_pixeldata::{
    ConvertOptions, DecodedPixelData, ModalityLutOption, PhotometricInterpretation, PixelDecoder,
    PlanarConfiguration, Rescale, VoiLutFunction, VoiLutOption, WindowLevelTransform,
};
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use isthmus_core::augmentation::ImagePixels;
use isthmus_core::dataset::{Brightness, ImageDecoding};

use crate::archive::FETCH_AGAIN;
use crate::decode::most_bytes;
use crate::{brightness, problem};

/// Bytes before the file's mark.
const PREAMBLE: usize = 128;
/// The file's mark.
const MARK: &[u8] = b"DICM";

/// The syntax of what a file says of itself.
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Where a file states the height, the width and the number of its frames.
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const FRAMES: Tag = Tag(0x0028, 0x0008);

/// Whether the bytes are the beginning of a DICOM file.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.get(PREAMBLE..).is_some_and(|rest| rest.starts_with(MARK))
}

/// Decodes an image, of several frames the one that is asked for. Grey values are rescaled as the
/// file says, then brought to bytes by the window that `decoding` or the file states, else by the
/// frame's own values.
pub(crate) fn decode(bytes: &[u8], decoding: &ImageDecoding) -> Result<ImagePixels, String> {
    // The library's decoder of RLE goes beyond the end of segments that are damaged.
    std::panic::catch_unwind(|| decoded(bytes, decoding)).unwrap_or_else(|_| {
        Err(format!("cannot be decoded as DICOM (it contradicts itself): {FETCH_AGAIN}"))
    })
}

fn decoded(bytes: &[u8], decoding: &ImageDecoding) -> Result<ImagePixels, String> {
    check_lengths(bytes)?;
    let object = dicom_object::from_reader(Cursor::new(bytes)).map_err(|error| failed(&error))?;
    check_size(&object, bytes.len())?;
    let image = object.decode_pixel_data().map_err(|error| unread(&error))?;
    let (height, width) = (image.rows() as usize, image.columns() as usize);
    let channels = usize::from(image.samples_per_pixel());
    let frame = frame_of(image.number_of_frames(), decoding.slice);
    if height * width == 0 || !matches!(channels, 1 | 3) {
        return Err(format!(
            "holds DICOM of {width} x {height} pixels with {channels} values each, which is not read"
        ));
    }
    let pixels = if channels == 1 {
        grey(&image, frame, decoding.brightness)?
    } else {
        colour(&image, frame)?
    };
    if pixels.len() != height * width * channels {
        return Err(format!(
            "holds {} values, its {width} x {height} pixels need {}: {FETCH_AGAIN}",
            pixels.len(),
            height * width * channels
        ));
    }
    Ok(ImagePixels { channels, height, width, pixels })
}

fn failed(error: &dyn std::error::Error) -> String {
    format!("cannot be decoded as DICOM ({}): {FETCH_AGAIN}", causes(error))
}

/// Refuses values that are longer than the file: the library reserves what they state before it reads
/// them.
fn check_lengths(bytes: &[u8]) -> Result<(), String> {
    let start = &bytes[PREAMBLE..];
    // What the file says of itself comes first, in this syntax, and tells that of the rest. It begins
    // with its own length, by which the library goes.
    let about = &start[MARK.len()..];
    let length = about.get(8..12).and_then(|length| length.first_chunk::<4>());
    let length = length.map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let own = about.get(..length.saturating_add(12)).unwrap_or(about);
    check_values(own, EXPLICIT, bytes.len())?;
    let mut rest = Cursor::new(start);
    let meta = FileMetaTable::from_reader(&mut rest).map_err(|error| failed(&error))?;
    let after = usize::try_from(rest.position()).ok().and_then(|at| start.get(at..));
    check_values(after.unwrap_or_default(), meta.transfer_syntax(), bytes.len())
}

/// Checks the values of a syntax in a file of `size` bytes.
fn check_values(bytes: &[u8], syntax: &str, size: usize) -> Result<(), String> {
    let Some(syntax) = TransferSyntaxRegistry.get(syntax) else {
        return Err(format!("holds DICOM in an unknown syntax, `{}`", problem::shown(syntax)));
    };
    let mut reader = LazyDataSetReader::new_with_ts(Cursor::new(bytes), syntax)
        .map_err(|error| failed(&error))?;
    while let Some(token) = reader.advance() {
        let token = token.map_err(|error| failed(&error))?;
        let stated = match &token {
            LazyDataToken::ElementHeader(header) => header.len.get(),
            LazyDataToken::LazyValue { header, .. } => header.len.get(),
            LazyDataToken::LazyItemValue { len, .. } => Some(*len),
            _ => None,
        };
        if let Some(stated) = stated.filter(|&stated| stated as usize > size) {
            return Err(format!(
                "states a value of {stated} bytes in a file of {size}: {FETCH_AGAIN}"
            ));
        }
        token.skip().map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Refuses an image that states more than its file can hold, before anything is reserved.
fn check_size(object: &DefaultDicomObject, size: usize) -> Result<(), String> {
    let of = |tag: Tag| object.element_opt(tag).ok().flatten()?.to_int::<u64>().ok();
    let (Some(height), Some(width)) = (of(ROWS), of(COLUMNS)) else {
        return Err("holds DICOM without an image".to_owned());
    };
    let frames = of(FRAMES).unwrap_or(1);
    let most = frames
        .checked_mul(height)
        .and_then(|lines| lines.checked_mul(width))
        .and_then(|pixels| pixels.checked_mul(2 * 3))
        .is_some_and(|bytes| bytes <= most_bytes(size));
    if most {
        return Ok(());
    }
    Err(format!(
        "states {frames} frames of {width} x {height} pixels in {size} bytes, more than is decoded"
    ))
}

/// The frame at a share of the way.
fn frame_of(frames: u32, slice: f64) -> u32 {
    (f64::from(frames.saturating_sub(1)) * slice).round() as u32
}

fn grey(image: &DecodedPixelData<'_>, frame: u32, wanted: Brightness) -> Result<Vec<u8>, String> {
    // What is stated for each frame or once for all.
    fn of_frame<T: Copy>(stated: &[T], frame: u32) -> Option<T> {
        stated.get(frame as usize).or(stated.first()).copied()
    }
    let rescale = image.rescale().map_err(|error| unread(&error))?;
    let rescale = of_frame(rescale, frame).unwrap_or(Rescale { slope: 1.0, intercept: 0.0 });
    let options = ConvertOptions::new()
        .with_modality_lut(ModalityLutOption::Override(rescale))
        .with_voi_lut(VoiLutOption::Identity);
    let values: Vec<f32> =
        image.to_vec_frame_with_options(frame, &options).map_err(|error| unread(&error))?;
    let window = image.window().map_err(|error| unread(&error))?;
    let window = window.and_then(|all| of_frame(all, frame));
    let mut pixels: Vec<u8> = match (wanted, window) {
        (Brightness::Stated, Some(window)) => {
            let function = image.voi_lut_function().map_err(|error| unread(&error))?;
            let function = function.and_then(|all| of_frame(all, frame));
            let transform =
                WindowLevelTransform::new(function.unwrap_or(VoiLutFunction::Linear), window);
            let byte = |&value: &f32| transform.apply(f64::from(value), 255.0).round() as u8;
            values.iter().map(byte).collect()
        }
        (brightness, _) => brightness::to_bytes(&values, brightness),
    };
    if *image.photometric_interpretation() == PhotometricInterpretation::Monochrome1 {
        pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
    }
    Ok(pixels)
}

fn colour(image: &DecodedPixelData<'_>, frame: u32) -> Result<Vec<u8>, String> {
    let kind = image.photometric_interpretation();
    if image.bits_allocated() != 8
        || !matches!(kind, PhotometricInterpretation::Rgb | PhotometricInterpretation::YbrFull)
    {
        return Err(format!(
            "holds DICOM in the colours {} of {} bits, which is not read; convert it to PNG",
            kind.as_str(),
            image.bits_allocated()
        ));
    }
    let values = image.frame_data(frame).map_err(|error| unread(&error))?;
    let mut pixels = if image.planar_configuration() == PlanarConfiguration::Standard {
        values.to_vec()
    } else {
        // One colour after the other.
        let plane = values.len() / 3;
        (0..plane).flat_map(|at| (0..3).map(move |channel| values[channel * plane + at])).collect()
    };
    if *kind == PhotometricInterpretation::YbrFull {
        for pixel in pixels.chunks_exact_mut(3) {
            let [y, cb, cr] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
            let (cb, cr) = (cb - 128.0, cr - 128.0);
            // ITU-R 601 in full range, as JPEG has it.
            let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
            pixel.copy_from_slice(&rgb.map(|value| value.round().clamp(0.0, 255.0) as u8));
        }
    }
    Ok(pixels)
}

fn unread(error: &dyn std::error::Error) -> String {
    format!(
        "holds DICOM that is not read ({}); uncompressed, RLE and JPEG baseline images are: convert \
         it, for instance with `gdcmconv --raw`",
        causes(error)
    )
}

/// An error with what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
