//! Threads of a job's own.
//!
//! A training step on features is many small operations: threads inside them cost more than they
//! bring, and jobs side by side on one thread each use the processors fully. One thread a job also
//! makes a job's numbers independent of the machine it runs on.

/// Runs `run` on a pool of `threads` for the operations inside.
pub fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(run),
        // Where no threads can be started, the caller's own serves.
        Err(_) => run(),
    }
}

/// A job panicked.
#[derive(Debug, thiserror::Error)]
#[error("the job stopped by a defect of isthmus or of a plugin: {0}")]
pub struct WorkerPanic(String);

impl WorkerPanic {
    /// The message of a caught panic.
    pub fn from_payload(payload: &(dyn std::any::Any + Send)) -> Self {
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
    fn work_sees_the_threads_it_was_given() {
        assert_eq!(on_threads(1, rayon::current_num_threads), 1);
        assert_eq!(on_threads(3, rayon::current_num_threads), 3);
    }

    #[test]
    fn a_panic_keeps_its_message() {
        let payload = std::panic::catch_unwind(|| panic!("number {}", 3)).unwrap_err();
        assert!(WorkerPanic::from_payload(&*payload).to_string().contains("number 3"));
    }
}
