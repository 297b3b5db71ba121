//! Arguments of the commands that show tables.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use isthmus_results::{Dimension, Filter, PairedTest, Rounds, Selections, Spread};

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct CompareArguments {
    /// Folders of results or of single runs
    #[arg(default_value = "results")]
    pub paths: Vec<PathBuf>,
    /// The metric [default: the primary metric of the runs on the target: `target_accuracy` for
    /// classes]
    #[arg(long)]
    pub metric: Option<String>,
    /// What the rows are: method, task, source, target, experiment, dataset, shift or severity of a
    /// stream, seed, selection, or a setting of a sweep, such as `lr`
    #[arg(long, default_value = "method", value_parser = parsed::<Dimension>)]
    pub rows: Dimension,
    /// What the columns are: as for `--rows`
    #[arg(long, default_value = "task", value_parser = parsed::<Dimension>)]
    pub columns: Dimension,
    /// How the checkpoint of a run, or of a sweep's runs, is chosen: `last`, `oracle` (by target
    /// labels), the name of a validator, or `all`, a table each [default: last, and where there
    /// are validators' scores a second table of all choices]
    #[arg(long, value_name = "CHOICE")]
    pub selection: Option<String>,
    /// Only runs with this method, task, source, target, experiment, dataset, seed, or setting of
    /// a sweep, or only these shifts and severities of their streams: `method=dann`, `task=amazon -> webcam`, `lr=0.01`; may be repeated: any of one key,
    /// all of different keys
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = parsed::<Filter>)]
    pub filters: Vec<Filter>,
    /// Which rounds take part.
    #[command(flatten)]
    pub rounds: RoundsArgument,
    /// What stands behind the means
    #[arg(long, value_enum, default_value_t)]
    pub spread: SpreadArgument,
    /// Show each method's difference to this one over pairs of task and seed, with its p-value,
    /// corrected after Holm
    #[arg(long, value_name = "METHOD")]
    pub baseline: Option<String>,
    /// The test of differences: `wilcoxon` (signed ranks) or `t`
    #[arg(
        long,
        default_value = "wilcoxon",
        requires = "baseline",
        value_parser = parsed::<PairedTest>
    )]
    pub test: PairedTest,
    /// Write comma-separated values, one line a cell, with every digit; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub csv: Option<String>,
    /// Write comma-separated values, one line a run: its settings, and every metric at its last
    /// evaluation; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub runs_csv: Option<String>,
    /// Write a Parquet file with the rows of the CSV form
    #[arg(long, value_name = "FILE")]
    pub parquet: Option<PathBuf>,
    /// Write a Markdown table; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<String>,
    /// Write a LaTeX table; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub latex: Option<String>,
}

impl CompareArguments {
    /// How checkpoints are chosen.
    pub fn selections(&self) -> Selections {
        self.selection.as_deref().map(Selections::from).unwrap_or_default()
    }
}

/// Which validators to judge.
#[derive(Clone, Debug, Args)]
pub struct ValidatorsArguments {
    /// Folders of results or of single runs
    #[arg(default_value = "results")]
    pub paths: Vec<PathBuf>,
    /// The metric that scores should go with [default: the primary metric of the runs on the
    /// target: `target_accuracy` for classes]
    #[arg(long)]
    pub metric: Option<String>,
    /// Only runs with this method, task, source, target, experiment, dataset, seed, or setting of
    /// a sweep, as for `compare`
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = parsed::<Filter>)]
    pub filters: Vec<Filter>,
    /// Which rounds take part.
    #[command(flatten)]
    pub rounds: RoundsArgument,
    /// Write comma-separated values, with every digit; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub csv: Option<String>,
    /// Write Markdown tables; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<String>,
    /// Write LaTeX tables; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub latex: Option<String>,
}

/// Which page to write.
#[derive(Clone, Debug, Args)]
pub struct ResultsArguments {
    /// The file that names the page's tables, in TOML
    pub file: PathBuf,
    /// Where the page is written, in Markdown; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: String,
}

/// Which rounds of successive halving take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct RoundsArgument {
    /// Include runs of earlier rounds of successive halving, which stopped before their end
    #[arg(long)]
    pub rounds: bool,
}

impl From<RoundsArgument> for Rounds {
    fn from(argument: RoundsArgument) -> Self {
        if argument.rounds { Self::All } else { Self::Last }
    }
}

/// What stands behind the means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SpreadArgument {
    /// The sample standard deviation over seeds
    #[default]
    Std,
    /// Half the 95 % interval of the mean, by Student's t
    Ci95,
}

impl From<SpreadArgument> for Spread {
    fn from(argument: SpreadArgument) -> Self {
        match argument {
            SpreadArgument::Std => Self::StandardDeviation,
            SpreadArgument::Ci95 => Self::Interval95,
        }
    }
}

fn parsed<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.parse()
}
