//! `isthmus new-method`: a crate for a new method, linked and tested.

mod names;
mod outside;
mod repository;

use std::fs;
use std::path::{Path, PathBuf, absolute};

use isthmus_core::registry::{Kind, find};

use self::names::Names;
use self::repository::{MANIFEST, Repository};
use super::answer;
use crate::args::{MethodKind, NewMethodArguments};
use crate::failure::Failure;

const METHOD_MANIFEST: &str = include_str!("../../../templates/method.toml");
const LIBRARY: &str = include_str!("../../../templates/library.txt");
const MAIN: &str = include_str!("../../../templates/main.txt");
const TERM: &str = include_str!("../../../templates/term.txt");
const DRIVER: &str = include_str!("../../../templates/driver.txt");
const LOCK: &str = "Cargo.lock";

/// Writes the crate and links it.
pub fn execute(arguments: &NewMethodArguments) -> Result<(), Failure> {
    let names = Names::new(&arguments.name)?;
    if find(Kind::Method, &names.name).is_some() {
        return Err(Failure::input(format!("there is a method `{}` already", names.name)));
    }
    let here = std::env::current_dir().map_err(Failure::file("cannot read", Path::new(".")))?;
    let repository = Repository::above(&here)?;
    match &arguments.outside {
        None => write_inside(&repository, &names, arguments.kind),
        Some(folder) => write_outside(&repository, &names, arguments.kind, folder),
    }
}

fn write_inside(repository: &Repository, names: &Names, kind: MethodKind) -> Result<(), Failure> {
    let folder = repository.method_folder(&names.name);
    if folder.exists() {
        return Err(Failure::input(format!("{} is there already", folder.display())));
    }
    // What is there already is read, and could be changed, before anything is written.
    let linked = repository.linked(names)?;
    let mut files = vec![(folder.join(MANIFEST), inherited_manifest(names))];
    files.extend(sources(&folder, names, kind));
    write(&files)?;
    write(&linked)?;

    let mut text = String::new();
    for (file, _) in &files {
        text.push_str(&format!("wrote   {}\n", repository.relative(file)));
    }
    for (file, _) in &linked {
        text.push_str(&format!("changed {}\n", repository.relative(file)));
    }
    text.push_str(&format!(
        "\ntest it:  cargo test --release --lib -p isthmus -p {package}\n\
         see it:   cargo run --release -- explain {name}\n\
         use it:   align = [{{ name = \"{name}\" }}]\n\n\
         (With `-p isthmus` the dependencies are those of the command, which are built already.)\n",
        package = names.package,
        name = names.name,
    ));
    answer(&text)
}

fn write_outside(
    repository: &Repository,
    names: &Names,
    kind: MethodKind,
    folder: &Path,
) -> Result<(), Failure> {
    let folder = absolute(folder).map_err(Failure::file("cannot find", folder))?;
    let folder = outside::without_parents(&folder);
    if folder.starts_with(repository.root()) {
        return Err(Failure::input_with(
            format!("{} is within the source tree", folder.display()),
            "without `--outside`, a method is written into the source tree and linked there",
        ));
    }
    if folder.exists() {
        return Err(Failure::input(format!("{} is there already", folder.display())));
    }
    let workspace = repository.text(MANIFEST)?;
    let lock = repository.text(LOCK)?;
    let manifest = outside::manifest(&workspace, &names.name, &inherited_manifest(names));
    let manifest = manifest.map_err(|problem| {
        let root = repository.root().display();
        Failure::input(format!("no manifest can be made from the source tree {root}: {problem}"))
    })?;
    let mut files = vec![
        (folder.join(MANIFEST), manifest),
        (folder.join(LOCK), lock),
        (folder.join(".gitignore"), outside::IGNORED.to_owned()),
    ];
    files.extend(sources(&folder, names, kind));
    files.push((folder.join("src/main.rs"), names.filled(MAIN)));
    let target = target_folder();
    if let Some(target) = &target {
        let settings = toml_edit::Value::from(target.as_str());
        let text = format!(
            "# Where isthmus is built; what is built there is used again.\n\
             [build]\ntarget-dir = {settings}\n"
        );
        files.push((folder.join(".cargo/config.toml"), text));
    }
    write(&files)?;
    let (crates, link) = (repository.root().join(outside::LINK), folder.join(outside::LINK));
    outside::link(&crates, &link).map_err(Failure::file("cannot link", &link))?;

    let mut text = String::new();
    for (file, _) in &files {
        text.push_str(&format!("wrote   {}\n", file.display()));
    }
    text.push_str(&format!("linked  {} to {}\n", link.display(), crates.display()));
    text.push_str(&format!(
        "\nThere, it is the command `isthmus` with one method more:\n\n\
         test it:  cargo test --release\n\
         see it:   cargo run --release -- explain {name}\n\
         use it:   align = [{{ name = \"{name}\" }}]\n",
        name = names.name,
    ));
    if target.is_none() {
        text.push_str(
            "\n(Where CARGO_TARGET_DIR names the folder that isthmus is built in, what is built \
             there is used again.)\n",
        );
    }
    answer(&text)
}

/// The manifest of a method's crate in the source tree.
fn inherited_manifest(names: &Names) -> String {
    names.filled(METHOD_MANIFEST)
}

/// The files of the library, with their texts.
fn sources(folder: &Path, names: &Names, kind: MethodKind) -> [(PathBuf, String); 2] {
    let method = match kind {
        MethodKind::Term => TERM,
        MethodKind::Driver => DRIVER,
    };
    let source = folder.join("src");
    [
        (source.join("lib.rs"), names.filled(LIBRARY)),
        (source.join(format!("{}.rs", names.module)), names.filled(method)),
    ]
}

fn write(files: &[(PathBuf, String)]) -> Result<(), Failure> {
    for (file, text) in files {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(Failure::file("cannot make", folder))?;
        }
        fs::write(file, text).map_err(Failure::file("cannot write", file))?;
    }
    Ok(())
}

/// The folder that this program was built in, if cargo built it and it is still there.
fn target_folder() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let folder = program.ancestors().nth(2)?;
    // Cargo writes this file at the top of such a folder.
    folder.join(".rustc_info.json").is_file().then(|| folder.to_str().map(str::to_owned))?
}
