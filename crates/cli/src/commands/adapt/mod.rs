//! `isthmus adapt`: from labelled and unlabelled data to an adapted model, in one command.
//!
//! [`pair`] looks at the data, [`portfolio`] says which experiment suits it, [`budget`] measures what
//! its methods cost and fits them to the time there is, [`choice`] chooses without target labels,
//! [`summary`] says what was done. The experiment is run as `isthmus run` does it.

mod budget;
mod choice;
mod pair;
mod portfolio;
mod summary;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use isthmus_results::Record;

use crate::args::{
    AdaptArguments, Arguments, Command, OutputArguments, PredictArguments, ReportArguments,
    RoundsArgument, RunArguments,
};
use crate::commands::{predict, report};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;
use budget::Budget;
use choice::{Choice, Look};
use pair::Pair;
use portfolio::Portfolio;

/// The name of the experiment, and of its folder of records.
const NAME: &str = "adapt";

/// Executes the command.
///
/// # Errors
/// If the data cannot be read or does not suit, the folder cannot be written, or the runs fail.
pub fn execute(arguments: &AdaptArguments, output: OutputArguments) -> Result<(), Failure> {
    let folder = &arguments.output;
    fs::create_dir_all(folder).map_err(Failure::file("cannot make the folder", folder))?;
    let say = |text: &str| {
        if !output.quiet {
            eprintln!("{text}");
        }
    };
    let pair = Pair::look(arguments, folder)?;
    say(&pair.told());
    let portfolio = Portfolio::of(&pair);
    say(&portfolio.told());

    let budget = Budget { folder, arguments, pair: &pair, portfolio: &portfolio };
    let plan = budget.plan(|text| run(text, &folder.join("probe"), "probe", arguments, output))?;
    say(&plan.told());
    let text = portfolio.experiment(NAME, &pair, arguments, &plan);
    let file = run(&text, folder, NAME, arguments, output)?;

    let results = folder.join("results");
    let records = records(&results.join(NAME))?;
    let choice = Choice::of(&records, &portfolio.validators)?;
    let look = if arguments.last_look { choice.look(&records, &pair)? } else { Look::NotAsked };
    let chosen = choice.record(&records);
    predict(&pair, chosen, folder, arguments)?;
    let model = folder.join("model");
    copy(&chosen.directory, &model)?;
    let page = folder.join("report.html");
    report::execute(
        &ReportArguments {
            paths: vec![results.join(NAME)],
            rounds: RoundsArgument::default(),
            output: page.display().to_string(),
            metric: None,
            embedding: isthmus_report::Embedding::default(),
        },
        OutputArguments { quiet: true, ..output },
    )?;
    let text = summary::text(&summary::Done {
        pair: &pair,
        portfolio: &portfolio,
        plan: &plan,
        choice: &choice,
        look: &look,
        file: &file,
        folder,
    });
    let path = folder.join("summary.md");
    fs::write(&path, &text).map_err(Failure::file("cannot write", &path))?;
    super::answer(&text)
}

/// Writes an experiment into a folder and runs it there, as `isthmus run` does.
fn run(
    text: &str,
    folder: &Path,
    name: &str,
    arguments: &AdaptArguments,
    output: OutputArguments,
) -> Result<PathBuf, Failure> {
    fs::create_dir_all(folder).map_err(Failure::file("cannot make the folder", folder))?;
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, text).map_err(Failure::file("cannot write", &path))?;
    let run = run_arguments(&path, &folder.join("results"), arguments);
    let file = ExperimentFile::load_to_run(&run)?;
    crate::run::run_quietly(&file, &run, output)?;
    Ok(path)
}

fn run_arguments(path: &Path, results: &Path, arguments: &AdaptArguments) -> RunArguments {
    let words = ["isthmus", "run", "--results"].map(OsStr::new);
    let mut words: Vec<OsString> = words.into_iter().map(OsStr::to_owned).collect();
    words.push(results.into());
    if let Some(jobs) = arguments.jobs {
        words.extend(["--jobs".into(), jobs.to_string().into()]);
    }
    words.extend(["--".into(), path.into()]);
    match Arguments::parse_from(words).command {
        Command::Run(run) => run,
        _ => unreachable!("the command is `run`"),
    }
}

fn records(folder: &Path) -> Result<Vec<Record>, Failure> {
    let found = isthmus_results::read_records(&[folder.to_owned()]);
    Ok(found.map_err(|error| Failure::Work(error.to_string()))?.records)
}

/// Writes what the chosen model says of every sample of the target.
fn predict(
    pair: &Pair,
    record: &Record,
    folder: &Path,
    arguments: &AdaptArguments,
) -> Result<(), Failure> {
    let path = folder.join("predictions.csv");
    let asked = PredictArguments {
        record: record.directory.clone(),
        data: pair.dataset.clone(),
        domain: Some(pair.target.clone()),
        array: None,
        lengths: "lengths".to_owned(),
        choice: None,
        device: Some(arguments.device.clone()),
        output: Some(path.display().to_string()),
    };
    predict::execute_above(&asked, &pair.roots, OutputArguments { quiet: true, verbose: 0 })
}

/// Copies the files of a record.
fn copy(record: &Path, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::file("cannot replace", folder))?;
    }
    fs::create_dir_all(folder).map_err(Failure::file("cannot make the folder", folder))?;
    let entries = fs::read_dir(record).map_err(Failure::file("cannot read", record))?;
    for entry in entries {
        let entry = entry.map_err(Failure::file("cannot read", record))?;
        let path = folder.join(entry.file_name());
        fs::copy(entry.path(), &path).map_err(Failure::file("cannot write", &path))?;
    }
    Ok(())
}
