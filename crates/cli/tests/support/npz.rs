//! Writes NumPy archives.

use std::fs;
use std::io::Write as _;
use std::path::Path;

/// An array of an archive, in row-major order.
#[allow(dead_code, reason = "each test program uses some of it")]
pub enum Array<'a> {
    /// `float32`.
    Floats(&'a [f32]),
    /// `int64`.
    Integers(&'a [i64]),
    /// `uint8`.
    Bytes(&'a [u8]),
}

/// Writes an archive of arrays with their names and shapes, and the folders above it.
#[allow(dead_code, reason = "each test program uses some of it")]
pub fn write_npz(path: &Path, arrays: &[(&str, &[usize], Array<'_>)]) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    let mut archive = zip::ZipWriter::new(fs::File::create(path).expect("it can be made"));
    for (name, shape, array) in arrays {
        let (kind, bytes): (&str, Vec<u8>) = match array {
            Array::Floats(values) => {
                ("<f4", values.iter().flat_map(|it| it.to_le_bytes()).collect())
            }
            Array::Integers(values) => {
                ("<i8", values.iter().flat_map(|it| it.to_le_bytes()).collect())
            }
            Array::Bytes(values) => ("|u1", values.to_vec()),
        };
        let shape: String = shape.iter().map(|extent| format!("{extent},")).collect();
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        let padded = format!("{header:<117}\n");
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).expect("it can be written");
        let length = (padded.len() as u16).to_le_bytes();
        for part in [b"\x93NUMPY\x01\x00".as_slice(), &length, padded.as_bytes(), &bytes] {
            archive.write_all(part).expect("it can be written");
        }
    }
    archive.finish().expect("it can be written");
}
