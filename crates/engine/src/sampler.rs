//! Which rows make up a batch: shuffled epochs as a pure function of the step.

use std::sync::Mutex;

use isthmus_core::random::Key;
use rand::seq::SliceRandom;

/// Draws batches of distinct rows from shuffled epochs; what does not fill a batch at the end of
/// an epoch is left out, as a dropping data loader does. A set smaller than a batch is repeated.
#[derive(Debug)]
pub struct Sampler {
    key: Key,
    rows: usize,
    batch_size: usize,
    /// The permutation last used, with its epoch: consecutive steps share it.
    current: Mutex<Option<(usize, Vec<usize>)>>,
}

impl Sampler {
    /// A sampler of `rows` rows in batches of `batch_size`.
    pub fn new(key: Key, rows: usize, batch_size: usize) -> Self {
        Self { key, rows, batch_size, current: Mutex::new(None) }
    }

    /// The rows of the batch of `step`; none if there are no rows.
    pub fn batch(&self, step: usize) -> Vec<usize> {
        if self.rows == 0 {
            return Vec::new();
        }
        let batches = (self.rows / self.batch_size).max(1);
        let (epoch, position) = (step / batches, step % batches);
        let mut current = self.current.lock().expect("no thread panics while it holds the lock");
        if current.as_ref().is_none_or(|(shuffled, _)| *shuffled != epoch) {
            *current = Some((epoch, self.permutation(epoch)));
        }
        let (_, permutation) = current.as_ref().expect("it was just filled");
        (0..self.batch_size)
            .map(|row| permutation[(position * self.batch_size + row) % self.rows])
            .collect()
    }

    fn permutation(&self, epoch: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.rows).collect();
        rows.shuffle(&mut self.key.at(epoch as u64).rng());
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_epoch_has_distinct_rows() {
        let sampler = Sampler::new(Key::new(1), 10, 3);
        let epoch: Vec<usize> = (0..3).flat_map(|step| sampler.batch(step)).collect();
        assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 9);
    }

    #[test]
    fn batches_do_not_depend_on_the_order_of_asking() {
        let sampler = Sampler::new(Key::new(1), 10, 3);
        let forward: Vec<_> = (0..8).map(|step| sampler.batch(step)).collect();
        let mut backward: Vec<_> = (0..8).rev().map(|step| sampler.batch(step)).collect();
        backward.reverse();
        assert_eq!(forward, backward);
    }

    #[test]
    fn epochs_and_seeds_are_shuffled_differently() {
        let sampler = Sampler::new(Key::new(1), 100, 100);
        assert_ne!(sampler.batch(0), sampler.batch(1));
        assert_ne!(sampler.batch(0), Sampler::new(Key::new(2), 100, 100).batch(0));
    }

    #[test]
    fn a_small_set_is_repeated_and_an_empty_one_gives_nothing() {
        let batch = Sampler::new(Key::new(1), 2, 5).batch(7);
        assert_eq!(batch.len(), 5);
        assert!(batch.iter().all(|&row| row < 2));
        assert!(Sampler::new(Key::new(1), 0, 5).batch(0).is_empty());
    }
}
