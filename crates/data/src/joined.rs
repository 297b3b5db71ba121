//! Several sources as one.

use std::sync::Arc;

use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;

/// The rows of one source, then those of others of the same shape.
#[derive(Clone)]
pub struct Joined {
    parts: Vec<Part>,
    rows: usize,
}

#[derive(Clone)]
struct Part {
    samples: Arc<dyn SampleSource>,
    /// The row of its first sample.
    start: usize,
    /// Stands before the names of its samples.
    label: Option<String>,
}

impl Joined {
    /// Joins a training and a test set.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn new(
        first: Arc<dyn SampleSource>,
        second: Arc<dyn SampleSource>,
    ) -> Result<Self, DataError> {
        let shapes = (first.shape(), second.shape());
        let joined = Self::of([(None, first), (None, second)]);
        joined.ok_or_else(|| {
            DataError::Mismatch(format!(
                "training and test samples differ in shape: {} and {}",
                shapes.0, shapes.1
            ))
        })
    }

    /// Joins sources, with labels for the names of their samples; `None` where shapes differ.
    fn of(
        sources: impl IntoIterator<Item = (Option<String>, Arc<dyn SampleSource>)>,
    ) -> Option<Self> {
        let (mut parts, mut rows): (Vec<Part>, usize) = (Vec::new(), 0);
        for (label, samples) in sources {
            let start = rows;
            rows += samples.rows();
            parts.push(Part { samples, start, label });
        }
        let shape = parts.first()?.samples.shape();
        let alike = parts.iter().all(|part| shape.takes(part.samples.shape()));
        alike.then_some(Self { parts, rows })
    }

    /// The place of the part that a row is in.
    fn part(&self, row: usize) -> usize {
        self.parts.partition_point(|part| part.start <= row).saturating_sub(1)
    }
}

impl SampleSource for Joined {
    fn rows(&self) -> usize {
        self.rows
    }

    fn shape(&self) -> InputShape {
        let longest = |part: &Part| match part.samples.shape() {
            InputShape::VariableSeries { longest, .. } => longest,
            _ => 0,
        };
        match self.parts[0].samples.shape() {
            InputShape::VariableSeries { channels, .. } => {
                let longest = self.parts.iter().map(longest).max().unwrap_or(0);
                InputShape::VariableSeries { channels, longest }
            }
            shape => shape,
        }
    }

    fn name(&self, row: usize) -> String {
        let part = &self.parts[self.part(row)];
        let name = part.samples.name(row - part.start);
        part.label.as_ref().map_or_else(|| name.clone(), |label| format!("{label}: {name}"))
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); self.parts.len()];
        for &index in indices {
            let part = self.part(index);
            rows[part].push(index - self.parts[part].start);
        }
        // Parts without a row are not asked: the numbers of those that are.
        let asked: Vec<usize> = (0..rows.len()).filter(|&place| !rows[place].is_empty()).collect();
        let read = |&place: &usize| {
            let view = view.by(|key| part_key(key, place));
            self.parts[place].samples.values(&rows[place], view)
        };
        let mut drawn = asked.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        match drawn.len() {
            0 => self.parts[0].samples.values(&[], view),
            1 => Ok(drawn.remove(0)),
            _ => {
                let turns = indices.iter().map(|&index| {
                    let part = self.part(index);
                    asked.iter().position(|&place| place == part).unwrap_or(0)
                });
                SampleValues::interleave(&drawn, turns, self.shape().len())
            }
        }
    }

    fn is_slow(&self) -> bool {
        self.parts.iter().any(|part| part.samples.is_slow())
    }
}

/// Equal positions in two parts must not draw equal random views.
fn part_key(key: Key, place: usize) -> Key {
    match place {
        0 => key,
        1 => key.named("second part"),
        place => key.named("part").at(place as u64),
    }
}

/// One domain of several, one after the other; names of samples begin with that of their domain.
///
/// # Errors
/// If there is none, or their samples differ in shape.
pub fn joined_domain(name: &str, domains: &[Domain]) -> Result<Domain, DataError> {
    let joined = |set: &dyn Fn(&Domain) -> Option<LabelledSource>| {
        let sets: Option<Vec<LabelledSource>> = domains.iter().map(set).collect();
        let Some(sets) = sets else { return Ok(None) };
        let parts = domains.iter().zip(&sets);
        let parts = parts.map(|(it, set)| (Some(it.name.clone()), Arc::clone(&set.samples)));
        let Some(samples) = Joined::of(parts) else {
            return Err(DataError::Mismatch(format!(
                "the domains of `{name}` differ in the shape of their samples, or there is none"
            )));
        };
        let targets = sets.iter().map(|set| set.targets.clone());
        let targets = targets.reduce(|all, own| all.joined(&own));
        let targets = targets.expect("one source at least was joined");
        Ok(Some(LabelledSource { samples: Arc::new(samples), targets }))
    };
    let all = |set: &dyn Fn(&Domain) -> LabelledSource| {
        joined(&|domain| Some(set(domain))).map(|set| set.expect("every domain has one"))
    };
    Ok(Domain {
        name: name.to_owned(),
        train: all(&|domain| domain.train.clone())?,
        validation: joined(&|domain| domain.validation.clone())?,
        test: all(&|domain| domain.test.clone())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{FeatureSource, VariableSeriesSource};

    fn numbers(range: std::ops::Range<usize>) -> Arc<dyn SampleSource> {
        let values: Vec<f32> = range.flat_map(|row| [row as f32, -(row as f32)]).collect();
        Arc::new(FeatureSource::new(2, values))
    }

    #[test]
    fn joined_parts_follow_each_other() {
        let joined = Joined::new(numbers(0..3), numbers(10..12)).unwrap();
        assert_eq!(joined.rows(), 5);
        let values = joined.values(&[4, 0, 3, 2], SampleView::Plain).unwrap().into_dense().unwrap();
        assert_eq!(values, [11.0, -11.0, 0.0, 0.0, 10.0, -10.0, 2.0, -2.0]);
        assert_eq!(joined.name(4), "1");
        assert!(Joined::new(numbers(0..1), Arc::new(FeatureSource::new(3, vec![0.0; 3]))).is_err());
    }

    #[test]
    fn parts_may_have_series_of_other_lengths() {
        let series = |lengths: &[usize]| -> Arc<dyn SampleSource> {
            let values: Vec<f32> =
                (0..lengths.iter().sum()).map(|value: usize| value as f32).collect();
            Arc::new(VariableSeriesSource::new(1, lengths, values))
        };
        let joined = Joined::new(series(&[1, 2]), series(&[4])).unwrap();
        assert_eq!(joined.shape(), InputShape::VariableSeries { channels: 1, longest: 4 });
        let read = joined.values(&[2, 1], SampleView::Plain).unwrap();
        assert_eq!(read.rows(0), [&[0.0, 1.0, 2.0, 3.0][..], &[1.0, 2.0]]);
    }

    #[test]
    fn a_domain_of_several_has_all_their_samples_and_targets() {
        let domain = |name: &str, range: std::ops::Range<usize>| {
            let targets: Vec<u32> = range.clone().map(|row| row as u32).collect();
            let set = LabelledSource { samples: numbers(range), targets: targets.into() };
            let validation = (name != "b").then(|| set.clone());
            Domain { name: name.to_owned(), train: set.clone(), validation, test: set }
        };
        let domains = [domain("a", 0..2), domain("b", 5..5), domain("c", 7..10)];
        let joined = joined_domain("storm", &domains).unwrap();
        assert!(joined.validation.is_none());
        assert_eq!(joined.test.targets.classes(), [0, 1, 7, 8, 9].map(Some));
        assert_eq!(joined.test.samples.name(1), "a: 1");
        assert_eq!(joined.test.samples.name(2), "c: 0");
        let samples = joined.train.samples;
        let values = samples.values(&[4, 1, 2], SampleView::Plain).unwrap().into_dense().unwrap();
        assert_eq!(values, [9.0, -9.0, 1.0, -1.0, 7.0, -7.0]);
        assert!(joined_domain("none", &[]).is_err());
    }
}
