//! Processes that run jobs side by side. One that crashes takes its job with it and no other.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;
use crate::protocol::{Order, WorkerMessage};
use crate::single::Ending;
use crate::watch::Watch;

/// How often it is looked whether the run shall end.
const LOOK: Duration = Duration::from_millis(100);

/// How a job came out.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It ended.
    Ended(Ending),
    /// It failed; the record says so.
    Failed(String),
    /// Its process ended without a word: the record must be told.
    Crashed(String),
    /// It was not begun, since the run was to end.
    NotBegun,
}

/// Told what happens in the pool.
pub trait Listener {
    /// A job begins on one of the processes.
    fn began(&mut self, job: usize);
    /// Who is told how far a job is that began in this process.
    fn watch(&self, job: usize) -> &(dyn Watch + Sync);
    /// A running job says something.
    fn said(&mut self, job: usize, said: &WorkerMessage);
    /// A job came out.
    fn came_out(&mut self, job: usize, outcome: &Outcome);
    /// A process wrote a line on its standard error, where that is a pipe.
    fn wrote(&mut self, line: String) {
        drop(line);
    }
    /// Time passes.
    fn tick(&mut self) {}
}

struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    job: Option<usize>,
    ready: bool,
}

enum Event {
    Said(WorkerMessage),
    Wrote(String),
    Silent,
}

/// Runs the jobs `ids` on `workers` processes that `command` makes, and returns how each came out.
///
/// # Errors
/// If no process can be started.
pub fn run(
    ids: &[String],
    workers: usize,
    command: &dyn Fn() -> Command,
    interrupt: &Interrupt,
    listener: &mut dyn Listener,
) -> std::io::Result<Vec<Outcome>> {
    let mut pool = Pool {
        ids,
        waiting: (0..ids.len()).collect(),
        workers: Vec::new(),
        outcomes: vec![None; ids.len()],
        listener,
    };
    let (sender, receiver) = mpsc::channel();
    for _ in 0..workers.min(ids.len()) {
        pool.start(command, &sender)?;
    }
    pool.attend(command, &sender, &receiver, interrupt)?;
    Ok(pool.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::NotBegun)).collect())
}

struct Pool<'a> {
    ids: &'a [String],
    waiting: VecDeque<usize>,
    workers: Vec<Worker>,
    outcomes: Vec<Option<Outcome>>,
    listener: &'a mut dyn Listener,
}

impl Pool<'_> {
    fn start(
        &mut self,
        command: &dyn Fn() -> Command,
        sender: &Sender<(usize, Event)>,
    ) -> std::io::Result<()> {
        let mut child = command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let number = self.workers.len();
        let output = child.stdout.take().expect("the output is a pipe");
        if let Some(errors) = child.stderr.take() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if sender.send((number, Event::Wrote(line))).is_err() {
                        return;
                    }
                }
            });
        }
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(said) = serde_json::from_str(&line) else { continue };
                if sender.send((number, Event::Said(said))).is_err() {
                    return;
                }
            }
            drop(sender.send((number, Event::Silent)));
        });
        let input = child.stdin.take();
        self.workers.push(Worker { child, input, job: None, ready: false });
        Ok(())
    }

    fn attend(
        &mut self,
        command: &dyn Fn() -> Command,
        sender: &Sender<(usize, Event)>,
        receiver: &Receiver<(usize, Event)>,
        interrupt: &Interrupt,
    ) -> std::io::Result<()> {
        let mut told = false;
        let mut ticked = Instant::now();
        while self.workers.iter().any(|worker| worker.input.is_some() || worker.job.is_some()) {
            if interrupt.asked() && !told {
                told = true;
                self.waiting.clear();
                for number in 0..self.workers.len() {
                    self.order(number, &Order::Stop);
                    if self.workers[number].job.is_none() {
                        self.workers[number].input = None;
                    }
                }
            }
            let (number, event) = match receiver.recv_timeout(LOOK) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => {
                    self.listener.tick();
                    ticked = Instant::now();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if ticked.elapsed() >= LOOK {
                self.listener.tick();
                ticked = Instant::now();
            }
            match event {
                Event::Said(WorkerMessage::Ready) => {
                    self.workers[number].ready = true;
                    self.next(number);
                }
                Event::Said(WorkerMessage::Ended(ending)) => {
                    self.ended(number, Outcome::Ended(ending));
                    self.next(number);
                }
                Event::Said(WorkerMessage::Failed(cause)) => {
                    self.ended(number, Outcome::Failed(cause));
                    self.next(number);
                }
                Event::Said(said) => {
                    if let Some(job) = self.workers[number].job {
                        self.listener.said(job, &said);
                    }
                }
                Event::Wrote(line) => self.listener.wrote(line),
                Event::Silent => {
                    let worker = &mut self.workers[number];
                    worker.input = None;
                    let cause = cause_of(worker.child.wait()?);
                    let ready = worker.ready;
                    let busy = worker.job.is_some();
                    if busy {
                        self.ended(number, Outcome::Crashed(cause));
                    } else if !ready {
                        // It said on standard error why its data cannot be had, as it will again.
                        return Err(std::io::Error::other(format!(
                            "a process that was to run jobs did not come up: {cause}"
                        )));
                    }
                    if busy && !self.waiting.is_empty() {
                        self.start(command, sender)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives a worker its next job, or lets it go.
    fn next(&mut self, number: usize) {
        match self.waiting.pop_front() {
            None => self.workers[number].input = None,
            Some(job) => {
                self.workers[number].job = Some(job);
                self.listener.began(job);
                self.order(number, &Order::Run(self.ids[job].clone()));
            }
        }
    }

    /// A worker that does not take an order has crashed, which its output tells.
    fn order(&mut self, number: usize, order: &Order) {
        let mut line = serde_json::to_string(order).expect("an order is plain data");
        line.push('\n');
        if let Some(input) = &mut self.workers[number].input {
            drop(input.write_all(line.as_bytes()).and_then(|()| input.flush()));
        }
    }

    fn ended(&mut self, number: usize, outcome: Outcome) {
        if let Some(job) = self.workers[number].job.take() {
            self.listener.came_out(job, &outcome);
            self.outcomes[job] = Some(outcome);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.input = None;
        // Without orders it ends; a run that goes on in it ends with a checkpoint.
        drop(self.child.wait());
    }
}

/// What the end of a process tells.
fn cause_of(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return match signal {
                9 => "its process was killed (signal 9): the system may have run out of memory"
                    .to_owned(),
                _ => format!("its process was ended by signal {signal}"),
            };
        }
    }
    format!("its process ended with {status}")
}
