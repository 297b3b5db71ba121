//! `isthmus new-method`: a crate for a new method, linked and tested.

mod names;
mod repository;

use std::fs;
use std::path::Path;

use isthmus_core::registry::{Kind, find};

use self::names::Names;
use self::repository::Repository;
use super::answer;
use crate::args::{MethodKind, NewMethodArguments};
use crate::failure::Failure;

const MANIFEST: &str = include_str!("../../../templates/method.toml");
const LIBRARY: &str = include_str!("../../../templates/library.txt");
const TERM: &str = include_str!("../../../templates/term.txt");
const TRAINING: &str = include_str!("../../../templates/training.txt");

/// Writes the crate and links it.
pub fn execute(arguments: &NewMethodArguments) -> Result<(), Failure> {
    let names = Names::new(&arguments.name)?;
    if find(Kind::Method, &names.name).is_some() {
        return Err(Failure::input(format!("there is a method `{}` already", names.name)));
    }
    let here = std::env::current_dir().map_err(Failure::file("cannot read", Path::new(".")))?;
    let repository = Repository::above(&here)?;
    let folder = repository.method_folder(&names.name);
    if folder.exists() {
        return Err(Failure::input(format!("{} is there already", folder.display())));
    }
    // What is there already is read, and could be changed, before anything is written.
    let linked = repository.linked(&names)?;

    let (method, manifest) = match arguments.kind {
        MethodKind::Term => (TERM, MANIFEST.replace("\n{{losses}}", "")),
        MethodKind::Training => {
            (TRAINING, MANIFEST.replace("{{losses}}", "isthmus-losses.workspace = true"))
        }
    };
    let source = folder.join("src");
    fs::create_dir_all(&source).map_err(Failure::file("cannot make", &source))?;
    let files = [
        (folder.join("Cargo.toml"), manifest.as_str()),
        (source.join("lib.rs"), LIBRARY),
        (source.join(format!("{}.rs", names.module)), method),
    ];
    for (file, template) in &files {
        fs::write(file, names.filled(template)).map_err(Failure::file("cannot write", file))?;
    }
    for (file, text) in &linked {
        fs::write(file, text).map_err(Failure::file("cannot write", file))?;
    }

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
