//! Live curves on the whole terminal.

use std::io::{self, IsTerminal, Stdout, stdin, stdout};

use ratatui::Terminal;
use ratatui::backend::TermionBackend;

use super::keys::{self, Command, Presses};
use super::live::Live;
use super::screen::{self, Screen};
use super::view;
use isthmus_runner::{INTERRUPTED, Interrupt};

/// Lines of processes that are kept to be written when the terminal is put back.
const MOST_LINES: usize = 200;

/// The terminal while it shows live curves; put back as it was when this is dropped.
pub struct Tui {
    terminal: Terminal<TermionBackend<Stdout>>,
    screen: Option<Screen>,
    presses: Presses,
    interrupt: Interrupt,
    /// What the processes that run jobs wrote.
    written: Vec<String>,
    /// Number of lines that they wrote beyond those.
    more: usize,
    /// What is shown.
    pub live: Live,
}

impl Tui {
    /// Takes the terminal for a run of so many jobs.
    ///
    /// # Errors
    /// If standard input or output is no terminal.
    pub fn new(jobs: usize, interrupt: Interrupt) -> io::Result<Self> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(io::Error::other("standard input and output must be a terminal"));
        }
        let screen = Screen::take()?;
        let terminal = Terminal::new(TermionBackend::new(stdout()))?;
        let presses = Presses::default();
        let (next, ends) = (presses.clone(), interrupt.clone());
        // A terminal that can no longer be read asks for nothing more.
        std::thread::spawn(move || keys::read(&mut stdin(), |command| obey(command, &next, &ends)));
        let live = Live::new(jobs);
        Ok(Self {
            terminal,
            screen: Some(screen),
            presses,
            interrupt,
            written: Vec::new(),
            more: 0,
            live,
        })
    }

    /// Keeps what a process wrote until the terminal is put back, and shows it.
    pub fn wrote(&mut self, line: String) {
        self.live.wrote(line.clone());
        if self.written.len() < MOST_LINES {
            self.written.push(line);
        } else {
            self.more += 1;
        }
    }

    /// Does what keys ask for, and draws.
    pub fn refresh(&mut self) {
        self.live.next_metric(self.presses.take());
        self.live.set_stopping(self.interrupt.asked());
        let Self { terminal, live, .. } = self;
        if let Err(error) = terminal.draw(|frame| view::draw(live, frame)) {
            tracing::warn!(%error, "the terminal cannot be drawn on");
        }
    }
}

fn obey(command: Command, presses: &Presses, interrupt: &Interrupt) {
    match command {
        Command::Next => presses.add(),
        Command::Interrupt if interrupt.asked() => {
            screen::put_back();
            std::process::exit(INTERRUPTED.into());
        }
        Command::Stop | Command::Interrupt => interrupt.ask(),
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        drop(self.screen.take());
        self.written.iter().for_each(|line| eprintln!("{line}"));
        if self.more > 0 {
            eprintln!("and {} more lines", self.more);
        }
    }
}
