//! The command line.

mod adapt;
mod data;
mod launcher;
mod report;
mod tables;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use isthmus_core::registry::Kind;
use isthmus_runner::Part;

pub use adapt::AdaptArguments;
pub use data::{DataCommand, InitArguments, ShowArguments};
pub use launcher::LauncherArguments;
pub use report::{PlotArguments, ReportArguments};
pub use tables::{
    CompareArguments, ResultsArguments, RoundsArgument, SpreadArgument, ValidatorsArguments,
};

/// Seconds between checkpoints where nothing is said.
const CHECKPOINT_EVERY: f64 = 60.0;

/// The version, the commit it was built from where that is known, and what it was built with.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("ISTHMUS_BUILD"), ")");

/// Compares domain-adaptation methods: one file names the parts of an experiment, one command
/// runs it, one table shows the results.
#[derive(Debug, Parser)]
#[command(name = "isthmus", version = VERSION, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What is said beside the answer.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// What is said beside the answer.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputArguments {
    /// Log what happens to standard error; twice: in detail
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Say nothing but answers and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment and show its table
    Run(RunArguments),
    /// Adapt a model to a target in one command: look at the data, choose network and methods, run
    /// them within a budget of time, choose without target labels
    Adapt(AdaptArguments),
    /// Run jobs that another process orders on standard input
    #[command(hide = true)]
    Work(RunArguments),
    /// Check an experiment file without running it
    Check(CheckArguments),
    /// Show how far the runs of an experiment are: finished, running, interrupted (and where),
    /// failed, pending
    Status(RunsArguments),
    /// Cancel the runs of an experiment that were handed to a cluster
    Cancel(RunsArguments),
    /// Write the descriptor of a data set, or show what one holds
    #[command(subcommand)]
    Data(DataCommand),
    /// List plugins and data sets
    List {
        /// Only this kind
        #[arg(value_parser = list_kind())]
        kind: Option<ListKind>,
    },
    /// Explain a plugin: its fields, their defaults, its paper, an example to paste
    Explain(ExplainArguments),
    /// Print the JSON schema of experiment files, for editors
    Schema {
        /// Write to this file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Compare finished runs in a table: mean and spread over seeds
    Compare(CompareArguments),
    /// Run a recorded run again from its record alone, and say whether it comes out equal
    Reproduce(ReproduceArguments),
    /// Predict samples with the model of a finished run: classes and their probabilities
    Predict(PredictArguments),
    /// Write the weights of a finished run for PyTorch, with a model card
    Export(ExportArguments),
    /// Write one HTML page with the tables and charts of finished runs
    Report(ReportArguments),
    /// Draw one figure of finished runs, as SVG or PNG
    Plot(PlotArguments),
    /// Judge validators: how their scores go with the accuracy on the target, and what their
    /// choices cost
    Validators(ValidatorsArguments),
    /// Write a page of results from records, by a file that names tables and says what the numbers
    /// do not: one row a method with its last checkpoint, the best validator's choice, the oracle's,
    /// and what a step costs
    Results(ResultsArguments),
    /// Fetch the pretrained weights of an extractor
    Weights {
        /// Name of the extractor; without it, list those with weights to fetch
        name: Option<String>,
    },
    /// Write a crate for a new method, with a test, and link it
    NewMethod(NewMethodArguments),
    /// Print a script that completes the arguments in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write manual pages, one a command
    Man {
        /// The folder, such as one of `manpath` ending in `man1`
        folder: PathBuf,
    },
}

/// An experiment file and changes to it.
#[derive(Clone, Debug, Args)]
pub struct FileArguments {
    /// The experiment file
    pub file: PathBuf,
    /// Change a value of the file: `training.iterations=50`, `data.tasks.0="amazon -> dslr"`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Leave out the labels of the target, as if there were none: what needs them is absent from
    /// records and tables. As `--set data.target_labels=false`
    #[arg(long)]
    pub without_target_labels: bool,
}

impl FileArguments {
    /// All changes to the file, as `--set` states them.
    pub fn settings(&self) -> Vec<String> {
        let blind = self.without_target_labels.then(|| "data.target_labels=false".to_owned());
        self.set.iter().cloned().chain(blind).collect()
    }
}

/// What to check.
#[derive(Clone, Debug, Args)]
pub struct CheckArguments {
    /// The experiment.
    #[command(flatten)]
    pub experiment: FileArguments,
    /// Read every sample of its data once, and say all that is wrong, or how many samples each
    /// class has
    #[arg(long)]
    pub data: bool,
}

/// How to run an experiment.
#[derive(Clone, Debug, Args)]
pub struct RunArguments {
    /// The experiment.
    #[command(flatten)]
    pub experiment: FileArguments,
    /// Where to compute, instead of where the file says: `cpu`, `gpu` or `gpu:N`
    #[arg(long)]
    pub device: Option<String>,
    /// Number of runs side by side [default: as many as processors serve well]
    #[arg(short, long, value_parser = at_least_one)]
    pub jobs: Option<usize>,
    /// Threads inside each run [default: one for small networks, else the processors divided
    /// between the runs side by side]
    #[arg(long, value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// Run again what is finished already
    #[arg(long)]
    pub force: bool,
    /// Show live curves of losses, metrics and validators on the whole terminal
    #[arg(long, conflicts_with = "quiet")]
    pub tui: bool,
    /// Write a line of JSON to standard output whenever a run begins, is measured or ends, in the
    /// table's place
    #[arg(long)]
    pub events: bool,
    /// Seconds between the checkpoints from which an interrupted run goes on
    #[arg(long, value_name = "SECONDS", default_value_t = CHECKPOINT_EVERY, value_parser = seconds)]
    pub checkpoint_every: f64,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Run these runs only, by their records' ids
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Run these methods only, by their labels, with commas between them; may be repeated
    #[arg(long, value_name = "LABELS")]
    pub methods: Vec<String>,
    /// Run one part of the runs only: `2/5` is the second of five, for five machines
    #[arg(long, value_name = "K/N", conflicts_with = "only")]
    pub part: Option<Part>,
    /// Run one round of successive halving only, counted from 1; the rounds before it must be
    /// finished
    #[arg(long, value_name = "NUMBER", value_parser = at_least_one)]
    pub round: Option<usize>,
    /// Who starts the runs.
    #[command(flatten)]
    pub launcher: LauncherArguments,
}

/// The runs of an experiment.
#[derive(Clone, Debug, Args)]
pub struct RunsArguments {
    /// The experiment.
    #[command(flatten)]
    pub experiment: FileArguments,
    /// Where it was computed, if not where the file says: `cpu`, `gpu` or `gpu:N`
    #[arg(long)]
    pub device: Option<String>,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
}

/// What to explain.
#[derive(Clone, Debug, Args)]
pub struct ExplainArguments {
    /// Name of the plugin
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub name: Option<String>,
    /// Only the plugin of this kind, where several have the name
    #[arg(long, value_parser = list_kind())]
    pub kind: Option<ListKind>,
    /// Explain every plugin
    #[arg(long)]
    pub all: bool,
    /// Write Markdown: with `--all`, the reference page
    #[arg(long)]
    pub markdown: bool,
}

/// What to reproduce.
#[derive(Clone, Debug, Args)]
pub struct ReproduceArguments {
    /// Folder of the record: `results/<experiment>/<run>`
    pub record: PathBuf,
}

/// What to predict, with what.
#[derive(Clone, Debug, Args)]
pub struct PredictArguments {
    /// Folder of the record: `results/<experiment>/<run>`
    pub record: PathBuf,
    /// A folder of images or texts, an image, a zip or tar archive, a `.npz`, `.npy`, HDF5 or `.mat`
    /// file, a file of texts (`.txt`, `.jsonl`, `.csv`, ...), or the name of a data set
    pub data: String,
    /// The domain of the data set [default: the run's target]
    #[arg(long)]
    pub domain: Option<String>,
    /// Name of the array in a file of arrays [default: `x` for features and series, `images` for
    /// images], or of the field, column or tag of texts [default: `text`]
    #[arg(long)]
    pub array: Option<String>,
    /// Name of the array of lengths, where the model takes series of different lengths
    #[arg(long, default_value = "lengths")]
    pub lengths: String,
    /// Which of the run's models: `last`, or the one that this validator chose
    #[arg(long, value_name = "VALIDATOR")]
    pub choice: Option<String>,
    /// Where to compute, instead of where the run was: `cpu`, `gpu` or `gpu:N`
    #[arg(long)]
    pub device: Option<String>,
    /// The file to write, by its ending CSV, Parquet (`.parquet`) or JSON lines (`.jsonl`)
    /// [default: CSV to standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
}

/// What to export.
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// Folder of the record: `results/<experiment>/<run>`
    pub record: PathBuf,
    /// Which of the run's models: `last`, or the one that this validator chose
    #[arg(long, value_name = "VALIDATOR")]
    pub choice: Option<String>,
    /// The folder to write: weights (`model.safetensors`), what is needed to build the network
    /// (`model.json`), model card (`README.md`)
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
}

/// The method to write.
#[derive(Clone, Debug, Args)]
pub struct NewMethodArguments {
    /// Name of the method, in kebab case: `mean-difference`
    pub name: String,
    /// Whether it only adds a loss term, or drives its own updates
    #[arg(long, value_enum, default_value_t)]
    pub kind: MethodKind,
    /// Write a crate of its own into this folder, outside the source tree: the method with the
    /// command that has it, built from what is built already
    #[arg(long, value_name = "FOLDER")]
    pub outside: Option<PathBuf>,
}

/// The kinds of method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MethodKind {
    /// Adds a term to the source loss; most methods do
    #[default]
    Term,
    /// Drives its own updates: several phases a step, inner steps, rounds
    Driver,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Plugins of a kind.
    Plugins(Kind),
    /// Data sets, which are files.
    Datasets,
}

/// Reads a kind by its name, in the singular or the plural.
fn list_kind() -> impl TypedValueParser<Value = ListKind> {
    const DATASET: (&str, &str) = ("dataset", "datasets");
    let names = Kind::ALL.iter().map(|kind| (kind.name(), kind.plural())).chain([DATASET]);
    let values = names.map(|(name, plural)| PossibleValue::new(name).alias(plural));
    PossibleValuesParser::new(values).map(|text: String| {
        let kind = Kind::ALL.iter().find(|kind| [kind.name(), kind.plural()].contains(&&*text));
        kind.map_or(ListKind::Datasets, |&kind| ListKind::Plugins(kind))
    })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it must be a whole number of at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=1e9).contains(&number) => Ok(number),
        _ => Err("it must be a number of seconds of at least 0".to_owned()),
    }
}
