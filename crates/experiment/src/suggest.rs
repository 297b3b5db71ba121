//! Names that a misspelt name was probably meant to be.

/// Names this similar (Jaro-Winkler) are suggested.
const SIMILAR: f64 = 0.8;
/// Names this much less similar than the best are not.
const MARGIN: f64 = 0.08;
/// At most so many names are suggested.
const SUGGESTED: usize = 3;
/// At most so many names are listed in a message.
const LISTED: usize = 12;

/// `did you mean ...?` for a name that is none of `known`, if one of them is close.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    let mut close: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (similarity(&lower, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let best = close.first()?.0;
    let names: Vec<&str> = close
        .iter()
        .take_while(|(similarity, _)| *similarity >= best - MARGIN)
        .map(|(_, candidate)| *candidate)
        .take(SUGGESTED)
        .collect();
    Some(format!("did you mean {}?", alternatives(&names)))
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn alternatives(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("{} or `{last}`", list(first)),
    }
}

/// `` `a`, `b`, `c` ``, cut where it becomes long.
pub(crate) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    let mut text = shown.join(", ");
    if names.len() > LISTED {
        text.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    text
}

fn similarity(name: &str, candidate: &str) -> f64 {
    // `learning_rate` for `lr`: no measure of spelling sees it.
    let initials: String = name.split(['_', '-']).filter_map(|word| word.chars().next()).collect();
    let candidate_lower = candidate.to_lowercase();
    if initials.len() > 1 && initials == candidate_lower {
        return 1.0;
    }
    strsim::jaro_winkler(name, &candidate_lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested_and_others_are_not() {
        let known = ["dan", "dann", "deep-coral", "mcc", "adabn"];
        assert_eq!(did_you_mean("dan_n", known).unwrap(), "did you mean `dann` or `dan`?");
        assert_eq!(did_you_mean("MCC", known).unwrap(), "did you mean `mcc`?");
        assert_eq!(did_you_mean("deepcoral", known).unwrap(), "did you mean `deep-coral`?");
        assert_eq!(did_you_mean("transformer", known), None);
    }

    #[test]
    fn initials_are_understood() {
        assert_eq!(
            did_you_mean("learning_rate", ["lr", "momentum"]).unwrap(),
            "did you mean `lr`?"
        );
    }
}
