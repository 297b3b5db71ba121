//! `isthmus data init`.

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;
use isthmus_data::{Descriptor, Roots, Survey, overview, survey};
use isthmus_results::{Destination, write_text};

use super::table;
use crate::args::{InitArguments, OutputArguments};
use crate::commands::answer;
use crate::failure::Failure;
use crate::page::Page;

/// Writes the descriptor of what a folder or files hold, once what it names can be read.
pub fn execute(arguments: &InitArguments, output: OutputArguments) -> Result<(), Failure> {
    let input = |error: DataError| Failure::input(error.to_string());
    let found = survey(&arguments.paths).map_err(input)?;
    let (name, path) = name_and_place(arguments, &found)?;
    if path.exists() && !arguments.force {
        return Err(Failure::input(format!(
            "{} is there already; `--force` replaces it, `--output` names another file",
            path.display()
        )));
    }
    let mut roots = Roots::discover(Some(&path));
    let beside = path.parent().unwrap_or(Path::new("")).to_owned();
    if !roots.descriptors.contains(&beside) {
        roots.descriptors.insert(0, beside);
    }
    let text = found.descriptor(&name, &folder_text(&found.folder, &name, &roots));
    let unfit = |error: DataError| {
        Failure::input(format!(
            "what was found does not make a data set: {error}\n\nIt was taken for this; correct it and \
             save it as {}:\n\n{text}",
            path.display()
        ))
    };
    let descriptor = Descriptor::parse(&name, &text, &path.display().to_string()).map_err(unfit)?;
    let read = overview(&descriptor, &roots).map_err(unfit)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(|source| Failure::File {
            action: "cannot make the folder",
            file: folder.to_owned(),
            source,
        })?;
    }
    write_text(&Destination::File(path.clone()), &text)
        .map_err(|error| Failure::input(error.to_string()))?;
    if output.quiet {
        return Ok(());
    }
    let page = Page::of_answers();
    let mut said = format!("{} is written.\n", path.display());
    for remark in &found.remarks {
        said.push_str(&page.wrapped(&format!("{remark}."), 2));
    }
    said.push('\n');
    said.push_str(&table::text(&read, &page));
    answer(&said)
}

/// The data set's name and the descriptor's file, which agree.
fn name_and_place(arguments: &InitArguments, found: &Survey) -> Result<(String, PathBuf), Failure> {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let of_output = arguments.output.as_deref().and_then(stem);
    let of_folder = || found.folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = match (&arguments.name, of_output) {
        (Some(name), Some(stem)) if *name != stem => {
            return Err(Failure::input(format!(
                "the descriptor of `{name}` is `{name}.toml`, `--output` names `{stem}`; leave one \
                 out"
            )));
        }
        (Some(name), _) => name.clone(),
        (None, Some(stem)) => stem,
        (None, None) => plain(&of_folder().unwrap_or_default()),
    };
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(Failure::input(format!(
            "the data set needs a name that a file can have, `{name}` is none; state `--name`"
        )));
    }
    let path = arguments.output.clone();
    let path = path.unwrap_or_else(|| Path::new("datasets").join(format!("{name}.toml")));
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Err(Failure::input(format!(
            "{}: a descriptor's name ends in `.toml`",
            path.display()
        )));
    }
    Ok((name, path))
}

/// The name in lower case, with hyphens for what has no place in a name that is typed.
fn plain(name: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.to_lowercase().chars().map(allowed).collect();
    name.trim_matches('-').to_owned()
}

/// How the descriptor names the folder: below one of the places where data is looked for, else in
/// full.
fn folder_text(folder: &Path, name: &str, roots: &Roots) -> String {
    let places = roots.descriptors.iter().chain([&roots.data]);
    for place in places {
        // Places that are not there hold nothing.
        let Ok(place) = std::fs::canonicalize(place) else { continue };
        if let Ok(below) = folder.strip_prefix(&place)
            && !below.as_os_str().is_empty()
        {
            let text = below.to_string_lossy().replace('\\', "/");
            return if text == name { name.to_owned() } else { text };
        }
    }
    folder.display().to_string()
}
