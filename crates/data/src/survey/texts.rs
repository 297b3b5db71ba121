//! Texts: a file each in a folder a class, or files whose names tell the class.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use super::file_names::{Name, Named, by_folder};
use super::files::Files;
use super::habits::{Part, class_word, part};
use super::images::stated_classes;
use super::{Found, FoundDomain, NamedSets, domain_of, path_text, reader};
use crate::{archive, problem};

/// Endings of files of texts, without `.gz`.
const ENDINGS: [&str; 7] = [".txt", ".text", ".parsed", ".review", ".xml", ".sgml", ".tagged"];
/// Tags that texts are between, the likeliest first.
const TAGS: [&str; 6] = ["review_text", "text", "body", "sentence", "review", "content"];
/// Bytes of a file that are looked at.
const LOOKED_AT: usize = 100_000;

/// Folders of text files, and files of texts of one class each.
pub(super) fn find(files: &Files) -> Result<Option<Found>, DataError> {
    let named_so = |path: &&PathBuf| {
        let name = path.to_string_lossy().to_ascii_lowercase();
        ENDINGS.iter().any(|ending| name.trim_end_matches(".gz").ends_with(ending))
    };
    let mut all = Vec::new();
    for path in files.files.iter().filter(named_so) {
        all.push((path, Name::of(&path_text(path))));
    }
    let by_class = classes_by_name(files, &all)?;
    if by_class.is_some() {
        return Ok(by_class);
    }
    folders(files, all)
}

/// `DOMAIN/CLASS/*.txt`, `DOMAIN/train/CLASS/*.txt` or `CLASS/*.txt`.
fn folders(files: &Files, all: Vec<(&PathBuf, Name)>) -> Result<Option<Found>, DataError> {
    let in_folders: Vec<(&PathBuf, Name)> =
        all.into_iter().filter(|(path, name)| is_txt(path) && !name.folders.is_empty()).collect();
    let Some((first, _)) = in_folders.first() else { return Ok(None) };
    if beginning(&files.folder.join(first))?.is_none() {
        return Ok(None);
    }
    let mut names: Vec<Name> = in_folders.into_iter().map(|(_, name)| name).collect();
    let depth = |name: &Name| name.folders.len();
    let deepest = names.iter().map(depth).max().unwrap_or(0);
    if names.iter().any(|name| depth(name) != deepest) {
        return Ok(None);
    }
    let inside = Name::without_shared_folders(&mut names);
    let above = inside.iter().collect::<PathBuf>();
    let folder = |path: &Path| {
        let file = Table::from_iter([("file".to_owned(), Value::from(path_text(path)))]);
        reader("text", [("files", vec![file].into()), ("format", "folder".into())])
    };
    let classes_of = |names: &[Name]| -> BTreeSet<String> {
        names.iter().filter_map(|name| name.folders.last().cloned()).collect()
    };
    match names.first().map_or(0, depth) {
        // All in one folder: texts without classes.
        0 => Ok(None),
        1 => {
            let name = above.file_name().or(files.folder.file_name()).unwrap_or_default();
            let told = format!(
                "folders were taken for classes ({}), a file for a text; an experiment needs a source \
                 and a target: give the folders of the others too",
                problem::some_of(classes_of(&names))
            );
            let domain = FoundDomain::all(name.to_string_lossy(), folder(&above));
            Ok(Some(Found { domains: vec![domain], remarks: vec![told], classes: None }))
        }
        _ => {
            let (sets, told) =
                by_folder(&names, true).map_err(|what| problem::file(&files.folder, what))?;
            let mut remarks = vec![format!("{told}, a file for a text")];
            let classes: Vec<_> = sets.iter().map(|set| set.classes.clone()).collect();
            let classes = stated_classes(&classes, &mut remarks);
            let mut domains: BTreeMap<String, NamedSets> = BTreeMap::new();
            for Named { domain, part, folders, .. } in sets {
                let root = files.folder.file_name().unwrap_or_default().to_string_lossy();
                let name = domain.unwrap_or_else(|| root.into_owned());
                let path = folders.iter().fold(above.clone(), |path, folder| path.join(folder));
                domains.entry(name).or_default().push((part, folder(&path)));
            }
            let domains = domains.into_iter().map(|(name, sets)| domain_of(name, sets));
            Ok(Some(Found { domains: domains.collect::<Result<_, _>>()?, remarks, classes }))
        }
    }
}

fn is_txt(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    name.trim_end_matches(".gz").ends_with(".txt")
}

/// `books_negative.txt`, `books/positive.review`: a word of the path is the class, the rest the domain.
fn classes_by_name(files: &Files, all: &[(&PathBuf, Name)]) -> Result<Option<Found>, DataError> {
    type Key = (String, Option<Part>);
    let mut sets: BTreeMap<Key, Vec<(String, &PathBuf)>> = BTreeMap::new();
    for (path, name) in all {
        let words: Vec<&str> = name.stem.split(['_', '-', '.']).collect();
        let Some(class) = words.iter().find(|word| class_word(word)) else { continue };
        let rest = words.iter().filter(|word| *word != class).copied();
        let rest: Vec<&str> = name.folders.iter().map(String::as_str).chain(rest).collect();
        let (domain, part) = part(&rest.join("_"));
        sets.entry((domain, part)).or_default().push(((*class).to_owned(), *path));
    }
    // A class in a name says nothing where there is no other one.
    sets.retain(|_, of_classes| of_classes.len() > 1);
    let Some((_, first)) = sets.values().flatten().next() else { return Ok(None) };
    let Some(text) = beginning(&files.folder.join(first))? else { return Ok(None) };
    let tag = tag_in(&text);
    let root = files.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut domains: BTreeMap<String, NamedSets> = BTreeMap::new();
    let mut classes = Vec::new();
    for ((domain, part), own) in sets {
        let file = |(class, path): &(String, &PathBuf)| {
            Table::from_iter([
                ("file".to_owned(), Value::from(path_text(path))),
                ("class".to_owned(), class.as_str().into()),
            ])
        };
        let mut fields = vec![("files", Value::from(own.iter().map(file).collect::<Vec<_>>()))];
        match &tag {
            Some(tag) => {
                fields.extend([("format", "tagged".into()), ("text", tag.as_str().into())])
            }
            None => fields.push(("format", "lines".into())),
        }
        let name = if domain.is_empty() { root.clone() } else { domain };
        domains.entry(name).or_default().push((part, reader("text", fields)));
        classes.push(own.into_iter().map(|(class, _)| class).collect::<BTreeSet<String>>());
    }
    let mut remarks = vec![format!(
        "a word of the files' names was taken for the class ({}), the rest for the domain ({}), {} for \
         a text",
        problem::some_of(classes.iter().flatten().collect::<BTreeSet<_>>()),
        problem::some_of(domains.keys()),
        match &tag {
            Some(tag) => format!("what is between <{tag}> and </{tag}>"),
            None => "a line".to_owned(),
        }
    )];
    let classes = stated_classes(&classes, &mut remarks);
    let domains = domains.into_iter().map(|(name, sets)| domain_of(name, sets));
    Ok(Some(Found { domains: domains.collect::<Result<_, _>>()?, remarks, classes }))
}

/// The beginning of a file as text; `None` where it is none, or hardly has letters.
fn beginning(path: &Path) -> Result<Option<String>, DataError> {
    let mut bytes = archive::read_unpacked(path)?;
    bytes.truncate(LOOKED_AT);
    let valid = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Ok(None),
    };
    let letters = valid.chars().filter(|c| c.is_alphabetic()).count();
    Ok((2 * letters > valid.chars().count()).then(|| valid.to_owned()))
}

/// The tag that texts are between.
fn tag_in(text: &str) -> Option<String> {
    let has = |tag: &str| text.contains(&format!("<{tag}>")) && text.contains(&format!("</{tag}>"));
    TAGS.iter().find(|tag| has(tag)).map(|tag| (*tag).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::surveyed;

    #[test]
    fn folders_are_domains_and_classes_of_texts() {
        let mut files = Vec::new();
        for domain in ["mail", "web"] {
            for class in ["ham", "spam"] {
                for number in 0..3 {
                    let name = format!("{domain}/{class}/{number}.txt");
                    files.push((name, format!("some words of {class}").into_bytes()));
                }
            }
        }
        let text = surveyed(&files).unwrap();
        let reader =
            "reader = { name = \"text\", files = [{ file = \"web\" }], format = \"folder\" }";
        assert!(text.contains(reader), "{text}");
        // Numbers in text files are no texts.
        let numbers = ["a/x/1.txt", "a/y/2.txt"].map(|name| (name.to_owned(), b"1 2 3\n".to_vec()));
        assert!(surveyed(&numbers).unwrap_err().contains("holds nothing"));
    }

    #[test]
    fn names_of_files_tell_classes_and_domains() {
        let mut files = Vec::new();
        for domain in ["books", "dvd"] {
            for class in ["negative", "positive"] {
                let text = "<review>\nfine words here\n</review>\n<review>others</review>\n";
                files.push((format!("{domain}_{class}.parsed"), text.as_bytes().to_vec()));
            }
        }
        let text = surveyed(&files).unwrap();
        for part in [
            "name = \"books\"",
            "{ class = \"negative\", file = \"books_negative.parsed\" }",
            "format = \"tagged\", text = \"review\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let lines = ["a/train/pos.txt", "a/train/neg.txt", "a/test/pos.txt", "a/test/neg.txt"];
        let files = lines.map(|name| (name.to_owned(), b"one text\nanother text\n".to_vec()));
        let text = surveyed(&files).unwrap();
        assert!(text.contains("name = \"a\"\ntrain = ") && text.contains("\"lines\""), "{text}");
    }
}
