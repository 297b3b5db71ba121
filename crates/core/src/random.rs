//! Counter-based randomness: every random choice is a pure function of a key.
//!
//! A [`Key`] names a place in an experiment (seed, stage, step, purpose). The same key always
//! yields the same numbers, in any order, on any thread, so a resumed run draws what the
//! uninterrupted one would have drawn and nothing about randomness needs to be saved.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Names one place where random numbers are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// The root key of an experiment run with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Sha256::digest(seed.to_le_bytes()).into())
    }

    /// The key of a named purpose below this one.
    pub fn named(&self, purpose: &str) -> Self {
        self.extend(b"n", purpose.as_bytes())
    }

    /// The key of a numbered place (epoch, step, row, layer) below this one.
    pub fn at(&self, index: u64) -> Self {
        self.extend(b"i", &index.to_le_bytes())
    }

    /// A generator that starts at this key.
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }

    fn extend(&self, tag: &[u8; 1], label: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(tag);
        hasher.update(label);
        Self(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn the_same_key_draws_the_same_numbers() {
        let key = Key::new(7).named("dropout").at(3);
        assert_eq!(key.rng().next_u64(), key.rng().next_u64());
    }

    #[test]
    fn names_and_indices_lead_to_different_numbers() {
        let root = Key::new(7);
        let draws = [
            root.rng().next_u64(),
            root.at(0).rng().next_u64(),
            root.at(1).rng().next_u64(),
            root.named("a").rng().next_u64(),
            Key::new(8).rng().next_u64(),
        ];
        let distinct: std::collections::BTreeSet<_> = draws.iter().collect();
        assert_eq!(distinct.len(), draws.len());
    }
}
