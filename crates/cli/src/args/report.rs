//! What `isthmus report` and `isthmus plot` are called with.

use std::path::PathBuf;

use clap::Args;
use isthmus_report::{Embedding, FigureKind};

use super::tables::RoundsArgument;

/// What to report.
#[derive(Clone, Debug, Args)]
pub struct ReportArguments {
    /// Folders of results or of single runs
    #[arg(default_value = "results")]
    pub paths: Vec<PathBuf>,
    /// Which rounds take part.
    #[command(flatten)]
    pub rounds: RoundsArgument,
    /// The page; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub output: String,
    /// The metric of tables, curves and pairs of domains [default: the primary metric of the runs
    /// on the target: `target_accuracy` for classes]
    #[arg(long)]
    pub metric: Option<String>,
    /// How features are laid out: `tsne` or `pca`
    #[arg(long, default_value_t, value_parser = embedding)]
    pub embedding: Embedding,
}

/// What to draw.
#[derive(Clone, Debug, Args)]
pub struct PlotArguments {
    /// The figure: `curves`, `validators`, `matrix`, `confusion`, `features` or `setting`
    #[arg(value_parser = kind)]
    pub kind: FigureKind,
    /// Folders of results or of single runs
    #[arg(default_value = "results")]
    pub paths: Vec<PathBuf>,
    /// Which rounds take part.
    #[command(flatten)]
    pub rounds: RoundsArgument,
    /// The image; its ending says whether it is SVG or PNG
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The metric of curves, matrices and, against the scores, validators; `validator/NAME` draws
    /// that validator alone [default: the primary metric of the runs on the target:
    /// `target_accuracy` for classes]
    #[arg(long)]
    pub metric: Option<String>,
    /// Only this method; may be given several times
    #[arg(long = "method", value_name = "METHOD")]
    pub methods: Vec<String>,
    /// Only this task, as `"source -> target"`; may be given several times
    #[arg(long = "task", value_name = "TASK")]
    pub tasks: Vec<String>,
    /// The setting of a sweep that the figure `setting` is of: its key or the key's last part
    /// [default: the only one there is]
    #[arg(long, value_name = "KEY")]
    pub setting: Option<String>,
    /// How features are laid out: `tsne` or `pca`
    #[arg(long, default_value_t, value_parser = embedding)]
    pub embedding: Embedding,
    /// Pixels of a PNG image for each unit of the SVG image
    #[arg(long, default_value_t = 2.0)]
    pub scale: f32,
}

fn kind(text: &str) -> Result<FigureKind, String> {
    text.parse()
}

fn embedding(text: &str) -> Result<Embedding, String> {
    text.parse()
}
