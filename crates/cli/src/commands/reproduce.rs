//! `isthmus reproduce`: runs a recorded job again from its record alone.

use std::path::Path;

use isthmus_core::spec::Experiment;
use isthmus_data::Roots;
use isthmus_results::Record;
use isthmus_results::record::{Difference, first_difference};
use isthmus_runner::{again, find_again};

use super::answer;
use crate::args::{OutputArguments, ReproduceArguments};
use crate::failure::Failure;
use crate::run::Progress;

/// Runs the job of a record again, in a folder of its own, and says whether it came out equal.
///
/// # Errors
/// If the record cannot be used, its data is not available, the run fails, or it differs.
pub fn execute(arguments: &ReproduceArguments, output: OutputArguments) -> Result<(), Failure> {
    let input = |error: isthmus_results::RecordError| Failure::input(error.to_string());
    let record = Record::open(&arguments.record).map_err(input)?;
    record.verify().map_err(input)?;
    let mut job = record.job().map_err(input)?;
    let task = record.task_info().map_err(input)?;
    if let Some(from) = task.and_then(|task| task.weights_from) {
        let taken = find_again(&job.extractor, &from, &record.directory)?;
        if let Some(stated) = &mut job.extractor.weights_from {
            stated.found_at = Some(taken.folder);
        }
    }
    let environment = record.environment().map_err(input)?.environment;
    let experiment = Experiment {
        name: record.run.experiment.clone(),
        description: String::new(),
        data: job.data.clone(),
        extractor: job.extractor.clone(),
        bottleneck: job.bottleneck.clone(),
        classifier: job.classifier.clone(),
        objective: job.objective.clone(),
        selection: job.selection.clone(),
        methods: vec![job.method.clone()],
        record: job.record.clone(),
        seeds: vec![job.seed],
        device: job.device.clone(),
        launcher: None,
        trackers: Vec::new(),
    };
    let folder = tempfile::tempdir()
        .map_err(Failure::file("cannot make a folder in", &std::env::temp_dir()))?;
    // Where the run found it, and around the record, which may have been moved with the data.
    let recorded = environment.experiment_file.as_deref();
    let roots = Roots::discover_above(recorded.into_iter().chain([arguments.record.as_path()]));
    let threads = environment.threads;
    let progress = Progress::new(output.quiet);
    let again = again(experiment, &record.run, threads, &roots, folder.path(), &progress)?;
    let repeated = Record::open(&again).map_err(|error| Failure::Work(error.to_string()))?;
    let difference =
        first_difference(&record, &repeated).map_err(|error| Failure::Work(error.to_string()))?;
    let name = arguments.record.display();
    match difference {
        None => answer(&format!(
            "{name} is reproduced: {} files are equal, byte for byte\n",
            record.digests().len()
        )),
        Some(Difference { file, place }) => Err(Failure::Work(format!(
            "{name} is not reproduced: {file} differs first at {place}\n{}",
            reasons(&record, Path::new(&again))?
        ))),
    }
}

/// What the two runs did not have in common.
fn reasons(record: &Record, again: &Path) -> Result<String, Failure> {
    let work = |error: isthmus_results::RecordError| Failure::Work(error.to_string());
    let then = record.environment().map_err(work)?.environment;
    let now = Record::open(again).map_err(work)?.environment().map_err(work)?.environment;
    let version = env!("CARGO_PKG_VERSION");
    let pairs = [
        ("isthmus", record.run.isthmus_version.as_str(), version),
        ("burn", &then.burn, &now.burn),
        ("rustc", &then.rustc, &now.rustc),
        ("processor", &then.processor, &now.processor),
        ("device", &then.device, &now.device),
    ];
    let lines: Vec<String> = pairs
        .iter()
        .filter(|(_, then, now)| then != now)
        .map(|(what, then, now)| format!("  {what}: {then} then, {now} now"))
        .collect();
    Ok(if lines.is_empty() {
        "program, processor and device are the same, so the runs should be equal: this is a fault of \
         isthmus".to_owned()
    } else {
        format!("what has changed since:\n{}", lines.join("\n"))
    })
}
