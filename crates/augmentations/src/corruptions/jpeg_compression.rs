//! Images stored as JPEG.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use isthmus_core::augmentation::ImagePixels;
use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Quality of the JPEG files, 1 to 100.
const QUALITIES: [u8; 5] = [25, 18, 15, 10, 7];

/// Images stored as JPEG files and read again, at qualities 25, 18, 15, 10 and 7. Colour keeps its full
/// resolution. An image of more than 65535 pixels a side, which JPEG cannot hold, stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JpegCompression {}

impl PluginConfig for JpegCompression {}

impl CorruptionPlugin for JpegCompression {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<JpegCompression>(About {
        name: "jpeg-compression",
        summary: "Stores images as JPEG of low quality",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

/// The pixels of the image stored as JPEG; `None` where JPEG cannot hold it.
fn stored(image: &ImagePixels, quality: u8) -> Option<Vec<u8>> {
    let [width, height] = [image.width, image.height].map(|side| u16::try_from(side).ok());
    let color = if image.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality)
        .encode(&image.pixels, width?.into(), height?.into(), color)
        .ok()?;
    let read = image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg).ok()?;
    Some(if image.channels == 1 {
        read.into_luma8().into_raw()
    } else {
        read.into_rgb8().into_raw()
    })
}

impl Corruption for JpegCompression {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        if let Some(pixels) = stored(image, severity.of(QUALITIES)) {
            image.pixels = pixels;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, corrupted, flat, picture};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&JpegCompression {});
    }

    #[test]
    fn an_image_becomes_what_its_file_holds() {
        let image = picture(3, 40, 30);
        for severity in Severity::ALL {
            let mut file = std::io::Cursor::new(Vec::new());
            let whole = image::RgbImage::from_raw(30, 40, image.pixels.clone()).unwrap();
            let encoder = JpegEncoder::new_with_quality(&mut file, severity.of(QUALITIES));
            whole.write_with_encoder(encoder).unwrap();
            let want = image::load_from_memory(&file.into_inner()).unwrap().into_rgb8().into_raw();
            assert_eq!(corrupted(&JpegCompression {}, &image, severity).pixels, want);
        }
        // One value is left of each block of a flat image.
        let stored = corrupted(&JpegCompression {}, &flat(100), Severity::ALL[4]).pixels;
        assert!(stored.iter().all(|value| *value == stored[0] && value.abs_diff(100) < 8));
    }

    #[test]
    fn what_jpeg_cannot_hold_stays() {
        let wide = ImagePixels { channels: 1, height: 1, width: 65_536, pixels: vec![7; 65_536] };
        assert_eq!(corrupted(&JpegCompression {}, &wide, Severity::ALL[0]), wide);
    }
}
