//! What is said of domains whose classes do not match.

use std::collections::BTreeSet;

use isthmus_core::error::DataError;

use crate::found_classes::ClassesOf;
use crate::labels::class_name;
use crate::problem;

/// Two sets of which nothing says which name is which number.
pub(crate) fn unmatched(
    named: &ClassesOf<'_>,
    names: &[String],
    numbered: &ClassesOf<'_>,
) -> DataError {
    DataError::Mismatch(format!(
        "classes cannot be matched: domain `{}` has the names {}, domain `{}` the numbers {}, and \
         nothing says which is which; state `classes` in the descriptor, the names in the order of \
         the numbers: {}",
        named.domain,
        problem::some_of(names),
        numbered.domain,
        numbered.found.numbers(),
        to_state(names),
    ))
}

/// A line of a descriptor that states the classes.
pub(crate) fn to_state(names: &[String]) -> String {
    const SHOWN: usize = 40;
    let quoted: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("`classes = [{}{more}]`", quoted.join(", "))
}

/// What differs between two lists of names; `advise` says how domains may lack classes.
pub(crate) fn differing_names(
    owner: &str,
    names: &[String],
    domain: &str,
    own: &[String],
    advise: bool,
) -> DataError {
    let set = |names: &[String]| names.iter().map(|name| class_name(name)).collect::<BTreeSet<_>>();
    let (all, mine) = (set(names), set(own));
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    let (absent, extra) = (only(&all, &mine), only(&mine, &all));
    let mut parts = Vec::new();
    if !absent.is_empty() {
        parts.push(format!("it lacks {}", problem::some_of(&absent)));
    }
    if !extra.is_empty() {
        parts.push(format!("only it has {}", problem::some_of(&extra)));
    }
    let lower = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().map(|name| name.to_lowercase()).collect()
    };
    if lower(&all) == lower(&mine) {
        parts.push("they differ in upper and lower case only: rename the folders".to_owned());
    } else if advise {
        let union: BTreeSet<String> = all.union(&mine).cloned().collect();
        parts.push(format!(
            "if a domain only lacks classes that others have, state them in the descriptor: {}",
            to_state(&union.into_iter().collect::<Vec<_>>())
        ));
    }
    DataError::Mismatch(format!(
        "classes differ: {owner} has {} classes, domain `{domain}` has {}; {}",
        names.len(),
        own.len(),
        parts.join("; ")
    ))
}
