//! `isthmus completions` and `isthmus man`: what a shell and `man` know of the arguments.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::answer;
use crate::args::Arguments;
use crate::failure::Failure;

/// The name that the command is called by.
const NAME: &str = "isthmus";

/// Prints the script that completes arguments in a shell.
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    answer(&String::from_utf8_lossy(&script))
}

/// Writes one manual page a command into a folder.
pub fn manual(folder: &Path) -> Result<(), Failure> {
    let failed = |action: &'static str| {
        move |source| Failure::File { action, file: folder.to_owned(), source }
    };
    std::fs::create_dir_all(folder).map_err(failed("cannot create"))?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(failed("cannot write into"))
}
