//! A process that runs jobs for another one.

use std::io::{BufRead, Write, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use isthmus_core::metric::Measurement;

use crate::error::RunError;
use crate::prepared::Prepared;
use crate::protocol::{Order, WorkerMessage};
use crate::watch::Watch;

/// Time between two words on how far a job is.
const BETWEEN_STEPS: Duration = Duration::from_millis(100);

/// Runs the jobs that are ordered on standard input until it ends.
///
/// # Errors
/// If the data is not to be had, or nobody reads what is said.
pub fn work(prepared: &Prepared) -> Result<(), RunError> {
    let interrupt = prepared.setting.interrupt.clone();
    let (orders, ordered) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines() {
            match line.ok().and_then(|line| serde_json::from_str(&line).ok()) {
                Some(Order::Run(id)) => {
                    if orders.send(id).is_err() {
                        return;
                    }
                }
                Some(Order::Stop) => interrupt.ask(),
                None => break,
            }
        }
        // Whoever gave the orders has gone: what runs now ends with a checkpoint.
        interrupt.ask();
    });
    say(&WorkerMessage::Ready)?;
    for id in ordered {
        let said = match prepared.jobs.iter().find(|(_, header)| header.run.id == id) {
            None => WorkerMessage::Failed(format!("there is no run {id} in this experiment")),
            Some((job, header)) => {
                let telling = Telling { said: Mutex::new(None) };
                let run = || prepared.run(job, header, &telling);
                match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(Ok(ending)) => WorkerMessage::Ended(ending),
                    Ok(Err(error)) => WorkerMessage::Failed(error.to_string()),
                    Err(panic) => WorkerMessage::Failed(
                        crate::workers::WorkerPanic::from_payload(&*panic).to_string(),
                    ),
                }
            }
        };
        say(&said)?;
    }
    Ok(())
}

fn say(said: &WorkerMessage) -> Result<(), RunError> {
    let mut line = serde_json::to_string(said).expect("what is said is plain data");
    line.push('\n');
    let mut output = stdout().lock();
    output
        .write_all(line.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|source| RunError::Processes { action: "nobody listens to this process", source })
}

/// Tells how far the job is, now and then.
struct Telling {
    /// When something was said last, and the step it was said of.
    said: Mutex<Option<(Instant, usize)>>,
}

impl Watch for Telling {
    fn at(&self, step: usize) {
        let mut said = self.said.lock().expect("nothing panics while it is held");
        match &mut *said {
            Some((when, latest)) if when.elapsed() < BETWEEN_STEPS => *latest = step,
            _ => {
                *said = Some((Instant::now(), step));
                // A listener that has gone shows at the end of the job.
                drop(say(&WorkerMessage::Step { step, text: String::new() }));
            }
        }
    }

    fn message(&self, text: String) {
        let said = *self.said.lock().expect("nothing panics while it is held");
        let step = said.map_or(0, |(_, step)| step);
        drop(say(&WorkerMessage::Step { step, text }));
    }

    fn evaluated(&self, step: usize, metrics: &[Measurement]) {
        // JSON has no numbers for what is not finite; such scores are not drawn either.
        let metrics = metrics.iter().filter(|(_, value)| value.is_finite()).cloned().collect();
        drop(say(&WorkerMessage::Evaluated { step, metrics }));
    }
}
