//! Changes of inputs that keep most of them as they were.

use isthmus_core::random::Key;
use rand::{Rng, RngExt};

/// Bytes at the beginning, where headers are, that every second change is made in.
const HEAD: usize = 256;
/// Longest piece that is removed, repeated or moved.
const PIECE: usize = 64;
/// Numbers that sizes are set to.
const SIZES: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];
/// Texts that numbers of text are replaced by.
const NUMBERS: [&str; 11] = [
    "0",
    "-1",
    "1",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "-1e400",
    "nan",
    "inf",
    "0.5",
];

/// An input made of one of the seeds; the same key gives the same.
///
/// # Panics
/// If there is no seed.
pub fn mutated(seeds: &[Vec<u8>], key: &Key) -> Vec<u8> {
    let mut random = key.rng();
    let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..=4) {
        let other = &seeds[random.random_range(0..seeds.len())];
        change(&mut bytes, other, &mut random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut impl Rng) {
    if bytes.is_empty() {
        bytes.extend_from_slice(&other[..other.len().min(PIECE)]);
        return;
    }
    let end = if random.random_bool(0.5) { bytes.len().min(HEAD) } else { bytes.len() };
    let at = random.random_range(0..end);
    let piece = at..(at + random.random_range(1..=PIECE)).min(bytes.len());
    match random.random_range(0..12) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 | 3 => {
            let size = SIZES[random.random_range(0..SIZES.len())];
            let width = [1, 2, 4, 8][random.random_range(0..4)];
            let big = random.random_bool(0.5);
            let whole = if big { size.to_be_bytes() } else { size.to_le_bytes() };
            let part = if big { &whole[8 - width..] } else { &whole[..width] };
            for (place, byte) in bytes[at..].iter_mut().zip(part) {
                *place = *byte;
            }
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(piece)),
        6 => {
            let repeated = bytes[piece.clone()].repeat(random.random_range(1..=8));
            bytes.splice(piece, repeated);
        }
        7 => {
            let number = random.random_range(1..=16);
            bytes.splice(at..at, (0..number).map(|_| random.random::<u8>()).collect::<Vec<_>>());
        }
        8 if !other.is_empty() => {
            let from = random.random_range(0..other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        9 | 10 => replace_number(bytes, at, random),
        _ => {
            let to = random.random_range(0..bytes.len());
            let moved = bytes[piece].to_vec();
            for (place, byte) in bytes[to..].iter_mut().zip(moved) {
                *place = byte;
            }
        }
    }
}

/// Replaces the digits from `at` on, where there are any.
fn replace_number(bytes: &mut Vec<u8>, at: usize, random: &mut impl Rng) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|it| at + it) else {
        return;
    };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = NUMBERS[random.random_range(0..NUMBERS.len())];
    bytes.splice(start..start + digits, number.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_makes_the_same_input_and_others_differ() {
        let seeds = vec![b"shape (3, 4)".to_vec(), vec![0; 300], Vec::new()];
        let of = |number| mutated(&seeds, &Key::new(7).named("x").at(number));
        assert!((0..200).all(|number| of(number) == of(number)));
        let different: std::collections::BTreeSet<Vec<u8>> = (0..200).map(of).collect();
        assert!(different.len() > 100, "{}", different.len());
    }
}
