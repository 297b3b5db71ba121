//! Progress: bars on a terminal, plain lines otherwise.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use isthmus_runner::Watch;
use terminal_size::terminal_size_of;

/// Shares of a long piece of work after which a plain line is written.
const LINES: u64 = 4;
/// Time between two plain lines on the steps of a run: short runs have the line at their end only.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Columns that a bar, its numbers and its times take.
const BESIDE_LABEL: usize = 52;
/// Columns of a label that always stay.
const FEWEST: usize = 24;
/// Characters at the end of a label that are kept where it is shortened: the seed is there.
const KEPT_END: usize = 10;

/// The label, shortened in its midst where it is longer.
fn fitted(label: &str, characters: usize) -> String {
    let all = label.chars().count();
    if all <= characters {
        return label.to_owned();
    }
    let start: String = label.chars().take(characters.saturating_sub(KEPT_END + 1)).collect();
    let end: String = label.chars().skip(all - KEPT_END).collect();
    format!("{start}…{end}")
}

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

    /// A bar for the steps of a run, with what was measured last below it; without a terminal, a
    /// line now and then.
    pub fn steps(&self, label: &str, total: usize) -> Bar {
        match &self.bars {
            Some(_) => self.shown(label, "steps", total, true),
            None if self.quiet => self.shown(label, "steps", total, false),
            None => Bar {
                label: label.to_owned(),
                unit: "steps".to_owned(),
                total: total as u64,
                shown: Shown::Timed(Mutex::new(Timed::new(Instant::now()))),
            },
        }
    }

    /// A bar with rate and time left for `total` units of work.
    pub fn bar(&self, label: &str, unit: &str, total: usize) -> Bar {
        self.shown(label, unit, total, false)
    }

    fn shown(&self, label: &str, unit: &str, total: usize, measured: bool) -> Bar {
        let total = total as u64;
        let shown = match &self.bars {
            Some(bars) => {
                let below = if measured { "\n  {wide_msg}" } else { "" };
                let template = format!(
                    "{{prefix}} {{wide_bar}} {{pos}}/{{len}} {unit} {{rate:>9}} {{eta:>4}} \
                     left{below}"
                );
                let style = ProgressStyle::with_template(&template)
                    .expect("the template is well formed")
                    .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                        write!(text, "{:.1}/s", state.per_sec())
                            .expect("writing to a string succeeds");
                    })
                    .progress_chars("━╸─");
                let bar = bars.add(ProgressBar::new(total).with_style(style));
                let columns = terminal_size_of(std::io::stderr()).map_or(80, |(it, _)| it.0);
                let room = usize::from(columns).saturating_sub(BESIDE_LABEL);
                bar.set_prefix(fitted(label, room.max(FEWEST)));
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
    Timed(Mutex<Timed>),
    Nothing,
}

/// When plain lines on a run's steps are due.
#[derive(Debug)]
struct Timed {
    /// When the first step was told, and its number: a run that is resumed does not begin at 0.
    first: Option<(Instant, u64)>,
    written: Instant,
    text: String,
}

impl Timed {
    fn new(now: Instant) -> Self {
        Self { first: None, written: now, text: String::new() }
    }

    /// What is to be written after `done` of `total` steps, if it is time.
    fn due(&mut self, done: u64, total: u64, now: Instant) -> Option<String> {
        let (began, first) = *self.first.get_or_insert((now, done));
        if now.duration_since(self.written) < BETWEEN_LINES {
            return None;
        }
        self.written = now;
        let seconds = now.duration_since(began).as_secs_f64().max(1e-9);
        let rate = done.saturating_sub(first) as f64 / seconds;
        let left = total.saturating_sub(done) as f64 / rate.max(1e-9);
        let measured =
            if self.text.is_empty() { String::new() } else { format!(": {}", self.text) };
        Some(format!("{done}/{total} steps ({rate:.1}/s, {left:.0} s left){measured}"))
    }
}

impl Bar {
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
            Shown::Timed(timed) => {
                let mut timed = timed.lock().expect("nothing panics while it is held");
                if let Some(line) = timed.due(done, self.total, Instant::now()) {
                    eprintln!("{}: {line}", self.label);
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Shows what was measured last: below a bar of steps, in plain lines on steps.
    pub fn message(&self, text: String) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_message(text),
            Shown::Timed(timed) => {
                timed.lock().expect("nothing panics while it is held").text = text;
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

impl isthmus_runner::Progress for Progress {
    fn line(&self, text: &str) {
        Self::line(self, text);
    }

    fn bar(&self, label: &str, unit: &str, total: usize) -> Box<dyn isthmus_runner::Bar> {
        Box::new(Self::bar(self, label, unit, total))
    }
}

impl Watch for Bar {
    fn at(&self, step: usize) {
        Self::at(self, step);
    }

    fn message(&self, text: String) {
        Self::message(self, text);
    }
}

impl isthmus_runner::Bar for Bar {
    fn finish(&self) {
        Self::finish(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_now_and_then_with_what_was_measured() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut timed = Timed::new(start);
        // Taken up after 100 steps: they do not count for the rate.
        assert_eq!(timed.due(100, 1000, after(0)), None);
        assert_eq!(timed.due(400, 1000, after(9)), None);
        timed.text = "class_loss 0.500; validators: snd 1.200".to_owned();
        assert_eq!(
            timed.due(600, 1000, after(10)).unwrap(),
            "600/1000 steps (50.0/s, 8 s left): class_loss 0.500; validators: snd 1.200"
        );
        assert_eq!(timed.due(900, 1000, after(19)), None);
        assert!(timed.due(950, 1000, after(20)).is_some());
    }

    #[test]
    fn long_labels_keep_their_ends() {
        assert_eq!(fitted("dann, a -> b, seed 1", 24), "dann, a -> b, seed 1");
        let long = "dann + mcc, amazon -> webcam, seed 12";
        assert_eq!(fitted(long, 24), "dann + mcc, a…m, seed 12");
    }
}
