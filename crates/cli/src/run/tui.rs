//! Live curves on the whole terminal.

use std::io::{self, IsTerminal, Stdout, stdin, stdout};
use std::sync::mpsc::{self, Receiver};

use ratatui::Terminal;
use ratatui::backend::TermionBackend;
use ratatui::termion::event::Key;
use ratatui::termion::input::TermRead;
use ratatui::termion::raw::{IntoRawMode, RawTerminal};
use ratatui::termion::screen::{AlternateScreen, IntoAlternateScreen};

use super::interrupt::Interrupt;
use super::live::Live;

type Screen = Terminal<TermionBackend<AlternateScreen<RawTerminal<Stdout>>>>;

/// The terminal while it shows live curves; put back as it was when this is dropped.
pub struct Tui {
    screen: Screen,
    keys: Receiver<Key>,
    interrupt: Interrupt,
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
        let screen = stdout().into_raw_mode()?.into_alternate_screen()?;
        let screen = Terminal::new(TermionBackend::new(screen))?;
        let (sender, keys) = mpsc::channel();
        std::thread::spawn(move || {
            for key in stdin().keys().map_while(Result::ok) {
                if sender.send(key).is_err() {
                    return;
                }
            }
        });
        Ok(Self { screen, keys, interrupt, live: Live::new(jobs) })
    }

    /// Takes keys and draws.
    pub fn refresh(&mut self) {
        for key in self.keys.try_iter() {
            match key {
                // In raw mode the terminal sends no signal for Ctrl-C.
                Key::Char('q') | Key::Ctrl('c') => self.interrupt.ask(),
                Key::Char('\t') => self.live.next_metric(),
                _ => {}
            }
        }
        let Self { screen, live, .. } = self;
        if let Err(error) = screen.draw(|frame| live.draw(frame)) {
            tracing::warn!(%error, "the terminal cannot be drawn on");
        }
    }
}
