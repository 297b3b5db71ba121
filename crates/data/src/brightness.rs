//! Values of any range to bytes.

use isthmus_core::dataset::Brightness;

/// The values as bytes: what is black or below becomes 0, what is white or above 255, in proportion
/// between. Where nothing is stated, the image's own smallest (or 0, if that is smaller) and largest
/// values are black and white. NaN becomes 0.
pub(crate) fn to_bytes(values: &[f32], brightness: Brightness) -> Vec<u8> {
    let [black, white] = match brightness {
        Brightness::Window(window) => window,
        Brightness::Stated | Brightness::Own => own(values),
    };
    let range = white - black;
    let byte = |&value: &f32| {
        let share = (f64::from(value) - black) / range;
        // Where there is no range, all is black; a NaN becomes 0.
        if range > 0.0 { (share.clamp(0.0, 1.0) * 255.0).round() as u8 } else { 0 }
    };
    values.iter().map(byte).collect()
}

fn own(values: &[f32]) -> [f64; 2] {
    let finite = || values.iter().copied().filter(|value| value.is_finite()).map(f64::from);
    [finite().fold(0.0, f64::min), finite().fold(f64::MIN, f64::max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_black_and_white_is_stated_or_the_images_own() {
        let values = [100.0, 600.0, 1100.0, f32::NAN];
        assert_eq!(to_bytes(&values, Brightness::Window([100.0, 1100.0])), [0, 128, 255, 0]);
        assert_eq!(to_bytes(&values, Brightness::Window([600.0, 700.0])), [0, 0, 255, 0]);
        // 0 stays black, unless there are values below it.
        assert_eq!(to_bytes(&values, Brightness::Own), [23, 139, 255, 0]);
        assert_eq!(to_bytes(&[-1000.0, 0.0, 1000.0], Brightness::Own), [0, 128, 255]);
        assert_eq!(to_bytes(&[0.0, 0.0], Brightness::Own), [0, 0]);
        assert_eq!(to_bytes(&[5.0, f32::INFINITY], Brightness::Own), [255, 255]);
        assert_eq!(to_bytes(&[], Brightness::Own), [0_u8; 0]);
    }
}
