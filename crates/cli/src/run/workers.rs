//! Jobs side by side, each on threads of its own.
//!
//! A training step on features is many small operations: threads inside them cost more than they
//! bring, and jobs side by side on one thread each use the processors fully. One thread a job also
//! makes a job's numbers independent of the machine it runs on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `run` for each index below `count` on `workers` threads, each with its own pool of
/// `threads` for the operations inside; returns the outcomes in order. A panic becomes an error of
/// its own job; the others go on.
pub fn side_by_side<T: Send, E: Send + From<WorkerPanic>>(
    count: usize,
    workers: usize,
    threads: usize,
    run: impl Fn(usize) -> Result<T, E> + Sync,
) -> Vec<Result<T, E>> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<Option<Result<T, E>>>> = Mutex::new((0..count).map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, count.max(1)) {
            scope.spawn(|| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let outcome = catch_unwind(AssertUnwindSafe(|| match &pool {
                        Ok(pool) => pool.install(|| run(index)),
                        Err(_) => run(index),
                    }))
                    .unwrap_or_else(|panic| Err(WorkerPanic::from_payload(&*panic).into()));
                    outcomes.lock().expect("outcomes are stored without panicking")[index] =
                        Some(outcome);
                }
            });
        }
    });
    outcomes
        .into_inner()
        .expect("outcomes are stored without panicking")
        .into_iter()
        .map(|outcome| outcome.expect("every index was run"))
        .collect()
}

/// A job panicked.
#[derive(Debug, thiserror::Error)]
#[error("the job stopped by a defect of isthmus or of a plugin: {0}")]
pub struct WorkerPanic(String);

impl WorkerPanic {
    fn from_payload(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Self(text.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_in_order_and_a_panic_stops_its_job_alone() {
        let outcomes: Vec<Result<usize, WorkerPanic>> = side_by_side(5, 2, 1, |index| {
            assert!(index != 3, "number {index}");
            Ok(index * 10)
        });
        let values: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(values, [Some(&0), Some(&10), Some(&20), None, Some(&40)]);
        assert!(outcomes[3].as_ref().unwrap_err().to_string().contains("number 3"));
    }

    #[test]
    fn each_job_sees_the_threads_it_was_given() {
        let outcomes: Vec<Result<usize, WorkerPanic>> =
            side_by_side(2, 2, 1, |_| Ok(rayon::current_num_threads()));
        assert!(outcomes.iter().all(|threads| matches!(threads, Ok(1))));
    }
}
