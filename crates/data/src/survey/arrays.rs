//! Files of arrays: features, series and small images with their labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use super::files::{self, Files};
use super::habits::{Role, part, role};
use super::{ARRAYS, Found, FoundDomain, NamedSets, domain_of, path_text, reader};
use crate::array::{Element, Header};
use crate::arrays::Arrays;
use crate::problem;

/// Samples with their labels, in one file or two.
#[derive(Default)]
struct Pair {
    samples: Option<(PathBuf, String, Header)>,
    labels: Option<(PathBuf, String)>,
    lengths: Option<String>,
}

/// What a pair is of: the file it is in, and the rest of its arrays' names.
type Key = (PathBuf, String);

/// Features, series and images in `.npz`, `.npy`, MATLAB and HDF5 files.
pub(super) fn find(files: &Files) -> Result<Option<Found>, DataError> {
    let mut pairs: BTreeMap<Key, Pair> = BTreeMap::new();
    let mut unclear = Vec::new();
    let mut any = false;
    for path in files.ending(ARRAYS) {
        any = true;
        let at = files.folder.join(path);
        let mut arrays = Arrays::open(&at)?;
        if arrays.is_single() {
            let name =
                files::stem(&path.file_name().unwrap_or_default().to_string_lossy()).to_owned();
            let Some((role, rest)) = role(&name) else {
                unclear.push(format!("{} (an array)", path.display()));
                continue;
            };
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let header = arrays.header("")?;
            add(pairs.entry((folder, rest)).or_default(), role, path, name, header);
            continue;
        }
        let mut own = Vec::new();
        for name in arrays.names() {
            // What cannot be read is no array for samples or labels.
            let Ok(header) = arrays.header(&name) else { continue };
            match role(&name) {
                Some((role, rest)) => {
                    add(pairs.entry((path.clone(), rest)).or_default(), role, path, name, header);
                }
                None => own.push(format!("`{name}` {:?}", header.shape)),
            }
        }
        if !own.is_empty() {
            unclear.push(format!("{}: {}", path.display(), problem::some_of(&own)));
        }
    }
    if !any {
        return Ok(None);
    }
    pairs.retain(|_, pair| pair.samples.is_some());
    if pairs.is_empty() {
        return Err(undecided(files, &unclear));
    }
    let mut remarks = Vec::new();
    if !unclear.is_empty() {
        remarks.push(format!("left out, since their names tell nothing: {}", unclear.join("; ")));
    }
    let first = first_label(files, &pairs)?;
    if first == 1 {
        remarks.push("labels are numbers from 1 on".to_owned());
    }
    let domains = domains(&pairs, first, &mut remarks)?;
    Ok(Some(Found { domains, remarks, ..Found::default() }))
}

fn add(pair: &mut Pair, role: Role, path: &Path, name: String, header: Header) {
    match role {
        Role::Samples if pair.samples.is_none() => {
            pair.samples = Some((path.to_owned(), name, header));
        }
        Role::Labels if pair.labels.is_none() => pair.labels = Some((path.to_owned(), name)),
        Role::Lengths if pair.lengths.is_none() => pair.lengths = Some(name),
        _ => {}
    }
}

fn undecided(files: &Files, unclear: &[String]) -> DataError {
    problem::file(
        &files.folder,
        format!(
            "holds arrays whose names do not tell which are samples and which are labels: {}; expected \
             names such as `x` and `y`, `fts` and `labels`, `amazon_x` and `amazon_y`. Name them in the \
             descriptor: reader = {{ name = \"features\", file = \"FILE\", features = \"ARRAY\", labels \
             = \"ARRAY\" }}",
            unclear.join("; ")
        ),
    )
}

/// 1 where the smallest label of all is 1, else 0.
fn first_label(files: &Files, pairs: &BTreeMap<Key, Pair>) -> Result<i64, DataError> {
    let mut smallest: Option<i64> = None;
    for pair in pairs.values() {
        let Some((path, name)) = &pair.labels else { continue };
        let at = files.folder.join(path);
        let array = Arrays::open(&at)?.array(name)?;
        if array.header.is_text() {
            continue;
        }
        let Ok(values) = array.integers() else { continue };
        let own = values.into_iter().flatten().min();
        smallest = smallest.into_iter().chain(own).min();
    }
    Ok(i64::from(smallest == Some(1)))
}

/// The domains: files, or the names of arrays where one file holds several pairs.
fn domains(
    pairs: &BTreeMap<Key, Pair>,
    first: i64,
    remarks: &mut Vec<String>,
) -> Result<Vec<FoundDomain>, DataError> {
    let paths: Vec<&Path> = pairs.keys().map(|(path, _)| path.as_path()).collect();
    let mut single = paths.clone();
    single.dedup();
    let of_files: BTreeMap<&Path, String> =
        single.iter().copied().zip(files::names_of(&single)).collect();
    let mut sets: BTreeMap<String, NamedSets> = BTreeMap::new();
    let mut told = Vec::new();
    for ((path, rest), pair) in pairs {
        let (rest, part) = part(rest);
        let (own, in_name) = self::part(&of_files[path.as_path()]);
        let name = match (single.len() > 1, rest.is_empty()) {
            (false, false) => rest,
            (true, false) => format!("{own}-{rest}"),
            (_, true) if own.is_empty() => of_files[path.as_path()].clone(),
            (_, true) => own,
        };
        let (table, kind) = set_reader(pair, first);
        if !told.contains(&kind) {
            told.push(kind);
        }
        sets.entry(name).or_default().push((part.or(in_name), table));
    }
    let what = if single.len() > 1 { "files" } else { "names of arrays" };
    remarks.insert(
        0,
        format!(
            "the {what} were taken for domains ({}), the arrays for {}",
            problem::some_of(sets.keys()),
            told.join(" and ")
        ),
    );
    sets.into_iter().map(|(name, sets)| domain_of(name, sets)).collect()
}

/// The reader of a pair, and what its samples are, in words.
fn set_reader(pair: &Pair, first: i64) -> (Table, String) {
    let Some((path, name, header)) = &pair.samples else { return (Table::new(), String::new()) };
    let is_npy = path.extension().is_some_and(|ending| ending == "npy");
    let mut fields = vec![("file", Value::from(path_text(path)))];
    let is_pixels = header.element == Element::Unsigned && header.width == 1;
    let (kind, key, words) = match header.shape.as_slice() {
        [_, _, _, 1 | 3] => ("npz-images", "images", "images".to_owned()),
        [_, _, _] if is_pixels => ("npz-images", "images", "images".to_owned()),
        [_, second, third] => {
            let channels_first = second <= third;
            if !channels_first {
                fields.push(("layout", "time-first".into()));
            }
            let (channels, time) = if channels_first { (second, third) } else { (third, second) };
            let words = format!(
                "series of {channels} channels and {time} steps, the larger dimension being taken for \
                 time"
            );
            ("series", "series", words)
        }
        _ => ("features", "features", "features".to_owned()),
    };
    if !is_npy {
        fields.push((key, name.as_str().into()));
    }
    match &pair.labels {
        None => fields.push(("labelled", false.into())),
        Some((own, _)) if is_npy => fields.push(("labels_file", path_text(own).into())),
        Some((_, labels)) => fields.push(("labels", labels.as_str().into())),
    }
    if let Some(lengths) = &pair.lengths
        && kind == "series"
        && !is_npy
    {
        fields.push(("lengths", lengths.as_str().into()));
    }
    if first == 1 && pair.labels.is_some() {
        fields.push(("first_label", Value::from(1)));
    }
    (reader(kind, fields), words)
}
