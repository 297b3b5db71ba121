//! The embedded data set: handwritten digits of UCI, and digits drawn from fonts in their form.
//!
//! UCI's form: each digit's bitmap fills 32 rows, and the pixels with ink are counted in blocks
//! of 4x4, which gives 8x8 counts from 0 to 16.

use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use rand::RngExt;
use tiny_skia::{FillRule, Mask, Path, PathBuilder, Transform};

use crate::archive;

/// Values of one digit.
pub(crate) const SIZE: usize = BLOCKS * BLOCKS;
/// Blocks of pixels in a row of a digit, and rows of them.
pub(crate) const BLOCKS: usize = 8;

const UCI: &[u8] = include_bytes!("../assets/uci_digits.csv.gz");
const OUTLINES: &str = include_str!("../assets/digit_outlines.txt");

/// Digits drawn from fonts: this many, the classes in turn.
const DRAWN: usize = 2500;
/// Names the random shapes; the drawn digits are always the same.
const SEED: u64 = 0;
/// Side of the bitmap and of the blocks that are counted.
const SIDE: usize = 32;
const BLOCK: usize = 4;
/// Ranges of the random shapes, uniform: slant (shift a unit of height), width (factor) and
/// rotation (degrees).
const SLANT: f32 = 0.3;
const WIDTH: [f32; 2] = [0.7, 1.3];
const ROTATION: f32 = 10.0;

/// Digits as rows of [`SIZE`] values in [0, 1].
pub(crate) struct Digits {
    pub values: Vec<f32>,
    pub labels: Vec<u32>,
}

/// The handwritten digits.
pub(crate) fn uci() -> Result<Digits, DataError> {
    const FILE: &str = "embedded uci_digits.csv.gz";
    let fail = |problem: String| DataError::File { file: FILE.to_owned(), problem };
    let bytes = archive::unpack(UCI).map_err(|(_, error)| fail(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| fail(error.to_string()))?;
    let mut digits = Digits { values: Vec::new(), labels: Vec::new() };
    for line in text.lines() {
        let numbers: Vec<u32> = line
            .split(',')
            .map(|word| word.parse())
            .collect::<Result<_, _>>()
            .map_err(|error| fail(format!("`{line}`: {error}")))?;
        let [values @ .., label] = numbers.as_slice() else { continue };
        digits.values.extend(values.iter().map(|&count| count as f32 / (BLOCK * BLOCK) as f32));
        digits.labels.push(*label);
    }
    Ok(digits)
}

/// The drawn digits.
pub(crate) fn fonts() -> Result<Digits, DataError> {
    let outlines = outlines(OUTLINES)?;
    let key = Key::new(SEED).named("quickstart fonts");
    let mut digits = Digits { values: Vec::with_capacity(DRAWN * SIZE), labels: Vec::new() };
    for index in 0..DRAWN {
        let mut random = key.at(index as u64).rng();
        let digit = index % 10;
        let outline = &outlines[random.random_range(0..outlines.len())][digit];
        let slant = random.random_range(-SLANT..=SLANT);
        let width = random.random_range(WIDTH[0]..=WIDTH[1]);
        let angle = random.random_range(-ROTATION..=ROTATION);
        let shape = Transform::from_rotate(angle)
            .pre_concat(Transform::from_row(1.0, 0.0, -slant, 1.0, 0.0, 0.0))
            .pre_scale(width, 1.0);
        let bitmap = draw(outline, shape).ok_or_else(|| DataError::File {
            file: "embedded digit_outlines.txt".to_owned(),
            problem: format!("the outline of {digit} cannot be drawn"),
        })?;
        digits.values.extend(block_means(&bitmap));
        digits.labels.push(digit as u32);
    }
    Ok(digits)
}

/// The outlines of the ten digits of each font, y downwards.
fn outlines(text: &str) -> Result<Vec<Vec<Path>>, DataError> {
    let mut fonts: Vec<Vec<Path>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if line.starts_with("outlines from") {
            fonts.push(Vec::new());
            continue;
        }
        let path = line.split_once(": ").and_then(|(_, commands)| path(commands));
        match (path, fonts.last_mut()) {
            (Some(path), Some(font)) => font.push(path),
            _ => {
                return Err(DataError::File {
                    file: format!("embedded digit_outlines.txt, line {}", number + 1),
                    problem: "is no outline".to_owned(),
                });
            }
        }
    }
    Ok(fonts)
}

fn path(commands: &str) -> Option<Path> {
    let mut words = commands.split_ascii_whitespace();
    let mut builder = PathBuilder::new();
    while let Some(command) = words.next() {
        // Fonts count y upwards, bitmaps downwards.
        let mut point = || Some((words.next()?.parse().ok()?, -words.next()?.parse::<f32>().ok()?));
        match command {
            "M" => {
                let (x, y) = point()?;
                builder.move_to(x, y);
            }
            "L" => {
                let (x, y) = point()?;
                builder.line_to(x, y);
            }
            "Q" => {
                let ((x1, y1), (x, y)) = (point()?, point()?);
                builder.quad_to(x1, y1, x, y);
            }
            "C" => {
                let ((x1, y1), (x2, y2), (x, y)) = (point()?, point()?, point()?);
                builder.cubic_to(x1, y1, x2, y2, x, y);
            }
            "Z" => builder.close(),
            _ => return None,
        }
    }
    builder.finish()
}

/// Draws a shaped outline so that it fills the rows of the bitmap, in the middle of its columns;
/// only what is wider than high is squeezed.
fn draw(outline: &Path, shape: Transform) -> Option<Vec<bool>> {
    const HALF: u8 = 127;
    let side = SIDE as f32;
    let shaped = outline.clone().transform(shape)?;
    let bounds = shaped.compute_tight_bounds()?;
    let scale_y = side / bounds.height();
    let scale_x = scale_y.min(side / bounds.width());
    let left = (side - bounds.width() * scale_x) / 2.0;
    let fit = Transform::from_row(
        scale_x,
        0.0,
        0.0,
        scale_y,
        left - bounds.left() * scale_x,
        -bounds.top() * scale_y,
    );
    let mut mask = Mask::new(SIDE as u32, SIDE as u32)?;
    mask.fill_path(&shaped, FillRule::Winding, true, fit);
    Some(mask.data().iter().map(|&coverage| coverage > HALF).collect())
}

fn block_means(bitmap: &[bool]) -> impl Iterator<Item = f32> + '_ {
    let blocks = SIDE / BLOCK;
    (0..blocks * blocks).map(move |block| {
        let (top, left) = (block / blocks * BLOCK, block % blocks * BLOCK);
        let ink = (0..BLOCK * BLOCK)
            .filter(|pixel| bitmap[(top + pixel / BLOCK) * SIDE + left + pixel % BLOCK])
            .count();
        ink as f32 / (BLOCK * BLOCK) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of `test` whose nearest neighbour in `train` has their label.
    fn nearest_neighbour_accuracy(train: &Digits, test: &Digits) -> f64 {
        let right = test.values.chunks(SIZE).zip(&test.labels).filter(|(row, label)| {
            let distance = |other: &[f32]| -> f32 {
                row.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let nearest = train
                .values
                .chunks(SIZE)
                .zip(&train.labels)
                .min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))
                .unwrap();
            nearest.1 == *label
        });
        right.count() as f64 / test.labels.len() as f64
    }

    #[test]
    fn the_handwritten_digits_are_uci_s() {
        let digits = uci().unwrap();
        assert_eq!(digits.labels.len(), 1797);
        assert_eq!(digits.values.len(), 1797 * SIZE);
        let count = |digit| digits.labels.iter().filter(|&&label| label == digit).count();
        assert_eq!(
            (0..10).map(count).collect::<Vec<_>>(),
            [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
        );
        let first: Vec<f32> = digits.values[..8].iter().map(|value| value * 16.0).collect();
        assert_eq!(first, [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_drawn_digits_are_always_the_same_and_balanced() {
        let digits = fonts().unwrap();
        assert_eq!(digits.labels.len(), DRAWN);
        assert!(digits.values.iter().all(|value| (0.0..=1.0).contains(value)));
        assert_eq!(fonts().unwrap().values, digits.values);
        for digit in 0..10 {
            assert_eq!(digits.labels.iter().filter(|&&label| label == digit).count(), DRAWN / 10);
        }
        // Ink reaches the first and last rows of every digit: the bitmap is filled.
        for row in digits.values.chunks(SIZE) {
            assert!(row[..8].iter().sum::<f32>() > 0.0 && row[56..].iter().sum::<f32>() > 0.0);
        }
    }

    #[test]
    fn the_shift_between_the_two_is_real_and_not_hopeless() {
        let accuracy = nearest_neighbour_accuracy(&fonts().unwrap(), &uci().unwrap());
        println!("1-NN fonts -> uci: {:.1} %", 100.0 * accuracy);
        assert!((0.55..0.80).contains(&accuracy), "{accuracy}");
    }
}
