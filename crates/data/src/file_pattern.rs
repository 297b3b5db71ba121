//! Patterns of file names, `{class}_{speaker}_{index}.wav`, and what is chosen by them.

use std::collections::BTreeMap;

use regex_lite::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem;

/// A pattern of paths whose parts in braces stand for any letters but `/`.
#[derive(Clone, Debug)]
pub(crate) struct FilePattern {
    text: String,
    regex: Regex,
    names: Vec<String>,
    /// Whether it states the ending.
    has_ending: bool,
}

/// What a part of names may be: a list of names, or a range of whole numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a list of names, such as [\"george\"], or a range, \"0..5\""
)]
pub enum Wanted {
    /// These names.
    Names(Vec<String>),
    /// Whole numbers from the first up to, but without, the second, `"0..5"`; either may be absent.
    /// A text without `..` is a name.
    Range(String),
}

impl Wanted {
    fn range(&self) -> Option<(&str, &str)> {
        match self {
            Self::Range(text) => text.split_once(".."),
            Self::Names(_) => None,
        }
    }

    /// Says what is wrong with a range.
    fn check(&self) -> Result<(), String> {
        let Some((first, end)) = self.range() else { return Ok(()) };
        let whole = |text: &str| text.trim().is_empty() || text.trim().parse::<u64>().is_ok();
        match whole(first) && whole(end) {
            true => Ok(()),
            false => Err(format!("`{first}..{end}` is no range of whole numbers such as `0..5`")),
        }
    }

    /// Whether a name is one of these.
    ///
    /// # Errors
    /// If a number is expected and it is none.
    pub fn takes(&self, name: &str) -> Result<bool, String> {
        match (self, self.range()) {
            (Self::Names(names), _) => Ok(names.iter().any(|it| it == name)),
            (Self::Range(only), None) => Ok(only == name),
            (Self::Range(range), Some((first, end))) => {
                let Ok(number) = name.parse::<u64>() else {
                    return Err(format!(
                        "`{}` is no whole number, and `{range}` is wanted",
                        problem::shown(name)
                    ));
                };
                let from = first.trim().parse().unwrap_or(0);
                let below = end.trim().parse().unwrap_or(u64::MAX);
                Ok((from..below).contains(&number))
            }
        }
    }

    /// The names that it states, one by one.
    pub fn stated(&self) -> Vec<&str> {
        match (self, self.range()) {
            (Self::Names(names), _) => names.iter().map(String::as_str).collect(),
            (Self::Range(only), None) => vec![only],
            (Self::Range(_), Some(_)) => Vec::new(),
        }
    }
}

impl FilePattern {
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut names: Vec<String> = Vec::new();
        let mut regex = "(?:^|/)".to_owned();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('{') {
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(format!("`{text}` has a `{{` without `}}`"));
            };
            let (name, width) = match name.split_once(':') {
                None => (name, None),
                Some((name, width)) => (name, Some(width)),
            };
            let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(letters) {
                return Err(format!(
                    "`{{{name}}}` is no name of letters, digits and `_`, such as `{{speaker}}`"
                ));
            }
            if names.iter().any(|it| it == name) {
                return Err(format!("`{text}` has `{{{name}}}` twice"));
            }
            regex.push_str(&regex_lite::escape(literal));
            regex.push_str(&match width.map(|width| (width, width.parse::<u8>())) {
                None => "([^/]+)".to_owned(),
                Some((_, Ok(width))) if width > 0 => format!("([^/]{{{width}}})"),
                Some((width, _)) => {
                    return Err(format!(
                        "`{{{name}:{width}}}`: `{width}` is no number of letters, such as `{{{name}:2}}`"
                    ));
                }
            });
            names.push(name.to_owned());
            rest = behind;
        }
        regex.push_str(&regex_lite::escape(rest));
        regex.push('$');
        let regex = Regex::new(&regex).map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self { text: text.to_owned(), regex, names, has_ending: rest.contains('.') })
    }

    /// The names in braces.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What the names in braces stand for in a file's path, whose end must fit the pattern; without
    /// its ending, where the pattern states none.
    pub fn parts(&self, path: &str) -> Option<BTreeMap<&str, String>> {
        let path = match path.rsplit_once('.') {
            Some((path, ending)) if !self.has_ending && !ending.contains('/') => path,
            _ => path,
        };
        let found = self.regex.captures(path)?;
        let parts = (1..).zip(&self.names);
        parts
            .map(|(place, name)| Some((name.as_str(), found.get(place)?.as_str().to_owned())))
            .collect()
    }

    /// Checks what is wanted against the names in braces.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, wanted: &BTreeMap<String, Wanted>) -> Result<(), String> {
        for (name, wanted) in wanted {
            if !self.names.contains(name) {
                let known = self.names.iter().map(String::as_str);
                return Err(format!(
                    "`{}` is no part of `{}`{}",
                    problem::shown(name),
                    self.text,
                    problem::suggestion(name, known)
                ));
            }
            wanted.check()?;
        }
        Ok(())
    }
}

impl std::fmt::Display for FilePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &str, path: &str) -> Option<Vec<String>> {
        let pattern = FilePattern::new(pattern).unwrap();
        let parts = pattern.parts(path)?;
        Some(pattern.names().iter().map(|name| parts[name.as_str()].clone()).collect())
    }

    #[test]
    fn the_end_of_a_path_fits() {
        let all = |pattern: &str, path: &str| parts(pattern, path).unwrap().join(" ");
        assert_eq!(all("{class}_{speaker}_{index}.wav", "recordings/7_theo_12.wav"), "7 theo 12");
        assert_eq!(all("{class}/{speaker}_nohash_{k}.wav", "a/b/up/0a_nohash_1.wav"), "up 0a 1");
        assert_eq!(all("{class}/{file}", "dog/1.flac"), "dog 1");
        let emotions = "{speaker:2}{text:3}{class:1}{version}";
        assert_eq!(all(emotions, "wav/03a01Fa.wav"), "03 a01 F a");
        assert_eq!(all("{class}_{index}", "turn_on_3.WAV"), "turn_on 3");
        assert_eq!(parts("{class}_{speaker}_{index}.wav", "7_theo.wav"), None);
        assert_eq!(parts("{class}/{file}", "1.wav"), None);
        assert_eq!(parts("train/{class}/{file}", "test/dog/1.wav"), None);
        assert_eq!(parts("a+b/{class}.wav", "aab/1.wav"), None);
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said() {
        let error = |text: &str| FilePattern::new(text).unwrap_err();
        assert!(error("{class").contains("without `}`"));
        assert!(error("{}_{x}").contains("no name of letters"));
        assert!(error("{class}/{class}").contains("twice"));
        assert!(error("{class:x}").contains("no number of letters"));
        let pattern = FilePattern::new("{class}_{speaker}").unwrap();
        let wanted = |name: &str, wanted| BTreeMap::from([(name.to_owned(), wanted)]);
        let range = |text: &str| Wanted::Range(text.to_owned());
        let error = pattern.check(&wanted("speeker", range("a"))).unwrap_err();
        assert!(error.contains("did you mean `speaker`"), "{error}");
        let error = pattern.check(&wanted("speaker", range("1..b"))).unwrap_err();
        assert!(error.contains("no range of whole numbers"), "{error}");
    }

    #[test]
    fn names_and_ranges_choose() {
        let range = |text: &str, name: &str| Wanted::Range(text.to_owned()).takes(name).unwrap();
        assert!(range("0..5", "0") && range("0..5", "04") && !range("0..5", "5"));
        assert!(range("5..", "5") && !range("5..", "4") && range("..5", "4"));
        assert!(range("george", "george") && !range("george", "theo"));
        let names = Wanted::Names(vec!["a".to_owned(), "b".to_owned()]);
        assert!(names.takes("b").unwrap() && !names.takes("c").unwrap());
        assert!(Wanted::Range("0..5".to_owned()).takes("x").unwrap_err().contains("whole number"));
    }
}
