//! Checks of TIFF files before they are decoded.

/// Bytes of a value of each type, by its number (TIFF 6.0, section 2; BigTIFF).
const WIDTHS: [u64; 19] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

/// Whether every array of the first image's description fits into the file: the library reserves what
/// is stated before it reads it. What is damaged otherwise is left to it.
pub(crate) fn arrays_fit(bytes: &[u8]) -> bool {
    let little = bytes.starts_with(b"II");
    let number = |at: u64, width: usize| -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let own = bytes.get(at..at.checked_add(width)?)?;
        let shift = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if little { own.iter().rev().fold(0, shift) } else { own.iter().fold(0, shift) })
    };
    let is_big = number(2, 2) == Some(43);
    // Where the description begins; bytes of its number of entries, of a count, of an entry.
    let (start, first, count, entry) =
        if is_big { (number(8, 8), 8, 8, 20) } else { (number(4, 4), 2, 4, 12) };
    let (Some(start), size) = (start, bytes.len() as u64) else { return true };
    let entries = number(start, first).unwrap_or(0).min(size / entry);
    (0..entries).all(|place| {
        let at = start.saturating_add(first as u64).saturating_add(place * entry);
        let kind = number(at.saturating_add(2), 2).and_then(|kind| usize::try_from(kind).ok());
        let width = kind.and_then(|kind| WIDTHS.get(kind)).copied().unwrap_or(0);
        let values = number(at.saturating_add(4), count).unwrap_or(0);
        values.checked_mul(width.max(1)).is_some_and(|all| all <= size)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one entry: this many numbers of 16 bits.
    fn file(count: u32, big_endian: bool) -> Vec<u8> {
        let order = |value: u32, width: usize| match big_endian {
            true => value.to_be_bytes()[4 - width..].to_vec(),
            false => value.to_le_bytes()[..width].to_vec(),
        };
        let mark = if big_endian { b"MM" } else { b"II" };
        let fields = [(42, 2), (8, 4), (1, 2), (273, 2), (3, 2), (count, 4), (0, 4), (0, 4)];
        let fields = fields.iter().flat_map(|&(value, width)| order(value, width));
        mark.iter().copied().chain(fields).collect()
    }

    #[test]
    fn arrays_that_are_longer_than_the_file_are_told() {
        for big_endian in [false, true] {
            assert!(arrays_fit(&file(1, big_endian)) && arrays_fit(&file(13, big_endian)));
            assert!(!arrays_fit(&file(14, big_endian)) && !arrays_fit(&file(u32::MAX, big_endian)));
            // What is cut is not for us to tell.
            assert!(arrays_fit(&file(14, big_endian)[..12]));
        }
        assert!(arrays_fit(b"II"));
    }
}
