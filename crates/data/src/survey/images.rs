//! Image trees, in folders and in archives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use toml::{Table, Value};

use super::files::{self, Files};
use super::habits::{Part, part};
use super::{Found, FoundDomain, FoundSets, path_text, reader};
use crate::image_archive::{self, ImageArchive};
use crate::problem;
use crate::readers::is_image;

/// The readers of a domain, and the classes of each of its sets.
type Tree = (FoundSets, Vec<BTreeSet<String>>);

/// Images of a tree: how many there are in each folder of classes, by its path.
type Classes = BTreeMap<String, usize>;

/// Domains that are folders with one folder a class: `DOMAIN/CLASS`, `DOMAIN/images/CLASS`,
/// `DOMAIN/train/CLASS` and `DOMAIN/test/CLASS`.
pub(super) fn trees(files: &Files) -> Result<Option<Found>, DataError> {
    let root = &files.folder;
    let mut domains = Vec::new();
    let mut seen: BTreeMap<String, Vec<BTreeSet<String>>> = BTreeMap::new();
    let mut without_classes = Vec::new();
    for folder in files.folders()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match tree_below(root, &folder)? {
            Some((sets, classes)) => {
                seen.insert(name.clone(), classes);
                domains.push(FoundDomain { name, sets });
            }
            None if has_images(root, &folder)? => without_classes.push(name),
            None => {}
        }
    }
    if domains.is_empty() && without_classes.is_empty() {
        return Ok(None);
    }
    if domains.is_empty() {
        return one_level(root, &without_classes, files);
    }
    // `train` and `test` are no domains.
    let parts: Vec<Option<Part>> = domains.iter().map(|domain| whole_part(&domain.name)).collect();
    if domains.len() > 1 && parts.iter().all(Option::is_some) {
        return one_domain_of_parts(root, domains, &parts, files);
    }
    let mut remarks = vec![format!(
        "the folders of {} were taken for domains ({}), those below for classes",
        root.display(),
        super::counts(seen.iter().map(|(name, sets)| (name.as_str(), union(sets).len())))
    )];
    let all: Vec<BTreeSet<String>> = seen.values().flatten().cloned().collect();
    let classes = stated_classes(&all, &mut remarks);
    if !without_classes.is_empty() {
        remarks.push(format!(
            "left out, since they hold images and no folders of classes: {}",
            problem::some_of(&without_classes)
        ));
    }
    if domains.len() == 1 {
        remarks.push(
            "there is one domain only: an experiment needs a source and a target; give the folders \
             of the others too"
                .to_owned(),
        );
    }
    Ok(Some(Found { domains, remarks, classes }))
}

fn union(sets: &[BTreeSet<String>]) -> BTreeSet<String> {
    sets.iter().flatten().cloned().collect()
}

/// The classes of all sets, where a set lacks some.
pub(super) fn stated_classes(
    sets: &[BTreeSet<String>],
    remarks: &mut Vec<String>,
) -> Option<Vec<String>> {
    let all = union(sets);
    if sets.iter().all(|own| *own == all) {
        return None;
    }
    let lacked = all.iter().filter(|class| !sets.iter().all(|own| own.contains(*class)));
    remarks.push(format!(
        "not every domain or set has all classes, so that all are stated in `classes`; some lack {}",
        problem::some_of(lacked)
    ));
    Some(all.into_iter().collect())
}

/// A folder of classes with the images themselves in it is one domain.
fn one_level(root: &Path, classes: &[String], files: &Files) -> Result<Option<Found>, DataError> {
    if !files.given.is_empty() {
        // Lists of images may be given beside the folder of the images.
        if super::lists::find(files)?.is_some() {
            return Ok(None);
        }
        return Err(problem::file(
            root,
            format!(
                "the folders {} hold images and no folders of classes; expected CLASS/IMAGE in each: \
                 for samples without labels write `reader = {{ name = \"image-folder\", path = \
                 \"{}\", labelled = false }}` into the descriptor",
                problem::some_of(classes),
                classes[0],
            ),
        ));
    }
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let tree = reader("image-folder", [("path", ".".into())]);
    Ok(Some(Found {
        domains: vec![FoundDomain::all(name, tree)],
        remarks: vec![
            format!(
                "the folders of {} hold the images themselves and were taken for classes ({}), all of \
                 one domain",
                root.display(),
                problem::some_of(classes)
            ),
            "an experiment needs a source and a target: give the folder above, which holds those of \
             all domains, or the folders of the others too. If these folders are the domains, each \
             needs a folder a class in it"
                .to_owned(),
        ],
        ..Found::default()
    }))
}

fn whole_part(name: &str) -> Option<Part> {
    match part(name) {
        (rest, Some(part)) if rest.is_empty() => Some(part),
        _ => None,
    }
}

/// `train/CLASS` and `test/CLASS` are the sets of one domain.
fn one_domain_of_parts(
    root: &Path,
    domains: Vec<FoundDomain>,
    parts: &[Option<Part>],
    files: &Files,
) -> Result<Option<Found>, DataError> {
    let of = |wanted: Part| {
        let at = parts.iter().position(|part| *part == Some(wanted))?;
        match &domains[at].sets {
            FoundSets::All(reader) => Some(reader.clone()),
            FoundSets::Given { .. } => None,
        }
    };
    let (Some(train), Some(test)) = (of(Part::Train), of(Part::Test)) else {
        return Err(problem::file(
            root,
            format!(
                "its folders are called {}, which are sets and no domains; expected `train` and \
                 `test`, or the folder above, which holds a folder a domain",
                problem::some_of(domains.iter().map(|domain| domain.name.as_str()))
            ),
        ));
    };
    let name = files.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some(Found {
        domains: vec![FoundDomain { name, sets: FoundSets::Given { train, test } }],
        remarks: vec![
            "the folders were taken for the training and the test set of one domain, those below for \
             classes; an experiment needs a source and a target: give the folders of the others too"
                .to_owned(),
        ],
        ..Found::default()
    }))
}

/// The readers of a folder that is a domain, and its classes.
fn tree_below(root: &Path, folder: &Path) -> Result<Option<Tree>, DataError> {
    let subfolders = files::subfolders(root, folder)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let tree = |path: &Path| reader("image-folder", [("path", path_text(path).into())]);
    let mut classes = BTreeSet::new();
    let mut deeper = Vec::new();
    for subfolder in &subfolders {
        if has_images(root, subfolder)? {
            classes.insert(name(subfolder));
        } else if let Some(found) = class_folders(root, subfolder)? {
            deeper.push((subfolder.clone(), found));
        }
    }
    let set = |part: Part| deeper.iter().find(|(path, _)| whole_part(&name(path)) == Some(part));
    if let (Some((train, of_train)), Some((test, of_test))) = (set(Part::Train), set(Part::Test)) {
        let classes = vec![of_train.clone(), of_test.clone()];
        let sets = FoundSets::Given { train: tree(train), test: tree(test) };
        return Ok(Some((sets, classes)));
    }
    if !classes.is_empty() {
        return Ok(Some((FoundSets::All(tree(folder)), vec![classes])));
    }
    // One folder between, such as `images`.
    match deeper.as_slice() {
        [(path, classes)] => Ok(Some((FoundSets::All(tree(path)), vec![classes.clone()]))),
        _ => Ok(None),
    }
}

/// The folders of a folder that hold images themselves.
fn class_folders(root: &Path, folder: &Path) -> Result<Option<BTreeSet<String>>, DataError> {
    let mut classes = BTreeSet::new();
    for subfolder in files::subfolders(root, folder)? {
        if has_images(root, &subfolder)? {
            let name = subfolder.file_name().unwrap_or_default();
            classes.insert(name.to_string_lossy().into_owned());
        }
    }
    Ok((!classes.is_empty()).then_some(classes))
}

/// Whether a folder holds images itself.
fn has_images(root: &Path, folder: &Path) -> Result<bool, DataError> {
    let at = root.join(folder);
    let failed = |source| problem::io("cannot list", &at, source);
    for entry in std::fs::read_dir(&at).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && is_image(&path) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Domains that are archives, or folders in one, with one folder a class.
pub(super) fn archives(files: &Files) -> Result<Option<Found>, DataError> {
    let paths: Vec<&PathBuf> = files
        .files
        .iter()
        .filter(|path| image_archive::is_named_so(&path.to_string_lossy()))
        .collect();
    let mut domains = Vec::new();
    let mut told = Vec::new();
    let mut sets: Vec<BTreeSet<String>> = Vec::new();
    let borrowed: Vec<&Path> = paths.iter().map(|path| path.as_path()).collect();
    let names = files::names_of(&borrowed);
    for (path, name) in paths.iter().zip(names) {
        let at = files.folder.join(path);
        let trees = trees_in(&ImageArchive::open(&at)?.names(&at)?);
        if trees.is_empty() {
            told.push(format!("{} holds no image in a folder", path.display()));
            continue;
        }
        let name = name.trim_end_matches(".tar").to_owned();
        let several = trees.len() > 1;
        for (inside, classes) in trees {
            let domain = match inside.rsplit('/').next() {
                Some(last) if several && !last.is_empty() => last.to_owned(),
                _ => name.clone(),
            };
            told.push(format!(
                "the folders of {}{} were taken for classes of the domain {domain} ({})",
                path.display(),
                if inside.is_empty() { String::new() } else { format!(", {inside}") },
                super::counts(classes.iter().map(|(class, count)| (class.as_str(), *count)))
            ));
            sets.push(classes.into_keys().collect());
            domains.push(FoundDomain::all(domain, archive_reader(path, &inside)));
        }
    }
    if domains.is_empty() {
        return Ok(None);
    }
    let classes = stated_classes(&sets, &mut told);
    Ok(Some(Found { domains, remarks: told, classes }))
}

fn archive_reader(path: &Path, inside: &str) -> Table {
    let inside = if inside.is_empty() { "." } else { inside };
    reader("image-folder", [("path", Value::from(inside)), ("archive", path_text(path).into())])
}

/// The folders in an archive whose folders hold images, with the number of images in each of these.
fn trees_in(names: &[String]) -> Vec<(String, Classes)> {
    let mut trees: BTreeMap<String, Classes> = BTreeMap::new();
    for name in names.iter().filter(|name| is_image(Path::new(name))) {
        let Some((folder, _)) = name.rsplit_once('/') else { continue };
        let (above, class) = folder.rsplit_once('/').unwrap_or(("", folder));
        if class.starts_with('.') || folder.split('/').any(|it| it == "__MACOSX") {
            continue;
        }
        *trees.entry(above.to_owned()).or_default().entry(class.to_owned()).or_default() += 1;
    }
    trees.into_iter().collect()
}
