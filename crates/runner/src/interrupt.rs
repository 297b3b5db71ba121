//! Ctrl-C and the like: runs end at their next step with a checkpoint.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Exit code of a program that was interrupted, as shells know it.
pub const INTERRUPTED: u8 = 130;

/// Whether runs shall end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to the signals that ask a program to end. The second one ends it at once.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let flagged = Arc::clone(&interrupt.0);
            flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&flagged))?;
            flag::register(signal, flagged)?;
        }
        Ok(interrupt)
    }

    /// Listens to the same signals in a process that runs jobs for another one. A terminal sends
    /// them to both, and the other one asks for the end besides: that is no second time.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals_of_worker() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Asks runs to end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
