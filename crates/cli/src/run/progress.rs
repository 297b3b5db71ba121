//! Progress: bars on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Shares of a long piece of work after which a plain line is written.
const LINES: u64 = 4;

/// Where progress is shown.
#[derive(Clone)]
pub struct Progress {
    /// Present on a terminal.
    bars: Option<MultiProgress>,
    quiet: bool,
}

impl Progress {
    /// Bars if standard error is a terminal, else lines; nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        let bars = (!quiet && std::io::stderr().is_terminal()).then(MultiProgress::new);
        Self { bars, quiet }
    }

    /// Writes a line above the bars.
    pub fn line(&self, text: &str) {
        match &self.bars {
            _ if self.quiet => {}
            // A line that cannot be shown on a terminal that went away is no reason to stop.
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }

    /// A bar for the steps of one of several runs; nothing without a terminal, where the line at
    /// the end of each run is enough.
    pub fn steps(&self, label: &str, total: usize) -> Bar {
        match self.bars {
            Some(_) => self.bar(label, "steps", total),
            None => Bar::hidden(label, total),
        }
    }

    /// A bar with rate and time left for `total` units of work.
    pub fn bar(&self, label: &str, unit: &str, total: usize) -> Bar {
        let total = total as u64;
        let shown = match &self.bars {
            Some(bars) => {
                let template = format!(
                    "{{prefix:32!}} {{bar:28}} {{pos}}/{{len}} {unit} {{per_sec:>12}} {{eta:>4}} \
                     left {{msg}}"
                );
                let style = ProgressStyle::with_template(&template)
                    .expect("the template is well formed")
                    .progress_chars("━╸─");
                let bar = bars.add(ProgressBar::new(total).with_style(style));
                bar.set_prefix(label.to_owned());
                Shown::Bar(bar)
            }
            None if self.quiet => Shown::Nothing,
            None => Shown::Lines { started: Instant::now(), written: AtomicU64::new(0) },
        };
        Bar { label: label.to_owned(), unit: unit.to_owned(), total, shown }
    }
}

/// One piece of work.
pub struct Bar {
    label: String,
    unit: String,
    total: u64,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { started: Instant, written: AtomicU64 },
    Nothing,
}

impl Bar {
    fn hidden(label: &str, total: usize) -> Self {
        let total = total as u64;
        Self { label: label.to_owned(), unit: String::new(), total, shown: Shown::Nothing }
    }

    /// `done` units are done.
    pub fn at(&self, done: usize) {
        let done = done as u64;
        match &self.shown {
            Shown::Bar(bar) => bar.set_position(done),
            Shown::Lines { started, written } => {
                let share = done * LINES / self.total.max(1);
                if share > written.fetch_max(share, Ordering::Relaxed) {
                    let seconds = started.elapsed().as_secs_f64().max(1e-9);
                    let rate = done as f64 / seconds;
                    let left = (self.total - done.min(self.total)) as f64 / rate.max(1e-9);
                    eprintln!(
                        "{}: {done}/{} {} ({rate:.1}/s, {left:.0} s left)",
                        self.label, self.total, self.unit
                    );
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Shows a short text beside the bar; plain lines leave it out.
    pub fn message(&self, text: String) {
        if let Shown::Bar(bar) = &self.shown {
            bar.set_message(text);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
