//! Runs of earlier rounds of successive halving.

use super::header::RunInfo;

/// Which runs of successive halving are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounds {
    /// Those of the last round, which were run to their end.
    #[default]
    Last,
    /// Those of all rounds: those of earlier ones stopped before their end.
    All,
}

impl Rounds {
    /// Whether the run is looked at.
    pub fn admit(self, run: &RunInfo) -> bool {
        self == Self::All || run.round.is_none()
    }

    /// The note on so many runs that were left out; `None` where there are none.
    pub fn note(left_out: usize) -> Option<String> {
        let runs = match left_out {
            0 => return None,
            1 => "1 run".to_owned(),
            more => format!("{more} runs"),
        };
        Some(format!(
            "{runs} of earlier rounds of successive halving left out; `--rounds` includes them."
        ))
    }
}
