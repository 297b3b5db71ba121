//! `isthmus data`.

mod init;
mod show;
mod table;

use crate::args::{DataCommand, OutputArguments};
use crate::failure::Failure;

/// Executes a command on data sets.
pub fn execute(command: &DataCommand, output: OutputArguments) -> Result<(), Failure> {
    match command {
        DataCommand::Init(arguments) => init::execute(arguments, output),
        DataCommand::Show(arguments) => show::execute(arguments, output),
    }
}
