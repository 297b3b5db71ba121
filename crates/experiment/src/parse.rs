//! An experiment file's text to a checked experiment.

use isthmus_core::spec::Experiment;

use crate::Diagnostics;
use crate::check::experiment;
use crate::datasets::Datasets;
use crate::document;
use crate::sweep::{self, Sweep};
use crate::tree::child;

/// A checked experiment, and what may not have been meant as it is written.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The experiment, without what its sweep sets.
    pub experiment: Experiment,
    /// The variants of it that a sweep asks for.
    pub sweep: Option<Sweep>,
    /// Warnings; there are no errors.
    pub warnings: Diagnostics,
}

/// Reads and checks an experiment file: names, types, ranges, and how the parts fit each other.
///
/// # Errors
/// All problems of the file, each with its place in `text`.
pub fn parse(text: &str, datasets: &Datasets) -> Result<Checked, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let Some(root) = document::tree(text, &mut diagnostics) else { return Err(diagnostics) };
    let experiment = experiment(&root, datasets, &mut diagnostics);
    let read = child(&root, "sweep").and_then(|node| sweep::read(node, &mut diagnostics));
    if let (Some(experiment), 0) = (experiment, diagnostics.errors()) {
        let sweep =
            read.and_then(|read| read.expand(text, &experiment, datasets, &mut diagnostics));
        if diagnostics.errors() == 0 {
            return Ok(Checked { experiment, sweep, warnings: diagnostics.sorted() });
        }
    }
    Err(diagnostics.sorted())
}
