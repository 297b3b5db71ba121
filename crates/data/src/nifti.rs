//! Slices of NIfTI volumes.
//!
//! Cox et al.: a (sort of) new image data format standard: NIfTI-1, 2004. Files `.nii` of version 1,
//! gzip or not.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use isthmus_core::augmentation::ImagePixels;
use isthmus_core::dataset::ImageDecoding;
use nifti::{InMemNiftiVolume, NiftiHeader, NiftiType, RandomAccessNiftiVolume};

use crate::archive::FETCH_AGAIN;
use crate::brightness;
use crate::decode::most_bytes;

/// Bytes of a header.
const HEADER: usize = 348;
/// The mark of a file that holds header and values, at the header's end.
const MARK: &[u8] = b"n+1\0";

fn is_one(bytes: &[u8]) -> bool {
    bytes.get(HEADER - MARK.len()..HEADER) == Some(MARK)
}

/// The bytes of a NIfTI file, unpacked where it is gzip; nothing where it is another file.
pub(crate) fn unpacked(bytes: &[u8]) -> Option<Result<Cow<'_, [u8]>, String>> {
    if is_one(bytes) {
        return Some(Ok(Cow::Borrowed(bytes)));
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let mut first = Vec::new();
    MultiGzDecoder::new(bytes).take(HEADER as u64).read_to_end(&mut first).ok()?;
    if !is_one(&first) {
        return None;
    }
    let most = most_bytes(bytes.len());
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut whole);
    Some(match read {
        Err(error) => Err(format!(
            "gzip data ends wrongly after {} bytes ({error}): {FETCH_AGAIN}",
            whole.len()
        )),
        Ok(_) if whole.len() as u64 > most => {
            Err(format!("unpacks to more than {most} bytes, which is too large to be decoded"))
        }
        Ok(_) => Ok(Cow::Owned(whole)),
    })
}

/// Decodes one slice of a volume across its third dimension, as it is stored: a row of the image for
/// each place of the second dimension. Of several volumes the first is taken. Values are rescaled as
/// the file says, and brought to bytes by the window that `decoding` states, else by the slice's own.
pub(crate) fn decode(bytes: &[u8], decoding: &ImageDecoding) -> Result<ImagePixels, String> {
    let damaged = |error: &dyn std::fmt::Display| {
        format!("cannot be decoded as NIfTI ({error}): {FETCH_AGAIN}")
    };
    let header = bytes.get(..HEADER).ok_or_else(|| damaged(&"its header is cut"))?;
    let mut header = NiftiHeader::from_reader(header).map_err(|error| damaged(&error))?;
    let kind = header.data_type().map_err(|error| damaged(&error))?;
    let dims = header.dim().map_err(|error| damaged(&error))?;
    let dim = |place: usize| usize::from(dims.get(place).copied().unwrap_or(1));
    let (width, height, slices) = (dim(0), dim(1), dim(2));
    if width * height * slices == 0 {
        return Err(damaged(&format!("its shape is {dims:?}")));
    }
    let is_colour = kind == NiftiType::Rgb24;
    if matches!(
        kind,
        NiftiType::Complex64
            | NiftiType::Complex128
            | NiftiType::Complex256
            | NiftiType::Float128
            | NiftiType::Rgba32
    ) {
        return Err(format!("holds NIfTI values of the type {kind:?}, which is not read"));
    }
    let size = width * height * kind.size_of();
    let slice = ((slices - 1) as f64 * decoding.slice).round() as usize;
    let offset = header.vox_offset.max(HEADER as f32) as usize;
    let values = slice
        .checked_mul(size)
        .and_then(|before| before.checked_add(offset))
        .and_then(|start| bytes.get(start..start.checked_add(size)?))
        .ok_or_else(|| damaged(&format!("its {} bytes do not hold slice {slice}", bytes.len())))?;
    if is_colour {
        return Ok(ImagePixels { channels: 3, height, width, pixels: values.to_vec() });
    }
    header.dim = [2, width as u16, height as u16, 1, 1, 1, 1, 1];
    let volume = InMemNiftiVolume::from_raw_data(&header, values.to_vec())
        .map_err(|error| damaged(&error))?;
    let mut grey = Vec::with_capacity(width * height);
    for y in 0..height as u16 {
        for x in 0..width as u16 {
            grey.push(volume.get_f32(&[x, y]).map_err(|error| damaged(&error))?);
        }
    }
    let pixels = brightness::to_bytes(&grey, decoding.brightness);
    Ok(ImagePixels { channels: 1, height, width, pixels })
}
