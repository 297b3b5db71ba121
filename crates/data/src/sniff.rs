//! What a file is, told by its first bytes: for messages about files of another kind than expected.

/// Number of first bytes that are looked at.
pub(crate) const LOOKED_AT: usize = 512;

/// What a file is whose name often has no ending.
pub(crate) const DICOM: &str = "a DICOM image";

/// First bytes and what they are the beginning of. Longer beginnings stand before shorter ones.
const BEGINNINGS: [(&[u8], &str); 25] = [
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a single NumPy array (.npy)"),
    (b"MATLAB 5.0", "a MATLAB file (.mat)"),
    (b"MATLAB 7.3", "a MATLAB file of version 7.3 (.mat)"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format", "an SQLite database"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"8BPS", "a Photoshop file"),
    (b"\x00\x00\x01\x00", "an icon (.ico)"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"BZh", "a bzip2 file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BM", "a BMP image"),
];

/// What the bytes are the beginning of, in words: `a gzip file`, `a text file (it begins with
/// "a,b")`; nothing where it cannot be told.
pub(crate) fn kind_of(bytes: &[u8]) -> Option<String> {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    if bytes.is_empty() {
        return Some("an empty file".to_owned());
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("a WebP image".to_owned());
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        let brand = bytes.get(8..12).unwrap_or_default();
        return Some(
            match brand {
                b"avif" | b"avis" => "an AVIF image",
                b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" => "a HEIC image",
                _ => "a video",
            }
            .to_owned(),
        );
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return Some(DICOM.to_owned());
    }
    if bytes.get(344..348) == Some(b"n+1\0") {
        return Some("a NIfTI image".to_owned());
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some("a tar archive".to_owned());
    }
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some((*kind).to_owned());
    }
    // Python's pickle protocols 2 to 5.
    if let [0x80, 2..=5, ..] = bytes {
        return Some("a Python pickle".to_owned());
    }
    let text = text(bytes)?.trim_start().to_owned();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some("a web page (HTML), such as a download that was refused gives".to_owned());
    }
    if text.starts_with("version https://git-lfs") {
        return Some(
            "a pointer of Git LFS, not the file itself (`git lfs pull` gets it)".to_owned(),
        );
    }
    const SHOWN: usize = 24;
    let first: String = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    Some(format!("a text file (it begins with {:?})", first.trim_end()))
}

/// The bytes as text, if they can be nothing else: UTF-8 without control characters.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character may be cut at the end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    text.chars().all(printable).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let of = |bytes: &[u8]| kind_of(bytes).unwrap_or_default();
        assert_eq!(of(b""), "an empty file");
        assert_eq!(of(b"\x1f\x8b\x08\x00"), "a gzip file");
        assert_eq!(of(b"\x93NUMPY\x01\x00"), "a single NumPy array (.npy)");
        assert_eq!(of(b"RIFF\x10\x00\x00\x00WEBPVP8 "), "a WebP image");
        assert_eq!(of(b"\x00\x00\x00\x1cftypavif"), "an AVIF image");
        assert_eq!(of("a,b\n1,2\n".as_bytes()), "a text file (it begins with \"a,b\")");
        assert!(of(b" <!DOCTYPE html><title>404").starts_with("a web page"));
        assert!(of(b"version https://git-lfs.github.com/spec/v1").contains("Git LFS"));
        assert_eq!(kind_of(&[0, 1, 2, 3, 254]), None);
        // A text whose last character is cut.
        assert!(of(&"é".repeat(400).as_bytes()[..511]).starts_with("a text file"));
    }
}
