//! Recordings: folders and archives of WAV and FLAC files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use super::file_names::{Name, Named, by_folder, by_name};
use super::files::{self, Files};
use super::habits::part;
use super::images::stated_classes;
use super::{Found, NamedSets, domain_of, path_text, reader};
use crate::readers::is_sound;
use crate::{image_archive, packed_files, problem, sound};

/// What the reader takes where nothing is said.
const PATTERN: &str = "{class}/{file}";
const RATE: u32 = 16000;

/// A folder or an archive with recordings.
struct Place {
    /// Its path below the survey's folder.
    path: PathBuf,
    is_folder: bool,
    /// The folders that all names begin with.
    inside: Vec<String>,
    names: Vec<Name>,
    /// Samples a second of the first recording.
    rate: u32,
}

/// Folders and archives of recordings: classes and domains are folders, or parts of the files' names.
pub(super) fn find(files: &Files) -> Result<Option<Found>, DataError> {
    let places = places(files)?;
    let rates: BTreeSet<u32> = places.iter().map(|place| place.rate).collect();
    let Some(&rate) = rates.first() else { return Ok(None) };
    let mut remarks = Vec::new();
    if rates.len() > 1 {
        remarks.push(format!(
            "recordings have {} samples a second; all are brought to {rate}",
            problem::some_of(rates.iter().map(u32::to_string))
        ));
    }
    let paths: Vec<&Path> = places.iter().map(|place| place.path.as_path()).collect();
    let of_places = files::names_of(&paths);
    let mut sets: BTreeMap<String, NamedSets> = BTreeMap::new();
    let mut classes = Vec::new();
    for (place, of_place) in places.iter().zip(of_places) {
        let (found, told) = told(files, place)?;
        remarks.push(told);
        let several = found.iter().any(|set| set.domain.is_some());
        for set in found {
            // A single place is no set of another one.
            let (own, of_name) =
                if places.len() > 1 { part(&of_place) } else { (of_place.clone(), None) };
            let own = if own.is_empty() { folder_name(files) } else { own };
            let name = match &set.domain {
                Some(domain) if places.len() == 1 => domain.clone(),
                Some(domain) if several => format!("{own}-{domain}"),
                _ => own,
            };
            sets.entry(name)
                .or_default()
                .push((set.part.or(of_name), set_reader(place, &set, rate)));
            classes.push(set.classes);
        }
    }
    let domains = sets.into_iter().map(|(name, sets)| domain_of(name, sets));
    let domains: Vec<_> = domains.collect::<Result<_, _>>()?;
    // Of parts of one place the reader knows the classes of all.
    let classes = stated_classes(&classes, &mut remarks);
    if domains.len() == 1 {
        remarks.push(
            "there is one domain only: an experiment needs a source and a target; give the folders \
             or archives of the others too"
                .to_owned(),
        );
    }
    Ok(Some(Found { domains, remarks, classes }))
}

/// Recordings in a folder, whatever they are called, as samples without classes.
pub(super) fn unlabelled(files: &Files) -> Result<Option<Table>, DataError> {
    let Some(Place { rate, .. }) = place(files, Path::new(""))? else { return Ok(None) };
    let mut fields =
        vec![("path", Value::from(".")), ("files", "{file}".into()), ("labelled", false.into())];
    if rate != RATE {
        fields.push(("rate", i64::from(rate).into()));
    }
    Ok(Some(reader("audio", fields)))
}

/// Samples a second that a reader reads recordings at; `None` for other readers.
pub(super) fn rate_of(reader: &Table) -> Option<u32> {
    let is_audio = reader.get("name").and_then(Value::as_str) == Some("audio");
    let stated = reader.get("rate").and_then(Value::as_integer);
    is_audio.then(|| stated.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(RATE))
}

fn folder_name(files: &Files) -> String {
    files.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The archives with recordings, and the folders that were given.
fn places(files: &Files) -> Result<Vec<Place>, DataError> {
    let mut places = Vec::new();
    for path in files.files.iter().filter(|it| image_archive::is_named_so(&it.to_string_lossy())) {
        places.extend(place(files, path)?);
    }
    if files.files.iter().any(|path| is_sound(&path.to_string_lossy())) {
        let folders =
            if files.given.is_empty() { vec![PathBuf::new()] } else { files.folders()? };
        for folder in folders {
            places.extend(place(files, &folder)?);
        }
    }
    Ok(places)
}

fn place(files: &Files, path: &Path) -> Result<Option<Place>, DataError> {
    let at = files.folder.join(path);
    let mut found = Vec::new();
    packed_files::files(&at, &mut |name| {
        if is_sound(name) {
            found.push(name.to_owned());
        }
        false
    })?;
    found.sort();
    let Some(first) = found.first() else { return Ok(None) };
    let one = packed_files::files(&at, &mut |name| name == first)?;
    let decoded = match one.first() {
        Some(file) => sound::decode(&file.bytes()?)
            .map_err(|what| problem::inside(&at, problem::shown(first), what))?,
        None => return Ok(None),
    };
    let mut names: Vec<Name> = found.iter().map(|name| Name::of(name)).collect();
    let inside = Name::without_shared_folders(&mut names);
    let is_folder = at.is_dir();
    Ok(Some(Place { path: path.to_owned(), is_folder, inside, names, rate: decoded.rate }))
}

/// The sets of a place, and what was taken for what.
fn told(files: &Files, place: &Place) -> Result<(Vec<Named>, String), DataError> {
    let depths: BTreeSet<usize> = place.names.iter().map(|name| name.folders.len()).collect();
    let found = match depths.iter().collect::<Vec<_>>().as_slice() {
        [0] => by_name(&place.names),
        [_] => by_folder(&place.names, place.is_folder),
        _ => Err("recordings are in folders of different depth".to_owned()),
    };
    let at = files.folder.join(&place.path);
    found.map(|(sets, told)| (sets, format!("in {}, {told}", at.display()))).map_err(|what| {
        let shown = place.names.iter().map(Name::text);
        problem::file(
            &at,
            format!(
                "{what} ({}); say which part of the names is the class, and which tells the domain: \
                 reader = {{ name = \"audio\", path = \"{}\", files = \
                 \"{{class}}_{{speaker}}_{{index}}\", where = {{ speaker = [\"NAME\"] }} }}, or \
                 `labelled = false` for recordings without classes",
                problem::some_of(shown),
                path_text(&place.path)
            ),
        )
    })
}

fn set_reader(place: &Place, set: &Named, rate: u32) -> Table {
    let mut path = path_text(&place.path);
    let mut fields = Vec::new();
    if place.is_folder {
        let below = place.inside.iter().chain(&set.folders);
        let whole = below.fold(place.path.clone(), |path, folder| path.join(folder));
        path = path_text(&whole);
    }
    fields.push(("path", Value::from(path)));
    if set.pattern != PATTERN {
        fields.push(("files", set.pattern.as_str().into()));
    }
    if let Some((key, value)) = &set.chosen {
        let names = Value::from(vec![value.as_str()]);
        fields.push(("where", Table::from_iter([(key.clone(), names)]).into()));
    }
    if rate != RATE {
        fields.push(("rate", i64::from(rate).into()));
    }
    reader("audio", fields)
}

#[cfg(test)]
mod tests {
    use crate::sound::tests::wav_file;

    /// The descriptor of a folder with these recordings, or what is said.
    fn surveyed(rate: u32, names: &[String]) -> Result<String, String> {
        let file = |name: &String| (name.clone(), wav_file(rate, 1, &[1, 2, 3]));
        super::super::tests::surveyed(&names.iter().map(file).collect::<Vec<_>>())
    }

    fn crossed(pattern: impl Fn(&str, &str, usize) -> String) -> Vec<String> {
        let mut names = Vec::new();
        for class in ["no", "yes"] {
            for speaker in ["ann", "bob"] {
                names.extend((0..3).map(|index| pattern(class, speaker, index)));
            }
        }
        names
    }

    #[test]
    fn folders_are_domains_and_classes() {
        let text = surveyed(
            16000,
            &crossed(|class, speaker, index| format!("{speaker}/{class}/{index}.wav")),
        )
        .unwrap();
        assert!(
            text.contains("name = \"ann\"\nreader = { name = \"audio\", path = \"ann\" }"),
            "{text}"
        );
        let text = surveyed(
            8000,
            &crossed(|class, speaker, index| {
                format!(
                    "{speaker}/{}/{class}/{index}.wav",
                    if index == 0 { "test" } else { "train" }
                )
            }),
        )
        .unwrap();
        let set = "train = { name = \"audio\", path = \"bob/train\", rate = 8000 }";
        assert!(text.contains(set), "{text}");
    }

    #[test]
    fn parts_of_names_are_classes_and_domains() {
        let text = surveyed(
            8000,
            &crossed(|class, speaker, index| format!("recordings/{class}_{speaker}_{index}.wav")),
        )
        .unwrap();
        for part in [
            "files = \"{class}_{speaker}_{index}\"",
            "where = { speaker = [\"ann\"] }",
            "path = \"recordings\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // Folders for classes, speakers in the names.
        let text = surveyed(
            16000,
            &crossed(|class, speaker, index| format!("{class}/{speaker}-{index}.flac.wav")),
        )
        .unwrap();
        assert!(text.contains("files = \"{class}/{speaker}-{index}\""), "{text}");
        // Numbered speakers come first.
        let text = surveyed(
            16000,
            &crossed(|class, speaker, index| {
                format!("{}_{class}_{index}.wav", if speaker == "ann" { "s01" } else { "s02" })
            }),
        )
        .unwrap();
        assert!(text.contains("files = \"{speaker}_{class}_{index}\""), "{text}");
        assert!(text.contains("name = \"s02\""), "{text}");
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let names = ["03a01Fa.wav", "11b02Wb.wav", "16a05Lc.wav"].map(str::to_owned);
        let error = surveyed(16000, &names).unwrap_err();
        assert!(error.contains("03a01Fa") && error.contains("labelled = false"), "{error}");
    }
}
