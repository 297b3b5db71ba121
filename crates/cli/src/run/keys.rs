//! Keys that are pressed while live curves are shown.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Shows the next metric.
    Next,
    /// Runs end at their next step with a checkpoint.
    Stop,
    /// The same; a second time the program ends at once.
    Interrupt,
}

/// Tells keys from the bytes that a terminal sends, one at a time; nothing is kept of what asks
/// for nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Decoder {
    place: Place,
}

/// Where in an escape sequence a byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    /// After the escape character.
    Escaped,
    /// After what begins the sequence of an arrow key and the like; a letter or so ends it.
    Sequence,
}

impl Decoder {
    fn take(&mut self, byte: u8) -> Option<Command> {
        match (self.place, byte) {
            (_, 0x1b) => self.place = Place::Escaped,
            (Place::Escaped, b'[' | b'O') => self.place = Place::Sequence,
            (Place::Sequence, 0x40..=0x7e) => self.place = Place::Outside,
            // No sequence holds it: whatever went before, the user wants to end.
            (Place::Sequence, byte) if byte != 0x03 => {}
            (_, byte) => {
                self.place = Place::Outside;
                return match byte {
                    b'\t' => Some(Command::Next),
                    b'q' | b'Q' => Some(Command::Stop),
                    // In raw mode the terminal sends no signal for Ctrl-C.
                    0x03 => Some(Command::Interrupt),
                    _ => None,
                };
            }
        }
        None
    }
}

/// How often the next metric was asked for since it was looked last.
#[derive(Clone, Debug, Default)]
pub struct Presses(Arc<AtomicUsize>);

impl Presses {
    /// Counts one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number, which starts again at 0.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Reads keys until the input ends, and hands over what they ask for. However much comes in, no
/// more than a few bytes of it are held.
///
/// # Errors
/// If the input cannot be read.
pub fn read(input: &mut dyn Read, mut asked: impl FnMut(Command)) -> io::Result<()> {
    let mut decoder = Decoder::default();
    let mut bytes = [0; 64];
    loop {
        let number = match input.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(number) => number,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes[..number].iter().filter_map(|&byte| decoder.take(byte)).for_each(&mut asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(mut bytes: &[u8]) -> Vec<Command> {
        let mut found = Vec::new();
        read(&mut bytes, |command| found.push(command)).unwrap();
        found
    }

    #[test]
    fn keys_are_told_from_escape_sequences() {
        use Command::{Interrupt, Next, Stop};
        assert_eq!(commands(b"a\tbq\x03"), [Next, Stop, Interrupt]);
        // An arrow, a mouse report, F1, a key with modifiers: none holds a key of ours.
        assert_eq!(commands(b"\x1b[A\x1b[<0;10;10M\x1bOP\x1b[1;5q"), []);
        // Escape alone, then the key.
        assert_eq!(commands(b"\x1bq\x1b\x1bq"), [Stop, Stop]);
        // Letters of other scripts.
        assert_eq!(commands("äq\u{444}".as_bytes()), [Stop]);
        // A sequence that does not end can be ended.
        assert_eq!(commands(b"\x1b[111111\x03\t"), [Interrupt, Next]);
    }

    #[test]
    fn presses_are_counted_once() {
        let presses = Presses::default();
        let other = presses.clone();
        (0..3).for_each(|_| other.add());
        assert_eq!((presses.take(), presses.take()), (3, 0));
    }
}
