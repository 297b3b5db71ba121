//! Turns charts into pixels.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::ReportError;

/// The Latin, Greek and Cyrillic letters of DejaVu Sans; its licence is beside it.
const FONT: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");
const FONT_NAME: &str = "DejaVu Sans";

/// A larger image would ask for more than a gigabyte of memory.
const MOST_PIXELS: u64 = 200_000_000;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FONT_NAME);
    Arc::new(fonts)
});

/// The image as PNG, `scale` pixels a unit.
pub(crate) fn render(svg: &str, scale: f32) -> Result<Vec<u8>, ReportError> {
    encode(&pixmap(svg, scale)?)
}

/// Pixels as PNG.
pub(crate) fn encode(pixels: &Pixmap) -> Result<Vec<u8>, ReportError> {
    pixels.encode_png().map_err(|error| ReportError::Png(error.to_string()))
}

/// Puts an image of RGB values into a square of `side` pixels whose upper left corner is at `place`,
/// enlarged by a whole number.
pub(crate) fn put(
    pixels: &mut Pixmap,
    place: (u32, u32),
    [width, height]: [usize; 2],
    side: u32,
    rgb: &[u8],
) {
    let side = side as usize;
    let factor = (side / width.max(height).max(1)).max(1);
    let (left, top) = (place.0 as usize, place.1 as usize);
    let all = pixels.width() as usize;
    let data = pixels.data_mut();
    for y in 0..(height * factor).min(side) {
        for x in 0..(width * factor).min(side) {
            let from = ((y / factor) * width + x / factor) * 3;
            let to = ((top + y) * all + left + x) * 4;
            if let (Some(from), Some(to)) = (rgb.get(from..from + 3), data.get_mut(to..to + 3)) {
                to.copy_from_slice(from);
            }
        }
    }
}

/// The image as pixels, `scale` a unit.
pub(crate) fn pixmap(svg: &str, scale: f32) -> Result<Pixmap, ReportError> {
    let fail = |problem: String| ReportError::Png(problem);
    let options = Options {
        font_family: FONT_NAME.to_owned(),
        fontdb: Arc::clone(&FONTS),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| fail(error.to_string()))?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(scale)
        .ok_or_else(|| fail(format!("a scale of {scale} leaves no pixel")))?;
    let (width, height) = (size.width(), size.height());
    let too_many =
        || fail(format!("{width} x {height} pixels are too many; the most is {MOST_PIXELS}"));
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(too_many());
    }
    let mut pixels = Pixmap::new(width, height).ok_or_else(too_many)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"80\" height=\"20\"><text x=\"2\" \
             y=\"15\" font-family=\"sans-serif\" font-size=\"12\">{text}</text></svg>"
        )
    }

    fn inked(text: &str) -> usize {
        let png = render(&image(text), 2.0).unwrap();
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (160, 40));
        pixels.pixels().iter().filter(|pixel| pixel.alpha() > 0).count()
    }

    #[test]
    fn text_is_drawn_without_fonts_of_the_system() {
        assert_eq!(inked(""), 0);
        for text in ["dann", "a → b", "± %", "λ"] {
            assert!(inked(text) > 40, "{text}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for scale in [0.0, -1.0, f32::NAN, 1e6] {
            let error = render(&image("x"), scale).unwrap_err();
            assert!(matches!(error, ReportError::Png(_)), "{scale}: {error}");
        }
    }
}
