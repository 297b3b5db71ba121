//! What the names of many files tell: classes, domains, numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::files::stem;
use super::habits::{Part, part};
use crate::problem;

/// Most domains that a part of names tells apart.
const MOST_DOMAINS: usize = 50;
/// What separates the parts of a name.
const SEPARATORS: [char; 2] = ['_', '-'];

/// The name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The folders that it is in.
    pub folders: Vec<String>,
    /// Its name without the ending.
    pub stem: String,
}

impl Name {
    pub fn of(path: &str) -> Self {
        let path = path.trim_start_matches("./");
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        let folders = folders.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Self { folders, stem: stem(file).to_owned() }
    }

    pub fn text(&self) -> String {
        let parts = self.folders.iter().chain([&self.stem]);
        parts.map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// Takes off the folders that all names begin with.
    pub fn without_shared_folders(names: &mut [Self]) -> Vec<String> {
        let mut shared = Vec::new();
        while let Some(first) = names.first().and_then(|name| name.folders.first()).cloned() {
            if !names.iter().all(|name| name.folders.first() == Some(&first)) {
                break;
            }
            names.iter_mut().for_each(|name| drop(name.folders.remove(0)));
            shared.push(first);
        }
        shared
    }
}

/// Files of one set, by their names.
pub(super) struct Named {
    /// Its domain, where names tell one.
    pub domain: Option<String>,
    /// Which set of the domain it is, where names tell.
    pub part: Option<Part>,
    /// The folders that the pattern begins from.
    pub folders: Vec<String>,
    /// How the files are named, `{class}_{speaker}`.
    pub pattern: String,
    /// The part of the pattern, and what it is in this set.
    pub chosen: Option<(String, String)>,
    /// Its classes.
    pub classes: BTreeSet<String>,
}

/// The sets that names tell, and what was taken for what; else why nothing can be told.
type Told = Result<(Vec<Named>, String), String>;

/// `DOMAIN/CLASS`, `DOMAIN/train/CLASS` or `CLASS`. With `by_path` each set begins from a folder of its
/// own, else a part of the pattern says which it is.
pub(super) fn by_folder(names: &[Name], by_path: bool) -> Told {
    let classes = |of: &dyn Fn(&Name) -> bool| -> BTreeSet<String> {
        names
            .iter()
            .filter(|name| of(name))
            .filter_map(|name| name.folders.last().cloned())
            .collect()
    };
    let depth = names.first().map_or(0, |name| name.folders.len());
    let whole_part = |folder: &str| match part(folder) {
        (rest, part) if rest.is_empty() => part,
        _ => None,
    };
    if depth == 1 {
        let found = classes(&|_| true);
        if found.iter().all(|class| whole_part(class).is_some()) {
            return Err("the folders are sets and no classes".to_owned());
        }
        return Ok(speakers_in_folders(names, found));
    }
    let mut sets: BTreeMap<(Option<String>, Option<Part>), Vec<String>> = BTreeMap::new();
    for name in names {
        let above = &name.folders[..depth - 1];
        let part = above.iter().find_map(|folder| whole_part(folder));
        let domain = above.iter().find(|folder| whole_part(folder).is_none()).cloned();
        let folders = sets.entry((domain, part)).or_insert_with(|| above.to_vec());
        if folders != above {
            return Err("it is not clear which folders are domains".to_owned());
        }
    }
    let told = format!(
        "folders were taken for domains ({}), those below for classes ({})",
        problem::some_of(sets.keys().filter_map(|(domain, _)| domain.as_ref())),
        problem::some_of(classes(&|_| true))
    );
    let sets = sets.into_iter().map(|((domain, part), folders)| {
        let classes = classes(&|name| name.folders[..depth - 1] == folders);
        let between: Vec<String> = match by_path {
            true => Vec::new(),
            // The domain is chosen by name, so that one pattern stands for all.
            false => (folders.iter())
                .map(|it| if Some(it) == domain.as_ref() { "{domain}" } else { it }.to_owned())
                .collect(),
        };
        let pattern = between.iter().map(String::as_str).chain(["{class}", "{file}"]);
        let pattern = pattern.collect::<Vec<_>>().join("/");
        let chosen = domain.clone().filter(|_| !by_path).map(|it| ("domain".to_owned(), it));
        let folders = if by_path { folders } else { Vec::new() };
        Named { domain, part, folders, pattern, chosen, classes }
    });
    Ok((sets.collect(), told))
}

/// Folders are classes; words in the names that are there in every class are domains.
fn speakers_in_folders(names: &[Name], classes: BTreeSet<String>) -> (Vec<Named>, String) {
    let told = format!("folders were taken for classes ({})", problem::some_of(&classes));
    let all = |classes: &BTreeSet<String>| Named {
        domain: None,
        part: None,
        folders: Vec::new(),
        pattern: "{class}/{file}".to_owned(),
        chosen: None,
        classes: classes.clone(),
    };
    let Some(parts) = Parts::of(names) else { return (vec![all(&classes)], told) };
    let speakers = parts.varying().into_iter().find(|&at| {
        let values = parts.values(at);
        let in_classes = |value: &str| -> BTreeSet<&String> {
            let own = parts.rows.iter().zip(names).filter(|(row, _)| row[at] == value);
            own.filter_map(|(_, name)| name.folders.last()).collect()
        };
        !parts.is_numbers(at)
            && values.len() <= MOST_DOMAINS
            && values.iter().all(|value| in_classes(value).len() == classes.len())
    });
    let Some(at) = speakers else { return (vec![all(&classes)], told) };
    let pattern = format!("{{class}}/{}", parts.pattern(&[(at, "speaker")]));
    let sets = parts.values(at).into_iter().map(|speaker| Named {
        domain: Some(speaker.to_owned()),
        pattern: pattern.clone(),
        chosen: Some(("speaker".to_owned(), speaker.to_owned())),
        ..all(&classes)
    });
    let told = format!(
        "{told}, and a part of the names, `{pattern}`, for domains ({})",
        problem::some_of(parts.values(at))
    );
    (sets.collect(), told)
}

/// Classes, and domains where there are any, are parts of the names: `CLASS_SPEAKER_NUMBER`.
pub(super) fn by_name(names: &[Name]) -> Told {
    let unclear = || "the names have no parts that are separated alike".to_owned();
    let parts = Parts::of(names).ok_or_else(unclear)?;
    let varying = parts.varying();
    // A number that tells recordings apart which are alike in all else.
    let index = varying.iter().rev().copied().find(|&at| {
        let others: BTreeSet<Vec<&str>> = (parts.rows.iter())
            .map(|row| {
                row.iter().enumerate().filter(|(it, _)| *it != at).map(|(_, it)| *it).collect()
            })
            .collect();
        parts.is_numbers(at) && others.len() < parts.rows.len()
    });
    let rest: Vec<usize> = varying.iter().copied().filter(|at| Some(*at) != index).collect();
    let shown = |at: usize| format!("{}: {}", at + 1, problem::some_of(parts.values(at)));
    let all_shown = || varying.iter().map(|&at| shown(at)).collect::<Vec<_>>().join("; ");
    let (class, speaker) = match rest.as_slice() {
        [only] => (*only, None),
        [first, second] if parts.is_numbered(*first) && !parts.is_numbered(*second) => {
            (*second, Some(*first))
        }
        [first, second] => (*first, Some(*second)),
        _ => return Err(format!("the names have several parts, {}", all_shown())),
    };
    if parts.values(class).len() * 2 > names.len() {
        return Err(format!(
            "no part of the names is there often enough for a class, {}",
            all_shown()
        ));
    }
    let of = |speaker: Option<(usize, &str)>| -> BTreeSet<String> {
        let own = parts.rows.iter().filter(|row| speaker.is_none_or(|(at, it)| row[at] == it));
        own.map(|row| row[class].to_owned()).collect()
    };
    // What names a single class each is no domain.
    let speaker = speaker.filter(|&at| {
        let values = parts.values(at);
        values.len() <= MOST_DOMAINS && values.iter().all(|it| of(Some((at, it))).len() > 1)
    });
    let mut named = vec![(class, "class")];
    named.extend(speaker.map(|at| (at, "speaker")));
    named.extend(index.map(|at| (at, "index")));
    let pattern = parts.pattern(&named);
    let set = |chosen: Option<&str>| Named {
        domain: chosen.map(str::to_owned),
        part: None,
        folders: Vec::new(),
        pattern: pattern.clone(),
        chosen: chosen.map(|it| ("speaker".to_owned(), it.to_owned())),
        // The reader takes the classes of all speakers.
        classes: of(None),
    };
    let classes = problem::some_of(parts.values(class));
    Ok(match speaker {
        None => {
            (vec![set(None)], format!("the names were read as `{pattern}`, classes are {classes}"))
        }
        Some(at) => (
            parts.values(at).into_iter().map(|it| set(Some(it))).collect(),
            format!(
                "the names were read as `{pattern}`: classes are {classes}, domains {}; where it is the \
                 other way round, exchange the two in `files`",
                problem::some_of(parts.values(at))
            ),
        ),
    })
}

/// Names that are made of equally many parts.
struct Parts<'a> {
    separator: char,
    rows: Vec<Vec<&'a str>>,
}

impl<'a> Parts<'a> {
    fn of(names: &'a [Name]) -> Option<Self> {
        SEPARATORS.into_iter().find_map(|separator| {
            let rows: Vec<Vec<&str>> =
                names.iter().map(|name| name.stem.split(separator).collect()).collect();
            let count = rows.first()?.len();
            (count > 1 && rows.iter().all(|row| row.len() == count))
                .then_some(Self { separator, rows })
        })
    }

    fn values(&self, at: usize) -> BTreeSet<&'a str> {
        self.rows.iter().map(|row| row[at]).collect()
    }

    /// The parts that have several values.
    fn varying(&self) -> Vec<usize> {
        let count = self.rows.first().map_or(0, Vec::len);
        (0..count).filter(|&at| self.values(at).len() > 1).collect()
    }

    fn is_numbers(&self, at: usize) -> bool {
        self.values(at).iter().all(|value| value.parse::<u64>().is_ok())
    }

    /// Whether the part is a word with a number, as speakers are named: `s01`, `actor12`.
    fn is_numbered(&self, at: usize) -> bool {
        let word = |value: &'a str| -> Option<&'a str> {
            let word = value.trim_end_matches(|c: char| c.is_ascii_digit());
            (!word.is_empty() && word.len() < value.len()).then_some(word)
        };
        let words: BTreeSet<Option<&str>> = self.values(at).into_iter().map(word).collect();
        words.len() == 1 && !words.contains(&None)
    }

    /// The pattern of the names, in which these parts are called so.
    fn pattern(&self, named: &[(usize, &str)]) -> String {
        let varying = self.varying();
        let part = |(at, value): (usize, &&str)| match named.iter().find(|(own, _)| *own == at) {
            Some((_, name)) => format!("{{{name}}}"),
            None if !varying.contains(&at) => (*value).to_owned(),
            // The last one is what numbers the files of a speaker.
            None if Some(&at) == varying.last() => "{index}".to_owned(),
            None => format!("{{part{}}}", at + 1),
        };
        let parts: Vec<String> =
            self.rows.first().into_iter().flatten().enumerate().map(part).collect();
        parts.join(&self.separator.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<Name> {
        paths.iter().map(|path| Name::of(path)).collect()
    }

    #[test]
    fn folders_that_all_share_are_taken_off() {
        let mut all = names(&["./a/b/x.wav", "a/c/y.wav"]);
        assert_eq!(Name::without_shared_folders(&mut all), ["a"]);
        assert_eq!(all[1].text(), "c/y");
    }

    #[test]
    fn numbers_that_are_needed_to_tell_names_apart_are_no_classes() {
        let all = names(&["7_1", "7_2", "8_1", "8_2"]);
        let (sets, _) = by_name(&all).unwrap();
        assert_eq!((sets.len(), sets[0].pattern.as_str()), (1, "{class}_{index}"));
        let all = names(&["a_x_1_p", "a_y_2_q", "b_x_3_q", "b_y_4_r"]);
        assert!(by_name(&all).err().unwrap().contains("several parts"));
        let all = names(&["one_1", "two_2", "three_3"]);
        assert!(by_name(&all).err().unwrap().contains("often enough"));
    }
}
