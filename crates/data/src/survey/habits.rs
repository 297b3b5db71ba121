//! How people name what is in files of arrays and in tables.

/// Names of samples, in lower case.
const SAMPLES: [&str; 17] = [
    "x",
    "xs",
    "fts",
    "fea",
    "feas",
    "feat",
    "feats",
    "feature",
    "features",
    "data",
    "samples",
    "images",
    "image",
    "img",
    "embeddings",
    "series",
    "signals",
];
/// Names of labels.
const LABELS: [&str; 13] = [
    "y", "ys", "label", "labels", "target", "targets", "gnd", "gt", "class", "classes", "category",
    "lbl", "lab",
];
/// Names of lengths of series.
const LENGTHS: [&str; 4] = ["lengths", "length", "lens", "len"];
/// Names of sets that are trained and tested on.
const TRAINING: [&str; 3] = ["train", "training", "tr"];
const TEST: [&str; 6] = ["test", "testing", "te", "val", "valid", "validation"];
/// Columns of a table that tell a row's domain.
const DOMAINS: [&str; 24] = [
    "domain",
    "domains",
    "source",
    "site",
    "center",
    "centre",
    "hospital",
    "subject",
    "person",
    "user",
    "patient",
    "participant",
    "device",
    "camera",
    "sensor",
    "batch",
    "environment",
    "env",
    "region",
    "country",
    "city",
    "dataset",
    "style",
    "speaker",
];
/// Columns that tell its class, beside the names of labels.
const CLASS_COLUMNS: [&str; 11] = [
    "species",
    "outcome",
    "diagnosis",
    "activity",
    "digit",
    "sentiment",
    "polarity",
    "rating",
    "stars",
    "topic",
    "intent",
];
/// Columns of texts.
const TEXTS: [&str; 12] = [
    "text",
    "texts",
    "review",
    "reviews",
    "sentence",
    "content",
    "body",
    "comment",
    "message",
    "document",
    "tweet",
    "utterance",
];
/// Words in names of files that are classes of texts.
const CLASS_WORDS: [&str; 7] = ["negative", "positive", "neutral", "neg", "pos", "spam", "ham"];

/// What an array is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Samples,
    Labels,
    Lengths,
}

/// What an array is, and the rest of its name: `amazon_x` is samples of `amazon`.
pub(super) fn role(name: &str) -> Option<(Role, String)> {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(['_', '-', '/', '.', ' ']).filter(|it| !it.is_empty()).collect();
    let of = |word: &str| {
        [(Role::Samples, &SAMPLES[..]), (Role::Labels, &LABELS), (Role::Lengths, &LENGTHS)]
            .into_iter()
            .find(|(_, names)| names.contains(&word))
            .map(|(role, _)| role)
    };
    // The last word counts, then the first: `train_images`, `x_train`, `a_x_lengths`.
    let place = (0..words.len()).rev().find(|&at| of(words[at]).is_some())?;
    let role = of(words[place])?;
    let rest: Vec<&str> = words
        .iter()
        .enumerate()
        .filter(|(at, word)| *at != place && of(word).is_none())
        .map(|(_, word)| *word)
        .collect();
    Some((role, rest.join("_")))
}

/// The set that a name ends or begins with, and the rest of it.
pub(super) fn part(name: &str) -> (String, Option<Part>) {
    let words: Vec<&str> = name.split('_').filter(|it| !it.is_empty()).collect();
    let of = |word: &&str| {
        let word = word.to_ascii_lowercase();
        if TRAINING.contains(&word.as_str()) {
            Some(Part::Train)
        } else {
            TEST.contains(&word.as_str()).then_some(Part::Test)
        }
    };
    let Some(place) = (0..words.len()).rev().find(|&at| of(&words[at]).is_some()) else {
        return (name.to_owned(), None);
    };
    let part = of(&words[place]);
    let rest = words.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, word)| *word);
    (rest.collect::<Vec<_>>().join("_"), part)
}

/// A set of a domain that has its own training and test sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Train,
    Test,
}

/// Whether a column may tell the domain of a row.
pub(super) fn tells_domain(column: &str) -> bool {
    let lower = column.to_ascii_lowercase();
    DOMAINS.contains(&lower.trim_end_matches("_id").trim_end_matches("id").trim_end_matches('_'))
        || DOMAINS.contains(&lower.as_str())
}

/// Whether a column may tell the class of a row.
pub(super) fn tells_class(column: &str) -> bool {
    let lower = column.to_ascii_lowercase();
    LABELS.contains(&lower.as_str()) || CLASS_COLUMNS.contains(&lower.as_str())
}

/// Whether a column may hold texts.
pub(super) fn tells_text(column: &str) -> bool {
    TEXTS.contains(&column.to_ascii_lowercase().as_str())
}

/// Whether a word of a file's name is a class of texts.
pub(super) fn class_word(word: &str) -> bool {
    CLASS_WORDS.contains(&word.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_arrays_are_and_whose() {
        for (name, role_of, rest) in [
            ("X", Role::Samples, ""),
            ("fts", Role::Samples, ""),
            ("amazon_x", Role::Samples, "amazon"),
            ("y_train", Role::Labels, "train"),
            ("train/target", Role::Labels, "train"),
            ("s02_train_x", Role::Samples, "s02_train"),
            ("s02_train_lengths", Role::Lengths, "s02_train"),
            ("x_lengths", Role::Lengths, ""),
            ("train_images", Role::Samples, "train"),
        ] {
            assert_eq!(role(name), Some((role_of, rest.to_owned())), "{name}");
        }
        assert_eq!(role("weights"), None);
        assert_eq!(part("s02_train"), ("s02".to_owned(), Some(Part::Train)));
        assert_eq!(part("test"), (String::new(), Some(Part::Test)));
        assert_eq!(part("amazon"), ("amazon".to_owned(), None));
        assert!(tells_domain("Hospital_ID") && tells_domain("domain") && !tells_domain("age"));
        assert!(tells_class("Label") && tells_class("species") && !tells_class("width"));
    }
}
