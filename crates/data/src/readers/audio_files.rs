//! Which files the reader `audio` reads, and what their names tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use isthmus_core::error::DataError;

use super::audio::Audio;
use crate::file_pattern::FilePattern;
use crate::labels::class_name;
use crate::packed_files::{self, PackedFile};
use crate::problem;

/// The part of a pattern that is the class.
pub(super) const CLASS: &str = "class";
/// Endings of the files that are read.
const READ: [&str; 3] = ["wav", "wave", "flac"];
/// Endings of sound that is not read: it is said when it is left out.
const NOT_READ: [&str; 12] =
    ["mp3", "ogg", "oga", "opus", "m4a", "aac", "wma", "aif", "aiff", "au", "sph", "amr"];

/// Whether a file is of those that are read, by its name.
pub(crate) fn is_sound(name: &str) -> bool {
    READ.contains(&ending_of(name).as_str())
}

fn ending_of(name: &str) -> String {
    let ending = name.rsplit('/').next().and_then(|file| file.rsplit_once('.'));
    ending.map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// What is in the folder or archive.
#[derive(Default)]
pub(super) struct Found {
    /// Recordings that are chosen, by path.
    pub classes: BTreeMap<String, Option<String>>,
    /// Names of all classes that are chosen, whatever else is.
    pub class_names: BTreeSet<String>,
    /// What each name in braces stands for.
    known: BTreeMap<String, BTreeSet<String>>,
    /// Files that do not fit the pattern.
    misfits: Vec<String>,
    /// Number of files that are not read, by ending.
    left_out: BTreeMap<String, usize>,
    /// What is wrong with a name.
    problem: Option<(String, String)>,
}

impl Audio {
    /// The files that are chosen, and what there is beside them.
    pub(super) fn find(&self, path: &Path) -> Result<(Found, Vec<PackedFile>), DataError> {
        let pattern = FilePattern::new(&self.files)
            .map_err(|error| DataError::Mismatch(format!("the reader `audio`: {error}")))?;
        let mut found = Found::default();
        let files = packed_files::files(path, &mut |name| self.takes(&pattern, name, &mut found))?;
        if let Some((name, what)) = found.problem.take() {
            return Err(problem::inside(path, problem::shown(&name), what));
        }
        Ok((found, files))
    }

    /// Whether a file is read; notes what its name tells.
    fn takes(&self, pattern: &FilePattern, name: &str, found: &mut Found) -> bool {
        let ending = ending_of(name);
        if NOT_READ.contains(&ending.as_str()) {
            *found.left_out.entry(format!(".{ending}")).or_default() += 1;
        }
        if !READ.contains(&ending.as_str()) {
            return false;
        }
        let Some(parts) = pattern.parts(name) else {
            found.misfits.push(name.to_owned());
            return false;
        };
        for (part, value) in &parts {
            found.known.entry((*part).to_owned()).or_default().insert(value.clone());
        }
        let mut refused = Vec::new();
        for (part, wanted) in &self.chosen {
            match wanted.takes(&parts[part.as_str()]) {
                Ok(true) => {}
                Ok(false) => refused.push(part.as_str()),
                Err(what) => {
                    found.problem.get_or_insert((name.to_owned(), what));
                    return false;
                }
            }
        }
        let class = parts.get(CLASS).filter(|_| self.labelled).map(|class| class_name(class));
        if !refused.contains(&CLASS) {
            found.class_names.extend(class.clone());
        }
        if !refused.is_empty() {
            return false;
        }
        found.classes.insert(name.to_owned(), class);
        true
    }

    /// Refuses a name that no file has.
    pub(super) fn check_stated(&self, path: &Path, found: &Found) -> Result<(), DataError> {
        for (part, wanted) in &self.chosen {
            let known = found.known.get(part);
            let known = || known.into_iter().flatten().map(String::as_str);
            if let Some(absent) =
                wanted.stated().into_iter().find(|stated| !known().any(|name| name == *stated))
            {
                return Err(problem::file(
                    path,
                    format!(
                        "has no file whose {part} is `{}`{}; it has {}",
                        problem::shown(absent),
                        problem::suggestion(absent, known()),
                        problem::some_of(known())
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Says that nothing is chosen, and what there is.
    pub(super) fn nothing(&self, path: &Path, found: &Found) -> DataError {
        let what = match (found.known.is_empty(), found.misfits.as_slice()) {
            (true, []) => {
                format!(
                    "has no file of {}",
                    problem::one_of(READ.map(|ending| format!(".{ending}")))
                )
            }
            (true, misfits) => format!(
                "has no file that fits `{}`; it has {}",
                self.files,
                problem::some_of(misfits)
            ),
            (false, _) => "has no file that is chosen by `where`".to_owned(),
        };
        problem::file(path, format!("{what}{}", not_read(&found.left_out, "; left out are ")))
    }

    /// What users should know of what is left out.
    pub(super) fn warnings(&self, path: &Path, found: &Found) -> Vec<String> {
        let place = path.display();
        let misfits = (!found.misfits.is_empty()).then(|| {
            format!(
                "{place}: {} left out, which {} not fit `{}`: {}",
                problem::counted(found.misfits.len(), "file"),
                if found.misfits.len() == 1 { "does" } else { "do" },
                self.files,
                problem::some_of(found.misfits.iter().take(3))
            )
        });
        let others = (!found.left_out.is_empty())
            .then(|| format!("{place}: left out are {}", not_read(&found.left_out, "")));
        misfits.into_iter().chain(others).collect()
    }
}

/// `12 files of other formats (8 .mp3, 4 .ogg); convert them to WAV or FLAC`, behind `before`.
fn not_read(left_out: &BTreeMap<String, usize>, before: &str) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let count = left_out.values().sum();
    let endings = left_out.iter().map(|(ending, count)| format!("{count} {ending}"));
    format!(
        "{before}{} of other formats ({}); convert them to WAV or FLAC to use them",
        problem::counted(count, "file"),
        problem::some_of(endings)
    )
}
