//! What `isthmus data` is called with.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with data sets.
#[derive(Clone, Debug, Subcommand)]
pub enum DataCommand {
    /// Look at a folder or files and write the descriptor of a data set, with what was taken for
    /// domains and classes
    Init(InitArguments),
    /// Show what a data set holds: domains, classes, counts, shapes
    Show(ShowArguments),
}

/// What to look at.
#[derive(Clone, Debug, Args)]
pub struct InitArguments {
    /// The folder that holds the data, or the folders or files of the domains: image trees, archives,
    /// lists of images, arrays, tables, SVMlight, IDX
    #[arg(required = true, value_name = "FOLDER|FILE")]
    pub paths: Vec<PathBuf>,
    /// Name of the data set [default: that of the folder]
    #[arg(long)]
    pub name: Option<String>,
    /// The descriptor to write [default: datasets/NAME.toml]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace a descriptor that is there
    #[arg(long)]
    pub force: bool,
}

/// What to show.
#[derive(Clone, Debug, Args)]
pub struct ShowArguments {
    /// Name of the data set, or the file of a descriptor
    pub name: String,
    /// Draw a sheet of samples into this PNG file, by class and domain
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Samples of each class and domain on the sheet
    #[arg(long, default_value_t = 3, value_parser = super::at_least_one)]
    pub samples: usize,
}
