//! Numbered batches of one set; the next one is read while the current one is used.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::sampler::Sampler;

/// Names the training view of a batch by its number.
type ViewOf = Box<dyn Fn(usize) -> SampleView + Send + Sync>;

/// Draws batches of a set. A batch is a pure function of its number, so reading one ahead changes
/// no value of it.
pub(crate) struct Batches {
    samples: Arc<dyn SampleSource>,
    sampler: Sampler,
    view: ViewOf,
    /// Reads ahead; absent where reading takes no time.
    readers: Option<Arc<ThreadPool>>,
    ahead: Mutex<Option<Ahead>>,
}

/// A batch that is being read.
struct Ahead {
    number: usize,
    values: Receiver<Result<SampleValues, DataError>>,
}

/// Rows of a batch with their values.
pub(crate) struct HostBatch {
    pub(crate) rows: Vec<usize>,
    pub(crate) values: SampleValues,
}

/// Threads that read ahead, as many as compute, where any of the sets is slow to read.
pub(crate) fn readers<'s>(
    sets: impl IntoIterator<Item = &'s Arc<dyn SampleSource>>,
) -> Option<Arc<ThreadPool>> {
    if !sets.into_iter().any(|samples| samples.is_slow()) {
        return None;
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(rayon::current_num_threads())
        .thread_name(|_| "reads ahead".to_owned())
        // Who waits for the batch reads it again, and panics where the job's panics belong.
        .panic_handler(|_| ())
        .build();
    match pool {
        Ok(pool) => Some(Arc::new(pool)),
        Err(error) => {
            tracing::warn!(%error, "no threads to read ahead: steps wait for their samples");
            None
        }
    }
}

impl Batches {
    /// Batches of `samples`; `readers` read ahead if the samples are slow to read.
    pub(crate) fn new(
        samples: Arc<dyn SampleSource>,
        sampler: Sampler,
        readers: Option<Arc<ThreadPool>>,
        view: impl Fn(usize) -> SampleView + Send + Sync + 'static,
    ) -> Self {
        let readers = readers.filter(|_| samples.is_slow());
        Self { samples, sampler, view: Box::new(view), readers, ahead: Mutex::new(None) }
    }

    /// The samples that are drawn from.
    pub(crate) fn samples(&self) -> &Arc<dyn SampleSource> {
        &self.samples
    }

    /// The batch of a number.
    ///
    /// # Errors
    /// If a sample of it cannot be read.
    pub(crate) fn batch(&self, number: usize) -> Result<HostBatch, DataError> {
        let rows = self.sampler.batch(number);
        let values = match self.read_before(number) {
            Some(values) => values,
            None => self.samples.values(&rows, (self.view)(number)),
        }?;
        Ok(HostBatch { rows, values })
    }

    /// What was read ahead for this number, if anything was; starts with the next one.
    fn read_before(&self, number: usize) -> Option<Result<SampleValues, DataError>> {
        let readers = self.readers.as_ref()?;
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = ahead.take_if(|ahead| ahead.number == number);
        let next = number + 1;
        if ahead.as_ref().is_none_or(|ahead| ahead.number != next) {
            *ahead = Some(self.start(readers, next));
        }
        drop(ahead);
        // A reader that panicked has sent nothing.
        ready.and_then(|ahead| ahead.values.recv().ok())
    }

    fn start(&self, readers: &ThreadPool, number: usize) -> Ahead {
        let (sender, values) = sync_channel(1);
        let samples = Arc::clone(&self.samples);
        let (rows, view) = (self.sampler.batch(number), (self.view)(number));
        // A closed channel means that another batch was asked for.
        readers.spawn(move || drop(sender.send(samples.values(&rows, view))));
        Ahead { number, values }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use isthmus_core::input::InputShape;
    use isthmus_core::random::Key;
    use rand::RngExt;

    use super::*;

    /// Rows whose training views are noise; row 3 cannot be read where `damaged` is set.
    struct Noisy {
        slow: bool,
        damaged: bool,
        panics: bool,
        reads: AtomicUsize,
    }

    impl Noisy {
        fn new(slow: bool) -> Self {
            Self { slow, damaged: false, panics: false, reads: AtomicUsize::new(0) }
        }
    }

    impl SampleSource for Noisy {
        fn rows(&self) -> usize {
            8
        }

        fn shape(&self) -> InputShape {
            InputShape::Features { size: 1 }
        }

        fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            assert!(!(self.panics && indices.contains(&3)), "row 3 is unreadable");
            if self.damaged && indices.contains(&3) {
                return Err(DataError::Mismatch("row 3 is damaged".to_owned()));
            }
            let SampleView::Weak(key) = view else { panic!("a training view is expected") };
            let value = |&row: &usize| row as f32 + key.at(row as u64).rng().random::<f32>();
            Ok(indices.iter().map(value).collect::<Vec<_>>().into())
        }

        fn is_slow(&self) -> bool {
            self.slow
        }
    }

    fn batches(samples: Noisy) -> (Batches, Arc<Noisy>) {
        let samples = Arc::new(samples);
        let shared: Arc<dyn SampleSource> = Arc::<Noisy>::clone(&samples);
        let readers = readers([&shared]);
        let sampler = Sampler::new(Key::new(1), 8, 2);
        let view = |number| SampleView::Weak(Key::new(2).at(number as u64));
        (Batches::new(shared, sampler, readers, view), samples)
    }

    /// The first batch that has row 3.
    fn number_of_row_3(batches: &Batches) -> usize {
        (1..9).find(|&number| batches.sampler.batch(number).contains(&3)).unwrap()
    }

    #[test]
    fn batches_read_ahead_are_those_read_at_once_in_any_order() {
        let (direct, _) = batches(Noisy::new(false));
        let (ahead, samples) = batches(Noisy::new(true));
        for number in [0, 1, 2, 2, 3, 7, 8, 5, 6, 6, 7, 0] {
            let (direct, ahead) = (direct.batch(number).unwrap(), ahead.batch(number).unwrap());
            assert_eq!(ahead.rows, direct.rows);
            assert_eq!(ahead.values, direct.values, "batch {number}");
        }
        assert!(samples.reads.load(Ordering::SeqCst) > 12, "nothing was read ahead");
    }

    #[test]
    fn asking_in_turn_reads_each_batch_once() {
        let (ahead, samples) = batches(Noisy::new(true));
        (0..8).for_each(|number| drop(ahead.batch(number).unwrap()));
        // The batch after the last one may not be read yet.
        assert!((8..=9).contains(&samples.reads.load(Ordering::SeqCst)));
    }

    #[test]
    fn quick_samples_are_read_when_they_are_asked_for() {
        let (direct, samples) = batches(Noisy::new(false));
        (0..4).for_each(|number| drop(direct.batch(number).unwrap()));
        assert_eq!(samples.reads.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn an_error_comes_with_the_batch_that_has_it() {
        let (ahead, _) = batches(Noisy { damaged: true, ..Noisy::new(true) });
        let bad = number_of_row_3(&ahead);
        for number in 0..bad {
            if !ahead.sampler.batch(number).contains(&3) {
                assert!(ahead.batch(number).is_ok(), "batch {number}");
            }
        }
        let error = ahead.batch(bad).err().unwrap().to_string();
        assert!(error.contains("row 3 is damaged"), "{error}");
    }

    #[test]
    #[should_panic(expected = "row 3 is unreadable")]
    fn a_panic_comes_with_the_batch_that_has_it() {
        let (ahead, _) = batches(Noisy { panics: true, ..Noisy::new(true) });
        let bad = number_of_row_3(&ahead);
        ahead.batch(bad - 1).unwrap_or_else(|error| unreachable!("{error}"));
        drop(ahead.batch(bad));
    }
}
