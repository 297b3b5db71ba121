//! Log lines into the record of the job that wrote them.

use std::cell::RefCell;
use std::fmt::Write;

use isthmus_results::{Event, record::EventLog};
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

thread_local! {
    /// The record of the job that runs on this thread.
    static CURRENT: RefCell<Option<EventLog>> = const { RefCell::new(None) };
}

/// Writes log lines of level `INFO` and above into the record of the current job, whatever is
/// shown on standard error.
#[derive(Clone, Copy, Debug)]
pub struct RecordLog;

/// Log lines of this thread go into a record until this is dropped.
pub struct Guard(());

/// Sends log lines of this thread into `log`.
pub fn record_into(log: EventLog) -> Guard {
    CURRENT.with(|current| *current.borrow_mut() = Some(log));
    Guard(())
}

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.with(|current| *current.borrow_mut() = None);
    }
}

impl<S: Subscriber> Layer<S> for RecordLog {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || !metadata.target().starts_with("isthmus") {
            return;
        }
        CURRENT.with(|current| {
            let Some(log) = &*current.borrow() else { return };
            let mut text = Text::default();
            event.record(&mut text);
            let line = Event::Log {
                level: metadata.level().to_string(),
                target: metadata.target().to_owned(),
                message: text.0,
            };
            if let Err(error) = log.append(&line) {
                // Logging this through `tracing` would come back here.
                eprintln!("warning: a log line could not be recorded: {error}");
            }
        });
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let separator = if self.0.is_empty() { "" } else { " " };
        let written = match field.name() {
            "message" => write!(self.0, "{separator}{value:?}"),
            name => write!(self.0, "{separator}{name}={value:?}"),
        };
        written.expect("writing to a string succeeds");
    }
}
