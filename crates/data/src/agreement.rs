//! Whether the domains of a data set fit each other: one set of classes, one shape.

use std::collections::BTreeSet;

use isthmus_core::error::DataError;

use crate::dataset::LoadedDomain;
use crate::descriptor::Descriptor;

/// What a domain's files say of its classes.
pub(crate) struct FoundClasses {
    /// Names, where the files tell them.
    pub names: Option<Vec<String>>,
    /// One more than the largest label.
    pub count: usize,
}

/// The classes that all domains have.
pub(crate) fn classes(
    descriptor: &Descriptor,
    domains: &[LoadedDomain],
    found: &[FoundClasses],
) -> Result<Vec<String>, DataError> {
    let stated = descriptor.classes.as_ref().map(|names| ("the descriptor", names));
    let first = domains
        .iter()
        .zip(found)
        .find_map(|(domain, classes)| Some((domain.name.as_str(), classes.names.as_ref()?)));
    if let Some((owner, names)) = stated.or(first) {
        for (domain, classes) in domains.iter().zip(found) {
            if let Some(own) = &classes.names
                && own != names
            {
                return Err(differing_names(owner, names, &domain.name, own));
            }
            if classes.count > names.len() {
                return Err(DataError::Mismatch(format!(
                    "class counts differ: {owner} has {} classes, domain `{}` has labels up to {}",
                    names.len(),
                    domain.name,
                    classes.count - 1
                )));
            }
        }
        return Ok(names.clone());
    }
    let mut counts = domains.iter().zip(found);
    let Some((first, FoundClasses { count, .. })) = counts.next() else {
        return Ok(Vec::new());
    };
    for (domain, classes) in counts {
        if classes.count != *count {
            return Err(DataError::Mismatch(format!(
                "class counts differ: domain `{}` has {count} classes, domain `{}` has {}; if a \
                 class is only absent from a domain, state `classes` in the descriptor",
                first.name, domain.name, classes.count
            )));
        }
    }
    Ok((0..*count).map(|class| class.to_string()).collect())
}

fn differing_names(owner: &str, names: &[String], domain: &str, own: &[String]) -> DataError {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    let (all, mine) = (set(names), set(own));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        a.difference(b).cloned().collect::<Vec<_>>().join(", ")
    };
    let (absent, extra) = (only(&all, &mine), only(&mine, &all));
    let mut parts = Vec::new();
    if !absent.is_empty() {
        parts.push(format!("it lacks {absent}"));
    }
    if !extra.is_empty() {
        parts.push(format!("only it has {extra}"));
    }
    if parts.is_empty() {
        parts.push("their order differs".to_owned());
    }
    DataError::Mismatch(format!(
        "classes differ: {owner} has {} classes, domain `{domain}` has {}; {}",
        names.len(),
        own.len(),
        parts.join("; ")
    ))
}

/// Checks that all samples of all domains have one shape.
pub(crate) fn check_shapes(domains: &[LoadedDomain]) -> Result<(), DataError> {
    let mut sets = domains.iter().flat_map(|domain| {
        domain.sets().into_iter().map(|set| (&domain.name, set.source.samples.shape()))
    });
    let Some((first, shape)) = sets.next() else { return Ok(()) };
    match sets.find(|(_, other)| *other != shape) {
        None => Ok(()),
        Some((name, other)) => Err(DataError::Mismatch(format!(
            "domain `{first}` has {shape}, domain `{name}` has {other}; bring them to one shape \
             with `transform` (resize, channels)"
        ))),
    }
}
