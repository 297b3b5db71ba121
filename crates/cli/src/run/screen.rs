//! The whole terminal, and putting it back as it was.

use std::io::{self, Stdout, Write, stdout};
use std::sync::{Mutex, Once, PoisonError};

use ratatui::termion::cursor::{Hide, Show};
use ratatui::termion::raw::{IntoRawMode, RawTerminal};
use ratatui::termion::screen::{ToAlternateScreen, ToMainScreen};

/// What puts the terminal's mode back, while it is taken.
static TAKEN: Mutex<Option<RawTerminal<Stdout>>> = Mutex::new(None);
static HOOKED: Once = Once::new();

/// The whole terminal; put back when this is dropped, and before the message of a panic.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Takes the terminal on standard output.
    ///
    /// # Errors
    /// If it is no terminal.
    pub fn take() -> io::Result<Self> {
        let raw = stdout().into_raw_mode()?;
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(raw);
        let screen = Self(());
        HOOKED.call_once(|| {
            let shows_message = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                put_back();
                shows_message(panic);
            }));
        });
        write!(stdout(), "{ToAlternateScreen}{Hide}")?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        put_back();
    }
}

/// Puts the terminal back, if it is taken.
pub fn put_back() {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(raw) = taken {
        let mut output = stdout();
        // A terminal that has gone needs nothing.
        drop(write!(output, "{Show}{ToMainScreen}").and_then(|()| output.flush()));
        drop(raw);
    }
}
