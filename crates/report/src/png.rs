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
    pixels.encode_png().map_err(|error| fail(error.to_string()))
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
