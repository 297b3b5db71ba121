//! Whether the domains of a data set have one set of classes.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::error::DataError;

use crate::class_places::{Places, whole_numbers};
use crate::descriptor::Descriptor;
use crate::disagreement::{differing_names, to_state, unmatched};
use crate::found_classes::{ClassesOf, FoundClasses};
use crate::problem;

/// The classes that all domains have.
#[derive(Debug)]
pub(crate) struct Agreement {
    /// Their names, in the order of the labels.
    pub classes: Vec<String>,
    /// For each set, the class of each of its labels; absent where labels are classes already.
    pub maps: Vec<Option<BTreeMap<u32, u32>>>,
    /// What users should know.
    pub warnings: Vec<String>,
}

/// Finds the classes that all sets have, and which of them each label of a set is.
///
/// - Where the descriptor states classes, names are found among them, and numbers count them.
/// - Else all names must be the same; where some sets have numbers, the names must be whole
///   numbers, and are compared by value.
/// - Else the numbers must run from the first class on without a gap.
pub(crate) fn classes(
    descriptor: &Descriptor,
    sets: &[ClassesOf<'_>],
) -> Result<Agreement, DataError> {
    for set in sets {
        // A reader may be anybody's.
        let names = set.found.names.as_ref().map_or(u64::MAX, |names| names.len() as u64);
        if set.found.count() > names {
            return Err(DataError::Mismatch(format!(
                "domain `{}`: its reader names {names} classes and gives the label {}",
                set.domain,
                set.found.count() - 1
            )));
        }
    }
    let all = sets;
    // Samples without labels have nothing to agree on.
    let sets: Vec<ClassesOf<'_>> =
        all.iter().filter(|set| !set.found.is_unlabelled()).copied().collect();
    let columns = sets.iter().find(|set| set.found.columns > 0);
    if let Some(first) = columns.or(sets.first())
        && let Some(other) = sets.iter().find(|set| set.found.kind != first.found.kind)
    {
        return Err(DataError::Mismatch(format!(
            "targets differ: domain `{}` has {}, domain `{}` has {}",
            first.domain, first.found.kind, other.domain, other.found.kind
        )));
    }
    if let Some(first) = columns {
        return as_columns(descriptor, first, &sets, all.len());
    }
    let mut agreement = match &descriptor.classes {
        Some(stated) => as_stated(stated, &sets)?,
        None => {
            let mut named = sets.iter().filter(|set| set.found.names.is_some());
            match named.next() {
                Some(first) => as_named(first, &sets)?,
                None => as_numbered(&sets)?,
            }
        }
    };
    refuse_single_class(descriptor, &agreement.classes, &sets)?;
    agreement = with_counts(descriptor, agreement, &sets)?;
    let mut maps = agreement.maps.into_iter();
    agreement.maps = all
        .iter()
        .map(|set| if set.found.is_unlabelled() { None } else { maps.next().flatten() })
        .collect();
    Ok(agreement)
}

/// The names of columns: those of the descriptor, else those of the first set, else numbers.
fn as_columns(
    descriptor: &Descriptor,
    first: &ClassesOf<'_>,
    sets: &[ClassesOf<'_>],
    all: usize,
) -> Result<Agreement, DataError> {
    let count = first.found.columns;
    if let Some(other) = sets.iter().find(|set| set.found.columns != count) {
        return Err(DataError::Mismatch(format!(
            "targets differ: domain `{}` has {count} columns of them, domain `{}` has {}",
            first.domain, other.domain, other.found.columns
        )));
    }
    let names = descriptor.classes.as_ref().or(first.found.names.as_ref());
    let classes = match names {
        Some(names) if names.len() != count => {
            return Err(DataError::Mismatch(format!(
                "domain `{}` has {count} columns of targets, and {} names for them: {}",
                first.domain,
                names.len(),
                problem::some_of(names)
            )));
        }
        Some(names) => names.clone(),
        None => (0..count).map(|column| column.to_string()).collect(),
    };
    let other = sets.iter().find_map(|set| Some((set.domain, set.found.names.as_ref()?)));
    if let (None, Some((domain, own))) = (&descriptor.classes, other)
        && let Some(differing) = sets.iter().find(|it| it.found.names.as_ref() != Some(own))
    {
        return Err(DataError::Mismatch(format!(
            "targets differ: domain `{domain}` has the columns {}, domain `{}` {}; state them in \
             the descriptor: {}",
            problem::some_of(own),
            differing.domain,
            differing.found.names.as_ref().map_or("names none".to_owned(), problem::some_of),
            to_state(own),
        )));
    }
    Ok(Agreement { classes, maps: vec![None; all], warnings: Vec::new() })
}

fn as_stated(stated: &[String], sets: &[ClassesOf<'_>]) -> Result<Agreement, DataError> {
    let places = Places::of(stated);
    let maps = sets
        .iter()
        .map(|set| match &set.found.names {
            Some(own) => match places.of_all(own) {
                Some(map) => Ok(Some(map)),
                None => Err(differing_names("the descriptor", stated, set.domain, own, false)),
            },
            None if set.found.count() > stated.len() as u64 => Err(DataError::Mismatch(format!(
                "class counts differ: the descriptor has {} classes, domain `{}` has labels up \
                     to {}",
                stated.len(),
                set.domain,
                set.found.number((set.found.count() - 1) as u32)
            ))),
            None => Ok(None),
        })
        .collect::<Result<_, _>>()?;
    Ok(Agreement { classes: stated.to_vec(), maps, warnings: Vec::new() })
}

fn as_named(first: &ClassesOf<'_>, sets: &[ClassesOf<'_>]) -> Result<Agreement, DataError> {
    let names = first.found.names.clone().unwrap_or_default();
    let mut order = names.clone();
    if let Some(numbered) = sets.iter().find(|set| set.found.names.is_none()) {
        let Some(numbers) = whole_numbers(&names) else {
            return Err(unmatched(first, &names, numbered));
        };
        // Numbers come in their own order, not in that of their digits.
        let mut by_value: Vec<(i64, String)> = numbers.into_iter().zip(names.clone()).collect();
        by_value.sort();
        order = by_value.into_iter().map(|(_, name)| name).collect();
    }
    let places = Places::of(&order);
    let maps = sets
        .iter()
        .map(|set| {
            let Some(own) = &set.found.names else {
                return labels_by_value(&places, first.domain, &order, set).map(Some);
            };
            match places.of_all(own) {
                Some(map) if own.len() == order.len() => Ok(Some(map)),
                _ => Err(differing_names(first.domain, &names, set.domain, own, true)),
            }
        })
        .collect::<Result<_, _>>()?;
    // A class without samples is an oversight where its name was found, not where it was known.
    for set in sets.iter().filter(|set| set.found.remark.is_some()) {
        let names = set.found.names.iter().flatten().enumerate();
        let empty = names.filter(|(label, _)| !set.found.counts.contains_key(&(*label as u32)));
        let empty: Vec<&str> = empty.map(|(_, name)| name.as_str()).collect();
        if !empty.is_empty() {
            let folders = if empty.len() > 1 { "classes" } else { "class" };
            return Err(DataError::Mismatch(format!(
                "domain `{}`: no images in the {folders} {}; add some or remove what is empty; if \
                 the domain only lacks what others have, state the classes in the descriptor: {}",
                set.domain,
                problem::some_of(&empty),
                to_state(&order),
            )));
        }
    }
    Ok(Agreement { classes: order, maps, warnings: Vec::new() })
}

fn as_numbered(sets: &[ClassesOf<'_>]) -> Result<Agreement, DataError> {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for set in sets {
        match counts.iter_mut().find(|(domain, _)| *domain == set.domain) {
            Some((_, count)) => *count = (*count).max(set.found.count()),
            None => counts.push((set.domain, set.found.count())),
        }
    }
    if let Some(((first, count), (domain, other))) =
        counts.first().and_then(|first| Some((first, counts.iter().find(|it| it.1 != first.1)?)))
    {
        return Err(DataError::Mismatch(format!(
            "class counts differ: domain `{first}` has {count} classes, domain `{domain}` has \
             {other}; if a class is only absent from a domain, state `classes` in the descriptor"
        )));
    }
    let count = counts.first().map_or(0, |(_, count)| *count);
    refuse_gaps(count, sets)?;
    let classes = (0..count).map(|class| class.to_string()).collect();
    Ok(Agreement { classes, maps: vec![None; sets.len()], warnings: Vec::new() })
}

/// What may be meant where numbers leave a single class: two classes are often -1 and 1.
const MARK: &str = "-1 marks samples without a label: if it is a class here, number the classes \
                    from 0 or store their names as texts";

/// Refuses numbers that no sample of any domain has: that they are classes follows only from the
/// largest label.
fn refuse_gaps(count: u64, sets: &[ClassesOf<'_>]) -> Result<(), DataError> {
    let present: BTreeSet<u32> =
        sets.iter().flat_map(|set| set.found.counts.keys().copied()).collect();
    let absent = count - present.len() as u64;
    let Some(found) = sets.first().map(|set| set.found).filter(|_| absent > 0) else {
        return Ok(());
    };
    let smallest = present.first().copied().unwrap_or_default();
    let numbers = |labels: &BTreeSet<u32>| {
        problem::some_of(labels.iter().map(|&label| found.number(label).to_string()))
    };
    let first = found.number(0);
    let last = found.number((count - 1) as u32);
    let advice = if present.len() == 1 {
        MARK.to_owned()
    } else if u64::from(smallest) == absent {
        format!("set `first_label = {}` in each reader", found.number(smallest))
    } else {
        "number the classes without gaps, store their names as texts, or state `classes` in the \
         descriptor if some classes have no samples here"
            .to_owned()
    };
    Err(DataError::Mismatch(format!(
        "{} of the {count} classes {first} to {last} have no sample in any domain: {}; the labels \
         found are {}: {advice}",
        absent,
        gaps(&present, count, found),
        numbers(&present),
    )))
}

/// The ranges of numbers between those that are present.
fn gaps(present: &BTreeSet<u32>, count: u64, found: &FoundClasses) -> String {
    let mut next = 0u64;
    let mut ranges = Vec::new();
    for label in present.iter().map(|&label| u64::from(label)).chain([count]) {
        if label > next {
            let (from, to) = (found.number(next as u32), found.number((label - 1) as u32));
            ranges.push(if from == to { from.to_string() } else { format!("{from} to {to}") });
        }
        next = label + 1;
    }
    problem::some_of(ranges)
}

/// The class of each label of a set of numbers, by value.
fn labels_by_value(
    places: &Places<'_>,
    owner: &str,
    order: &[String],
    set: &ClassesOf<'_>,
) -> Result<BTreeMap<u32, u32>, DataError> {
    let by_value = places.by_value.as_ref().expect("the names are whole numbers");
    let missing = |label: &&u32| !by_value.contains_key(&set.found.number(**label));
    if let Some(&label) = set.found.counts.keys().find(missing) {
        return Err(DataError::Mismatch(format!(
            "class counts differ: domain `{owner}` has {} classes ({}), domain `{}` has labels up \
             to {}, and {} is none of them; classes that are numbers are compared by value: set \
             `first_label` where one counts from 1, or state `classes` in the descriptor",
            order.len(),
            problem::some_of(places.names),
            set.domain,
            set.found.number((set.found.count() - 1) as u32),
            set.found.number(label),
        )));
    }
    let place = |&label: &u32| (label, by_value[&set.found.number(label)]);
    Ok(set.found.counts.keys().map(place).collect())
}

/// Refuses a data set of one class: every method would get everything right.
fn refuse_single_class(
    descriptor: &Descriptor,
    classes: &[String],
    sets: &[ClassesOf<'_>],
) -> Result<(), DataError> {
    let [class] = classes else { return Ok(()) };
    let is_number = |class: &str| class.parse::<i64>().is_ok();
    let remark = sets
        .iter()
        .find_map(|set| set.found.remark.as_ref())
        .map(|remark| format!(": {remark}"))
        .or_else(|| is_number(class).then(|| format!("; {MARK}")))
        .unwrap_or_default();
    Err(DataError::Mismatch(format!(
        "data set `{}` has a single class, `{}`: there is nothing to tell apart{remark}",
        descriptor.name,
        problem::shown(class),
    )))
}

/// Adds warnings of classes without samples.
fn with_counts(
    descriptor: &Descriptor,
    mut agreement: Agreement,
    sets: &[ClassesOf<'_>],
) -> Result<Agreement, DataError> {
    let mut by_domain: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (set, map) in sets.iter().zip(&agreement.maps) {
        let class = |&label: &u32| map.as_ref().map_or(label, |map| map[&label]);
        by_domain.entry(set.domain).or_default().extend(set.found.counts.keys().map(class));
    }
    let everywhere: BTreeSet<u32> = by_domain.values().flatten().copied().collect();
    let without = |present: &BTreeSet<u32>, among: &mut dyn Iterator<Item = u32>| {
        among.filter(|class| !present.contains(class)).collect::<Vec<u32>>()
    };
    let named = |classes: &[u32]| {
        problem::some_of(classes.iter().map(|&class| &agreement.classes[class as usize]))
    };
    let all = agreement.classes.len() as u32;
    let nowhere = without(&everywhere, &mut (0..all));
    let mut warnings = Vec::new();
    if !nowhere.is_empty() {
        warnings.push(format!(
            "{} of the {all} classes of `{}` have no sample in any domain: {}",
            nowhere.len(),
            descriptor.name,
            named(&nowhere)
        ));
    }
    // Where the descriptor states the classes, a domain may lack some.
    if descriptor.classes.is_none() {
        for (domain, present) in &by_domain {
            let absent = without(present, &mut everywhere.iter().copied());
            if !absent.is_empty() {
                warnings.push(format!(
                    "domain `{domain}` has no sample of {}, which other domains have: {}",
                    problem::counted(absent.len(), "class"),
                    named(&absent)
                ));
            }
        }
    }
    agreement.warnings.extend(warnings);
    Ok(agreement)
}
