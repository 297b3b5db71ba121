//! The `isthmus` command as a library.
//!
//! The binary calls [`main`] and nothing else. A program of one's own that links further plugins
//! and calls it too is the same command with those plugins: nothing needs to be forked.
//!
//! ```no_run
//! use my_private_method as _; // registers its plugins
//! # mod my_private_method {}
//!
//! fn main() -> std::process::ExitCode {
//!     isthmus::main()
//! }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod args;
mod commands;
mod datasets;
mod experiment_file;
mod failure;
mod launch;
mod logging;
mod page;
mod plugins;
mod report;
mod run;

use std::process::ExitCode;

use clap::Parser;

pub use experiment_file::ExperimentFile;
pub use failure::Failure;
pub use page::Page;

/// Runs the command that the program was called with.
///
/// The exit code is 0, 1 if a run failed, or 2 if the input was wrong.
pub fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    logging::start(arguments.output);
    let page = Page::of_errors();
    match commands::execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.shown(&page));
            failure.exit_code()
        }
    }
}
