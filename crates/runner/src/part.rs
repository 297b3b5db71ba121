//! Which of the jobs this process was asked to run.

use std::ops::Range;
use std::str::FromStr;

use isthmus_core::spec::Job;
use isthmus_experiment::did_you_mean;
use isthmus_results::RecordHeader;

use crate::error::RunError;
use crate::jobs::PlannedJob;

/// One of several parts of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which one, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(number, of)| {
            Some(Self { number: number.parse().ok()?, of: of.parse().ok()? })
        });
        numbers
            .filter(|part| 1 <= part.number && part.number <= part.of)
            .ok_or_else(|| "it must be of the form K/N with K from 1 to N, such as 2/5".to_owned())
    }
}

/// Places of the jobs to run: all, those of some ids, or a part.
///
/// # Errors
/// If there is no job of an id.
pub fn selected(
    jobs: &[(Job, RecordHeader)],
    part: Option<Part>,
    only: &[String],
) -> Result<Vec<usize>, RunError> {
    if let Some(part) = part {
        return Ok(range(part, jobs.len()).collect());
    }
    if only.is_empty() {
        return Ok((0..jobs.len()).collect());
    }
    let ids = || jobs.iter().map(|(_, header)| header.run.id.as_str());
    for id in only {
        if !ids().any(|known| known == id) {
            return Err(RunError::input(
                format!("--only: there is no run {id} in this experiment"),
                did_you_mean(id, ids()).unwrap_or_else(|| {
                    "ids change with the file, its settings, the data and the version of isthmus"
                        .to_owned()
                }),
            ));
        }
    }
    let asked = |(_, header): &(Job, RecordHeader)| only.contains(&header.run.id);
    Ok((0..jobs.len()).filter(|&place| asked(&jobs[place])).collect())
}

/// The jobs of the methods that `--methods` names; all where it names none. A label may itself
/// hold commas: a text that is a label is not split.
///
/// # Errors
/// If there is no method of a label.
pub fn of_methods(planned: Vec<PlannedJob>, asked: &[String]) -> Result<Vec<PlannedJob>, RunError> {
    if asked.is_empty() {
        return Ok(planned);
    }
    let mut labels: Vec<&str> = Vec::new();
    for job in &planned {
        if !labels.contains(&job.job.method.label.as_str()) {
            labels.push(&job.job.method.label);
        }
    }
    let mut wanted: Vec<String> = Vec::new();
    for text in asked {
        let parts: Vec<&str> = if labels.contains(&text.trim()) {
            vec![text.trim()]
        } else {
            text.split(',').map(str::trim).filter(|label| !label.is_empty()).collect()
        };
        for label in parts {
            if !labels.contains(&label) {
                return Err(RunError::input(
                    format!("--methods: there is no method `{label}` in this experiment"),
                    did_you_mean(label, labels.iter().copied())
                        .unwrap_or_else(|| format!("there are: {}", labels.join(", "))),
                ));
            }
            wanted.push(label.to_owned());
        }
    }
    Ok(planned.into_iter().filter(|job| wanted.contains(&job.job.method.label)).collect())
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
    fn methods_are_chosen_by_label_with_or_without_commas() {
        let all = crate::testing::quickstart("");
        let labels = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|&text| text.to_owned()).collect();
            of_methods(all.clone(), &asked).map(|jobs| {
                let mut labels: Vec<String> =
                    jobs.into_iter().map(|job| job.job.method.label).collect();
                labels.dedup();
                labels
            })
        };
        assert_eq!(labels(&["mcc,dann"]).unwrap(), labels(&["dann", " mcc "]).unwrap());
        assert_eq!(labels(&["dann"]).unwrap(), ["dann"]);
        assert_eq!(labels(&[]).unwrap().len(), 4);
        let error = labels(&["dan"]).unwrap_err().to_string();
        assert!(error.contains("there is no method `dan`"), "{error}");
        let mut odd = all.clone();
        odd.iter_mut().for_each(|job| job.job.method.label = "a, b".to_owned());
        assert_eq!(of_methods(odd.clone(), &["a, b".to_owned()]).unwrap().len(), odd.len());
    }

    #[test]
    fn a_part_is_read_from_its_text() {
        assert_eq!("2/5".parse(), Ok(Part { number: 2, of: 5 }));
        for wrong in ["0/5", "6/5", "2", "a/b", "1/0"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }
}
