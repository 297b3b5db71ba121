//! Logs on standard error, and in the record of each job.

use isthmus_runner::RecordLog;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::args::OutputArguments;
use crate::page::Page;

/// The variable that sets the filter in full, as `tracing` reads it.
const VARIABLE: &str = "ISTHMUS_LOG";

/// Starts logging: warnings, with `-v` what happens, with `-vv` in detail, with `--quiet` errors.
pub fn start(output: OutputArguments) {
    let level = match output {
        OutputArguments { quiet: true, .. } => "error",
        OutputArguments { verbose: 0, .. } => "warn",
        OutputArguments { verbose: 1, .. } => "info",
        OutputArguments { .. } => "debug",
    };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let shown = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(Page::of_errors().styled)
        .with_target(output.verbose > 1)
        .with_filter(filter);
    // What a record keeps does not depend on what is shown.
    let subscriber = tracing_subscriber::registry().with(shown).with(RecordLog);
    // A program that links isthmus may have its own subscriber; that one then stays.
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("another log subscriber is in place");
    }
}
