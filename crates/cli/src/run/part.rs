//! Which of the jobs this process was asked to run.

use std::ops::Range;

use isthmus_core::spec::{Job, did_you_mean};
use isthmus_results::RecordHeader;

use crate::args::{Part, RunArguments};
use crate::failure::Failure;

/// Places of the jobs to run: all, those of `--only`, or a part.
///
/// # Errors
/// If there is no job of an id.
pub fn selected(
    jobs: &[(Job, RecordHeader)],
    arguments: &RunArguments,
) -> Result<Vec<usize>, Failure> {
    if let Some(part) = arguments.part {
        return Ok(range(part, jobs.len()).collect());
    }
    if arguments.only.is_empty() {
        return Ok((0..jobs.len()).collect());
    }
    let ids = || jobs.iter().map(|(_, header)| header.run.id.as_str());
    for id in &arguments.only {
        if !ids().any(|known| known == id) {
            return Err(Failure::input_with(
                format!("--only: there is no run {id} in this experiment"),
                did_you_mean(id, ids()).unwrap_or_else(|| {
                    "ids change with the file, its settings, the data and the version of isthmus"
                        .to_owned()
                }),
            ));
        }
    }
    let asked = |(_, header): &(Job, RecordHeader)| arguments.only.contains(&header.run.id);
    Ok((0..jobs.len()).filter(|&place| asked(&jobs[place])).collect())
}

/// The places of a part: parts differ by one at most in size, and together have every place once.
pub fn range(part: Part, count: usize) -> Range<usize> {
    (part.number - 1) * count / part.of..part.number * count / part.of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_every_place_once() {
        for (count, of) in [(10, 3), (2, 5), (0, 4), (7, 7), (1000, 1)] {
            let parts: Vec<Range<usize>> =
                (1..=of).map(|number| range(Part { number, of }, count)).collect();
            let places: Vec<usize> = parts.iter().cloned().flatten().collect();
            assert_eq!(places, (0..count).collect::<Vec<_>>());
            let sizes = || parts.iter().map(ExactSizeIterator::len);
            assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);
        }
    }

    #[test]
    fn a_part_is_read_from_its_text() {
        assert_eq!("2/5".parse(), Ok(Part { number: 2, of: 5 }));
        for wrong in ["0/5", "6/5", "2", "a/b", "1/0"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }
}
