//! Which classes sources and targets have, where an experiment says that they differ.

use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::DataError;
use isthmus_core::spec::ClassSets;

use crate::labels::class_name;
use crate::loaded::{DomainUse, rows_of};
use crate::problem;

/// The classes that are kept, and their numbers: those of the sources come first, in the order of
/// the data set, then those that only targets have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChosenClasses {
    /// Names of the sources' classes.
    pub known: Vec<String>,
    /// The number of each class of the data set in a source; absent where it is left out.
    source: Vec<Option<u32>>,
    /// Likewise in a target.
    target: Vec<Option<u32>>,
}

impl ChosenClasses {
    /// Chooses among the classes of a data set.
    ///
    /// # Errors
    /// If a name is none of them.
    pub fn new(classes: &[String], sets: &ClassSets) -> Result<Self, DataError> {
        let chosen = |field: &str, names: &Option<Vec<String>>| -> Result<Vec<bool>, DataError> {
            let Some(names) = names else { return Ok(vec![true; classes.len()]) };
            let mut kept = vec![false; classes.len()];
            for name in names {
                let place = classes.iter().position(|class| *class == class_name(name));
                let Some(place) = place else {
                    return Err(DataError::Mismatch(format!(
                        "`data.classes.{field}` names `{}`, which is no class of the data set{}; \
                         it has {}",
                        problem::shown(name),
                        problem::suggestion(name, classes.iter().map(String::as_str)),
                        problem::some_of(classes),
                    )));
                };
                kept[place] = true;
            }
            Ok(kept)
        };
        let source = chosen("source", &sets.source)?;
        let target = chosen("target", &sets.target)?;
        let known: Vec<usize> = (0..classes.len()).filter(|&class| source[class]).collect();
        let private = (0..classes.len()).filter(|&class| target[class] && !source[class]);
        let mut numbers = vec![None; classes.len()];
        for (number, class) in (0..).zip(known.iter().copied().chain(private)) {
            numbers[class] = Some(number);
        }
        let of = |kept: &[bool]| {
            numbers.iter().zip(kept).map(|(number, kept)| number.filter(|_| *kept)).collect()
        };
        Ok(Self {
            known: known.into_iter().map(|class| classes[class].clone()).collect(),
            source: of(&source),
            target: of(&target),
        })
    }

    /// Whether a target has a class that the sources have not.
    pub fn has_unknown(&self) -> bool {
        let known = self.known.len() as u32;
        self.target.iter().flatten().any(|number| *number >= known)
    }

    /// Number of classes of a target; those that the sources have not count as one.
    pub fn target_classes(&self) -> usize {
        let known = self.known.len() as u32;
        let own = self.target.iter().flatten().filter(|number| **number < known).count();
        own + usize::from(self.has_unknown())
    }

    /// The samples of a set whose classes are kept, and those without a label.
    pub fn select(&self, set: &LabelledSource, used_as: DomainUse) -> LabelledSource {
        let numbers = match used_as {
            DomainUse::Source => &self.source,
            DomainUse::Target => &self.target,
        };
        let number = |class: u32| numbers.get(class as usize).copied().flatten();
        let classes = set.targets.classes();
        let kept = |row: &usize| classes[*row].is_none_or(|class| number(class).is_some());
        let rows: Vec<usize> = (0..classes.len()).filter(kept).collect();
        let set = if rows.len() < classes.len() { rows_of(set, rows) } else { set.clone() };
        let targets = set.targets.map_classes(|class| {
            number(class).expect("samples of classes that are left out were left out")
        });
        LabelledSource { samples: set.samples, targets }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use isthmus_core::stage::SampleView;
    use isthmus_core::targets::RowTargets;

    use super::*;
    use crate::sources::FeatureSource;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn set() -> LabelledSource {
        let classes = [Some(0), Some(3), None, Some(1), Some(2), Some(3)];
        let values: Vec<f32> = (0..classes.len()).map(|row| row as f32).collect();
        LabelledSource {
            samples: Arc::new(FeatureSource::new(1, values)),
            targets: RowTargets::of_classes(&classes),
        }
    }

    fn rows(set: &LabelledSource) -> Vec<f32> {
        let all: Vec<usize> = (0..set.samples.rows()).collect();
        set.samples.values(&all, SampleView::Plain).unwrap().into_dense().unwrap()
    }

    #[test]
    fn sources_come_first_and_unlabelled_samples_stay() {
        let classes = names(&["a", "b", "c", "d"]);
        let sets = ClassSets { source: Some(names(&["d", "b"])), target: Some(names(&["b", "a"])) };
        let chosen = ChosenClasses::new(&classes, &sets).unwrap();
        assert_eq!(chosen.known, names(&["b", "d"]));
        assert!(chosen.has_unknown());
        assert_eq!(chosen.target_classes(), 2);
        let source = chosen.select(&set(), DomainUse::Source);
        assert_eq!(rows(&source), [1.0, 2.0, 3.0, 5.0]);
        assert_eq!(source.targets.classes(), [Some(1), None, Some(0), Some(1)]);
        let target = chosen.select(&set(), DomainUse::Target);
        assert_eq!(rows(&target), [0.0, 2.0, 3.0]);
        assert_eq!(target.targets.classes(), [Some(2), None, Some(0)]);
    }

    #[test]
    fn a_part_of_the_classes_is_not_unknown() {
        let sets = ClassSets { source: None, target: Some(names(&["c"])) };
        let chosen = ChosenClasses::new(&names(&["a", "b", "c", "d"]), &sets).unwrap();
        assert!(!chosen.has_unknown());
        assert_eq!(chosen.select(&set(), DomainUse::Source).targets, set().targets);
        let target = chosen.select(&set(), DomainUse::Target);
        assert_eq!(target.targets.classes(), [None, Some(2)]);
    }

    #[test]
    fn a_name_that_is_no_class_is_told() {
        let sets = ClassSets { source: Some(names(&["bkie"])), target: None };
        let error = ChosenClasses::new(&names(&["bike", "mug"]), &sets).unwrap_err().to_string();
        assert!(error.contains("`data.classes.source` names `bkie`"), "{error}");
        assert!(error.contains("did you mean `bike`?") && error.contains("bike, mug"), "{error}");
    }
}
