//! Words of messages.

/// The most similar name, if one is similar at all.
pub(crate) fn similar(name: &str, available: &[String]) -> Option<String> {
    available
        .iter()
        .map(|other| (strsim::jaro_winkler(other, name), other))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other.clone())
}

/// `1 run`, `2 runs`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
