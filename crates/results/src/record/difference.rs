//! Where two records of one run differ first.

use std::fs;

use super::reader::Record;
use super::{
    CHOSEN, FEATURE_TRANSFORMS, JOB, METRICS, MODEL, OUTPUTS, OUTPUTS_BEFORE, PICTURES,
    PREDICTIONS, SPLITS,
};
use crate::error::RecordError;

/// Where two records differ first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub file: String,
    /// The place in it, and what is there.
    pub place: String,
}

/// In this order files say most of what came first.
const ORDER: [&str; 10] = [
    JOB,
    SPLITS,
    FEATURE_TRANSFORMS,
    OUTPUTS_BEFORE,
    METRICS,
    CHOSEN,
    PREDICTIONS,
    MODEL,
    OUTPUTS,
    PICTURES,
];

/// Where `repeated` differs from `original` first; `None` if every file that must repeat is the
/// same, byte for byte.
///
/// # Errors
/// If a file cannot be read.
pub fn first_difference(
    original: &Record,
    repeated: &Record,
) -> Result<Option<Difference>, RecordError> {
    let (then, now) = (original.digests(), repeated.digests());
    let mut names: Vec<&String> = then.keys().chain(now.keys()).collect();
    let place = |name: &str| ORDER.iter().position(|first| *first == name).unwrap_or(ORDER.len());
    names.sort_by_key(|name| (place(name), name.as_str()));
    names.dedup();
    for name in names {
        let place = match (then.get(name), now.get(name)) {
            (Some(then), Some(now)) if then == now => continue,
            (Some(_), Some(_)) => within(name, original, repeated)?,
            (Some(_), None) => "its existence: the repetition has no such file".to_owned(),
            _ => "its existence: the record has no such file".to_owned(),
        };
        return Ok(Some(Difference { file: name.clone(), place }));
    }
    Ok(None)
}

fn within(name: &str, original: &Record, repeated: &Record) -> Result<String, RecordError> {
    let read = |record: &Record| {
        let path = record.directory.join(name);
        fs::read(&path).map_err(RecordError::io("cannot read", &path))
    };
    let (then, now) = (read(original)?, read(repeated)?);
    match (std::str::from_utf8(&then), std::str::from_utf8(&now)) {
        (Ok(then), Ok(now)) => Ok(line(then, now)),
        _ => tensor(original, repeated, name),
    }
}

fn line(then: &str, now: &str) -> String {
    let differing = then.lines().zip(now.lines()).enumerate().find(|(_, (then, now))| then != now);
    match differing {
        Some((index, (then, now))) => {
            format!("line {}: `{then}` then, `{now}` now", index + 1)
        }
        None => {
            let (then, now) = (then.lines().count(), now.lines().count());
            format!("its length: {then} lines then, {now} now")
        }
    }
}

fn tensor(original: &Record, repeated: &Record, name: &str) -> Result<String, RecordError> {
    let (then, now) = (original.tensors(name)?, repeated.tensors(name)?);
    for (path, before) in &then {
        let Some(after) = now.get(path) else { return Ok(format!("tensor `{path}`, gone now")) };
        if before.shape() != after.shape() {
            let (before, after) = (before.shape(), after.shape());
            return Ok(format!("tensor `{path}`: shape {before:?} then, {after:?} now"));
        }
        let bits = |bytes: &[u8]| -> Vec<f32> {
            bytes
                .chunks_exact(4)
                .map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]))
                .collect()
        };
        let (before, after) = (bits(before.as_bytes()), bits(after.as_bytes()));
        let place = before.iter().zip(&after).position(|(a, b)| a.to_bits() != b.to_bits());
        if let Some(at) = place {
            return Ok(format!(
                "tensor `{path}`, value {at}: {:?} then, {:?} now",
                before[at], after[at]
            ));
        }
    }
    Ok("a tensor that the record does not have".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_told() {
        assert_eq!(line("a\nb\nc", "a\nx\nc"), "line 2: `b` then, `x` now");
        assert_eq!(line("a\nb", "a"), "its length: 2 lines then, 1 now");
    }
}
