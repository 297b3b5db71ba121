//! Lists of images with their classes.

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::Value;

use super::files::{self, Files};
use super::{Found, FoundDomain, path_text, reader};
use crate::problem;
use crate::readers::is_image;
use crate::text_labels::whole_number;

/// Lines of a list that are looked at.
const LOOKED_AT: usize = 20;

/// Text files that name an image and its class in each line, a domain each.
pub(super) fn find(files: &Files) -> Result<Option<Found>, DataError> {
    let mut lists: Vec<(&PathBuf, PathBuf)> = Vec::new();
    let mut first = None;
    for path in files.ending(&[".txt", ".lst", ".list"]) {
        let Some((image, smallest)) = first_image(&files.folder.join(path))? else { continue };
        let Some(base) = base_of(&files.folder, path, &image) else {
            return Err(problem::file(
                files.folder.join(path),
                format!(
                    "is a list of images and names `{}`, which was found neither beside it nor in the \
                     folders above; write the folder that its paths begin from as `path`: reader = {{ \
                     name = \"image-list\", file = \"{}\", path = \"FOLDER\" }}",
                    problem::shown(&image),
                    path_text(path)
                ),
            ));
        };
        let least = first.get_or_insert(smallest);
        *least = (*least).min(smallest);
        lists.push((path, base));
    }
    if lists.is_empty() {
        return Ok(None);
    }
    let paths: Vec<&Path> = lists.iter().map(|(path, _)| path.as_path()).collect();
    let names = files::names_of(&paths);
    let first = first.flatten().unwrap_or(0);
    let mut remarks = vec![
        "each list of images was taken for a domain, what follows a path for its class".to_owned(),
    ];
    if first == 1 {
        remarks.push("classes are numbers from 1 on".to_owned());
    }
    let domains = lists.iter().zip(names).map(|((path, base), name)| {
        let mut fields = vec![("file", Value::from(path_text(path)))];
        if !base.as_os_str().is_empty() {
            fields.push(("path", path_text(base).into()));
        }
        if first == 1 {
            fields.push(("first_label", Value::from(1)));
        }
        FoundDomain::all(name, reader("image-list", fields))
    });
    Ok(Some(Found { domains: domains.collect(), remarks, ..Found::default() }))
}

/// The first image that a list names, and the smallest class if classes are numbers; nothing where it
/// is no list.
fn first_image(path: &Path) -> Result<Option<(String, Option<i64>)>, DataError> {
    let Ok(text) = String::from_utf8(problem::read(path)?) else { return Ok(None) };
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut first = None;
    let mut smallest = Some(i64::MAX);
    for (number, line) in lines.enumerate() {
        let Some((name, label)) = line.rsplit_once([' ', '\t']) else { return Ok(None) };
        if number < LOOKED_AT && !is_image(Path::new(name.trim())) {
            return Ok(None);
        }
        first.get_or_insert_with(|| name.trim().to_owned());
        smallest = smallest.zip(whole_number(label)).map(|(a, b)| a.min(b));
    }
    Ok(first.map(|first| (first, smallest)))
}

/// The folder below the root that an image's path begins from.
fn base_of(root: &Path, list: &Path, image: &str) -> Option<PathBuf> {
    let folders = list.parent().into_iter().flat_map(Path::ancestors).map(Path::to_owned);
    let below = files::subfolders(root, Path::new("")).unwrap_or_default();
    std::iter::once(PathBuf::new())
        .chain(folders)
        .chain(below)
        .find(|folder| root.join(folder).join(image).is_file())
}
