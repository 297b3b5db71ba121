//! `isthmus weights`.

use isthmus_nn::weights::{KNOWN, fetch, folders};

use super::answer;
use crate::args::OutputArguments;
use crate::failure::Failure;

/// Fetches the weights of an extractor into the first folder that is searched for them, or lists
/// what there is.
pub fn execute(name: Option<&str>, output: OutputArguments) -> Result<(), Failure> {
    let Some(name) = name else {
        let lines: Vec<String> = KNOWN
            .iter()
            .map(|one| format!("{:18}  {} ({})\n", one.name, one.file, one.licence))
            .collect();
        return answer(&lines.concat());
    };
    if !KNOWN.iter().any(|one| one.name == name) {
        let names: Vec<String> = KNOWN.iter().map(|one| format!("`{}`", one.name)).collect();
        return Err(Failure::input_with(
            format!("there are no published weights of `{name}`"),
            format!("there are those of {}", names.join(", ")),
        ));
    }
    let folders = folders();
    let folder = folders
        .first()
        .ok_or_else(|| Failure::Work("no folder is searched for weights".to_owned()))?;
    let path = fetch(name, folder).map_err(|error| Failure::Work(error.to_string()))?;
    if output.quiet { Ok(()) } else { answer(&format!("{}\n", path.display())) }
}
