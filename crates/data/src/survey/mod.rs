//! Surveys: what a folder or some files hold, as the descriptor of a data set.
//!
//! A survey takes what people commonly have, by names and content: image trees and archives, lists of
//! images, recordings, texts, arrays, tables, sparse text, IDX. What it takes for domains and classes it says; where it
//! cannot decide, it says what it saw and what to write.

mod arrays;
mod file_names;
mod files;
mod habits;
mod images;
mod lists;
mod sound;
mod tables;
mod text_tables;
mod texts;

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use crate::problem;
use crate::readers::is_image;
use files::Files;
use habits::Part;

/// Endings of files of arrays and of tables.
const ARRAYS: &[&str] = &[".npz", ".npy", ".mat", ".h5", ".hdf5", ".hdf", ".h5ad"];
const TABLES: &[&str] = &[".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq"];

/// What was found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The folder that the readers' paths begin from.
    pub folder: PathBuf,
    /// What was taken for what, a sentence each.
    pub remarks: Vec<String>,
    domains: Vec<FoundDomain>,
    classes: Option<Vec<String>>,
}

/// Finds data of one kind, or nothing where there is none.
type Finder = fn(&Files) -> Result<Option<Found>, DataError>;

/// The sets that would be one domain: which set each is, where its name tells, and its reader.
type NamedSets = Vec<(Option<Part>, Table)>;

/// A domain and its readers.
#[derive(Clone, Debug)]
struct FoundDomain {
    name: String,
    sets: FoundSets,
}

#[derive(Clone, Debug)]
enum FoundSets {
    All(Table),
    Given { train: Table, test: Table },
}

/// Domains, and what was taken for them.
#[derive(Default)]
struct Found {
    domains: Vec<FoundDomain>,
    remarks: Vec<String>,
    /// The classes of all, where a domain lacks some.
    classes: Option<Vec<String>>,
}

impl FoundSets {
    fn readers(&self) -> Vec<&Table> {
        match self {
            Self::All(reader) => vec![reader],
            Self::Given { train, test } => vec![train, test],
        }
    }

    fn readers_mut(&mut self) -> Vec<&mut Table> {
        match self {
            Self::All(reader) => vec![reader],
            Self::Given { train, test } => vec![train, test],
        }
    }
}

impl FoundDomain {
    fn all(name: impl Into<String>, reader: Table) -> Self {
        Self { name: name.into(), sets: FoundSets::All(reader) }
    }
}

/// A domain of one set, or of a training and a test set.
fn domain_of(name: String, mut sets: Vec<(Option<Part>, Table)>) -> Result<FoundDomain, DataError> {
    let of = |part: Part| sets.iter().find(|(own, _)| *own == Some(part)).map(|(_, it)| it.clone());
    if let (Some(train), Some(test)) = (of(Part::Train), of(Part::Test)) {
        return Ok(FoundDomain { name, sets: FoundSets::Given { train, test } });
    }
    match sets.len() {
        1 => Ok(FoundDomain::all(name, sets.remove(0).1)),
        count => Err(DataError::Mismatch(format!(
            "{count} sets would be the domain `{name}`; expected one, or a training and a test set \
             whose names say `train` and `test`"
        ))),
    }
}

/// A reader's table.
fn reader(name: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Table {
    let name = ("name".to_owned(), Value::from(name));
    std::iter::once(name)
        .chain(fields.into_iter().map(|(key, value)| (key.to_owned(), value)))
        .collect()
}

/// A path as descriptors have it.
fn path_text(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Finds what a folder, or some folders and files, hold.
///
/// # Errors
/// If a path cannot be read, or what is there cannot be taken for a data set; with what was seen and
/// what to write.
pub fn survey(paths: &[PathBuf]) -> Result<Survey, DataError> {
    let files = Files::of(paths)?;
    // Each says nothing where there is nothing of its kind.
    let all: &[&[&str]] = &[ARRAYS, TABLES];
    let kinds: [(Finder, &[&[&str]]); 11] = [
        (images::trees, all),
        (images::archives, all),
        (sound::find, all),
        (lists::find, all),
        (texts::find, all),
        (text_tables::json_lines, all),
        (arrays::find, &[TABLES]),
        (tables::idx, &[]),
        (text_tables::tables, &[]),
        (tables::tables, &[]),
        (tables::svmlight, &[]),
    ];
    for (find, after) in kinds {
        if let Some(Found { mut domains, mut remarks, classes }) = find(&files)? {
            make_names_usable(&mut domains);
            // What a kind further down would have been made of.
            let after = after.concat();
            let others: Vec<String> = files.ending(&after).map(|path| path_text(path)).collect();
            if !others.is_empty() {
                remarks.push(format!(
                    "left out: {}; to take these instead, give the files themselves",
                    problem::some_of(&others)
                ));
            }
            return Ok(Survey { folder: files.folder, remarks, domains, classes });
        }
    }
    Err(problem::file(
        &files.folder,
        format!(
            "holds nothing that can be taken for a data set: {}; expected folders DOMAIN/CLASS with \
             images or recordings, an archive of such a tree for each domain, lists of images, texts \
             (.txt, .jsonl), arrays (.npz, .npy, .mat, .h5), tables (.csv, .parquet) or SVMlight \
             files. `isthmus list readers` shows what \
             can be read; datasets/README.md how a descriptor is written by hand",
            files.summary()
        ),
    ))
}

/// What a folder with images or recordings in it and no folders holds: one domain of samples without
/// classes. `None` for anything else.
///
/// # Errors
/// If the folder or a recording cannot be read.
pub fn unlabelled(path: &Path) -> Result<Option<Survey>, DataError> {
    if !path.is_dir() {
        return Ok(None);
    }
    let files = Files::of(&[path.to_owned()])?;
    if !files.folders()?.is_empty() {
        return Ok(None);
    }
    let found = if files.files.iter().any(|file| is_image(file)) {
        let fields = [("path", ".".into()), ("labelled", false.into())];
        Some(reader("image-folder", fields))
    } else {
        sound::unlabelled(&files)?
    };
    let Some(reader) = found else { return Ok(None) };
    let domains = vec![FoundDomain::all("unlabelled", reader)];
    Ok(Some(Survey { folder: files.folder, remarks: Vec::new(), domains, classes: None }))
}

/// Names that tasks can be written with, each once.
fn make_names_usable(domains: &mut [FoundDomain]) {
    let mut seen: Vec<String> = Vec::new();
    for domain in domains {
        let mut name = domain.name.replace("->", "-").replace('+', "-");
        name.retain(|c| !c.is_control());
        let name = name.trim();
        let plain = if name.is_empty() { "domain".to_owned() } else { name.to_owned() };
        let mut own = plain.clone();
        let mut number = 2;
        while seen.contains(&own) {
            own = format!("{plain}-{number}");
            number += 1;
        }
        seen.push(own.clone());
        domain.name = own;
    }
}

impl Survey {
    /// The names of the domains.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(|domain| domain.name.as_str())
    }

    /// Samples a second that recordings are read at, the fewest; `None` where there are none.
    pub fn sound_rate(&self) -> Option<u32> {
        let readers = self.domains.iter().flat_map(|domain| domain.sets.readers());
        readers.filter_map(sound::rate_of).min()
    }

    /// The same, with recordings read at this rate.
    pub fn at_sound_rate(mut self, rate: u32) -> Self {
        for domain in &mut self.domains {
            for reader in domain.sets.readers_mut() {
                if sound::rate_of(reader).is_some() {
                    reader.insert("rate".to_owned(), i64::from(rate).into());
                }
            }
        }
        self
    }

    /// The descriptor's text; `folder` is what it says of the data's place.
    pub fn descriptor(&self, name: &str, folder: &str) -> String {
        let mut text = String::new();
        for remark in &self.remarks {
            for line in wrapped(remark) {
                text.push_str(&format!("# {line}\n"));
            }
        }
        let field = |key: &str, value: Value| format!("{key} = {value}\n");
        text.push_str(&field("name", name.into()));
        if folder != name {
            text.push_str(&field("folder", folder.into()));
        }
        if let Some(classes) = &self.classes {
            text.push_str(&field("classes", classes.clone().into()));
        }
        for FoundDomain { name, sets } in &self.domains {
            text.push_str(&format!("\n[[domains]]\nname = {}\n", Value::from(name.as_str())));
            text.push_str(&readers_text(sets));
        }
        text
    }

    /// The text of its one domain as part of another descriptor, under another name and with its
    /// folder in full; `None` where it has several.
    pub fn as_domain(&self, name: &str) -> Option<String> {
        let [FoundDomain { sets, .. }] = self.domains.as_slice() else { return None };
        let folder = self.folder.to_string_lossy().replace('\\', "/");
        Some(format!(
            "\n[[domains]]\nname = {}\nfolder = {}\n{}",
            Value::from(name),
            Value::from(folder),
            readers_text(sets)
        ))
    }
}

/// The lines that say how a domain's sets are read.
fn readers_text(sets: &FoundSets) -> String {
    match sets {
        FoundSets::All(reader) => format!("reader = {}\n", inline(reader)),
        FoundSets::Given { train, test } => {
            format!("train = {}\ntest = {}\n", inline(train), inline(test))
        }
    }
}

/// A table in one line, the reader's name first.
fn inline(table: &Table) -> String {
    let (name, others): (Vec<_>, Vec<_>) = table.iter().partition(|(key, _)| *key == "name");
    let field = |(key, value): &(&String, &Value)| match value {
        Value::Table(table) => format!("{key} = {}", inline(table)),
        value => format!("{key} = {value}"),
    };
    let fields: Vec<String> = name.iter().chain(&others).map(field).collect();
    format!("{{ {} }}", fields.join(", "))
}

/// A sentence in lines of at most 98 characters.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 98;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// `amazon (31), dslr (31)`, the first of them.
fn counts<'a>(counts: impl IntoIterator<Item = (&'a str, usize)>) -> String {
    problem::some_of(counts.into_iter().map(|(name, count)| format!("{name} ({count})")))
}

#[cfg(test)]
mod tests {
    use super::survey;
    use crate::{Descriptor, Roots, overview};

    /// The descriptor of a folder with these files, once it was read; or what is said.
    pub(super) fn surveyed(files: &[(String, Vec<u8>)]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("found");
        for (name, content) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let found = survey(&[root]).map_err(|error| error.to_string())?;
        let text = found.descriptor("found", "found");
        let descriptor = Descriptor::parse("found", &text, "found.toml")
            .map_err(|error| format!("{error}: {text}"))?;
        let roots = Roots {
            descriptors: vec![folder.path().to_owned()],
            data: folder.path().to_owned(),
            cache: folder.path().join("cache"),
        };
        overview(&descriptor, &roots).map_err(|error| format!("{error}: {text}"))?;
        Ok(text)
    }
}
