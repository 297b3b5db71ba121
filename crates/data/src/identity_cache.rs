//! The cache of identities: a large set is hashed once, not by every process of every run.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use isthmus_core::error::DataError;
use serde::{Deserialize, Serialize};

use crate::identity::{Identity, of_texts};
use crate::roots::CACHE_VARIABLE;
use crate::{files, problem};

/// Raised when what is kept or hashed changes, so that old entries are not used.
const VERSION: &str = "1";
/// The folder below the cache.
const FOLDER: &str = "fingerprints";
/// What takes noticeably long to read again, in bytes.
const LARGE: u64 = 1 << 28;
/// A file that changed so shortly before it was looked at may change again without its times
/// telling: some file systems count in seconds.
const TOO_YOUNG: Duration = Duration::from_secs(2);

/// What the file system tells of a file: it differs when the file changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    size: u64,
    /// When it was last written, in nanoseconds.
    modified: i128,
    /// When anything of it last changed, in nanoseconds, and its number: nobody can set these back.
    changed: i128,
    number: u64,
}

impl Stamp {
    /// That of a file now.
    pub fn of(path: &Path) -> Result<Self, DataError> {
        let failed = |source| problem::io("cannot read", path, source);
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let path = std::path::absolute(path).map_err(failed)?;
        let modified = metadata.modified().map_or(0, nanoseconds);
        #[cfg(unix)]
        let (changed, number) = {
            use std::os::unix::fs::MetadataExt;
            let seconds = i128::from(metadata.ctime()) * 1_000_000_000;
            (seconds + i128::from(metadata.ctime_nsec()), metadata.ino())
        };
        #[cfg(not(unix))]
        let (changed, number) = (modified, 0);
        Ok(Self { path, size: metadata.len(), modified, changed, number })
    }

    /// All of it in one text.
    pub fn text(&self) -> String {
        let Self { path, size, modified, changed, number } = self;
        format!("{size} {modified} {changed} {number} {}", path.as_os_str().display())
    }

    fn is_younger_than(&self, time: i128) -> bool {
        self.modified.max(self.changed) > time
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

/// A folder of identities, one file each.
#[derive(Clone, Debug)]
pub(crate) struct IdentityCache {
    folder: PathBuf,
    /// Why something large could not be kept.
    failed: OnceLock<String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    identity: Identity,
    /// A hash of the identity as it is written: a file may be damaged.
    sum: String,
}

impl IdentityCache {
    /// The cache below a folder, which is made when something is first kept.
    pub fn new(cache: &Path) -> Self {
        Self { folder: cache.join(FOLDER), failed: OnceLock::new() }
    }

    /// What users should know: that a large set is read by every process.
    pub fn warning(&self) -> Option<String> {
        let cause = self.failed.get()?;
        Some(format!(
            "{}: the fingerprint of the data cannot be kept here ({cause}), so that every process \
             reads all of it; name another folder in the variable {CACHE_VARIABLE}",
            self.folder.display()
        ))
    }

    /// What is kept of a key.
    pub fn lookup(&self, key: &str) -> Option<Identity> {
        // A cache that cannot be read is no cache.
        let text = std::fs::read(self.path(key)).ok()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        (sum_of(key, &entry.identity) == entry.sum).then_some(entry.identity)
    }

    /// What is kept of a key, or what `compute` gives, which is then kept. Of several processes
    /// that ask at the same time one computes, and the others wait for it. Nothing is kept where
    /// the files changed meanwhile, or so shortly before that they may have changed unseen.
    pub fn identity(
        &self,
        key: &str,
        before: &[Stamp],
        stamps: &dyn Fn() -> Result<Vec<Stamp>, DataError>,
        compute: &dyn Fn() -> Result<Identity, DataError>,
    ) -> Result<Identity, DataError> {
        if let Some(identity) = self.lookup(key) {
            return Ok(identity);
        }
        let young = nanoseconds(SystemTime::now()) - TOO_YOUNG.as_nanos() as i128;
        if before.iter().any(|stamp| stamp.is_younger_than(young)) {
            return compute();
        }
        let lock = Lock::wait(&self.folder.join(format!("{key}.lock")));
        if let Some(identity) = self.lookup(key) {
            return Ok(identity);
        }
        let identity = compute()?;
        if stamps()? == before
            && let Err(error) = self.keep(key, &identity)
            && before.iter().map(|stamp| stamp.size).sum::<u64>() >= LARGE
        {
            self.failed.get_or_init(|| error.to_string());
        }
        drop(lock);
        Ok(identity)
    }

    fn keep(&self, key: &str, identity: &Identity) -> std::io::Result<()> {
        let entry = Entry { sum: sum_of(key, identity), identity: identity.clone() };
        let text = serde_json::to_vec(&entry).expect("an identity is plain data");
        std::fs::create_dir_all(&self.folder)?;
        files::write(&self.path(key), &[&text])?;
        files::remove_abandoned(&self.folder)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{}.json", of_texts([VERSION, key])))
    }
}

fn sum_of(key: &str, identity: &Identity) -> String {
    let text = serde_json::to_string(identity).expect("an identity is plain data");
    of_texts([VERSION, key, &text])
}

/// Held while an identity is computed.
struct Lock {
    path: PathBuf,
    file: Option<File>,
}

impl Lock {
    /// Waits until nobody else holds it. Where the folder cannot be written, or the file system
    /// knows no locks, nobody waits: then the same may be computed twice.
    fn wait(path: &Path) -> Self {
        let open = || -> std::io::Result<File> {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            let file = File::options().create(true).append(true).open(path)?;
            file.lock()?;
            Ok(file)
        };
        Self { path: path.to_owned(), file: open().ok() }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Whoever waits for it looks again for what was computed.
            drop(std::fs::remove_file(&self.path));
            drop(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use isthmus_core::targets::TargetKind;

    use super::*;
    use crate::found_classes::FoundClasses;

    fn identity(fingerprint: &str) -> Identity {
        let classes = FoundClasses {
            kind: TargetKind::Classes,
            columns: 0,
            names: None,
            first_label: 0,
            counts: BTreeMap::from([(0, 3), (7, 1)]),
            remark: None,
        };
        Identity { fingerprint: fingerprint.to_owned(), classes }
    }

    /// A stamp of a file that nobody touched for long.
    fn old(size: u64) -> Stamp {
        Stamp { path: "a".into(), size, modified: 5, changed: 5, number: 1 }
    }

    #[test]
    fn what_is_kept_is_not_computed_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = IdentityCache::new(folder.path());
        let computed = Cell::new(0);
        let ask = |key: &str, before: &[Stamp], after: &[Stamp]| {
            let compute = || {
                computed.set(computed.get() + 1);
                Ok(identity(key))
            };
            cache.identity(key, before, &|| Ok(after.to_vec()), &compute).unwrap()
        };
        assert_eq!(ask("a", &[old(1)], &[old(1)]), identity("a"));
        assert_eq!(ask("a", &[old(1)], &[old(1)]), identity("a"));
        assert_eq!(computed.get(), 1);
        assert_eq!(cache.lookup("a"), Some(identity("a")));
        // A file that changes while it is read, and one that has just been written.
        ask("b", &[old(1)], &[old(2)]);
        let now = Stamp { modified: nanoseconds(SystemTime::now()), ..old(1) };
        ask("c", std::slice::from_ref(&now), std::slice::from_ref(&now));
        assert_eq!((cache.lookup("b"), cache.lookup("c")), (None, None));
        let left = std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count();
        assert_eq!(left, 1, "locks are taken away");
    }

    #[test]
    fn a_damaged_entry_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = IdentityCache::new(folder.path());
        cache.keep("a", &identity("1f")).unwrap();
        let path = cache.path("a");
        let text = std::fs::read_to_string(&path).unwrap();
        for damaged in [text.replace("1f", "1e"), text[..20].to_owned(), String::new()] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(cache.lookup("a"), None);
        }
        // Nor does an entry serve another key.
        std::fs::write(cache.path("b"), &text).unwrap();
        assert_eq!(cache.lookup("b"), None);
    }

    #[test]
    fn of_many_that_ask_one_computes() {
        let folder = tempfile::tempdir().unwrap();
        let computed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let compute = || {
                        computed.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(50));
                        Ok(identity("a"))
                    };
                    let cache = IdentityCache::new(folder.path());
                    let asked = cache.identity("a", &[old(1)], &|| Ok(vec![old(1)]), &compute);
                    assert_eq!(asked.unwrap(), identity("a"));
                });
            }
        });
        assert_eq!(computed.into_inner(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_time_which_is_told_where_it_is_much() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let cache = IdentityCache::new(&file);
        let ask = |size: u64| {
            let stamps = || Ok(vec![old(size)]);
            cache.identity("a", &[old(size)], &stamps, &|| Ok(identity("a"))).unwrap()
        };
        assert_eq!([ask(1), ask(1)], [identity("a"), identity("a")]);
        assert_eq!(cache.warning(), None);
        ask(LARGE);
        assert!(cache.warning().unwrap().contains("ISTHMUS_CACHE"));
    }

    #[test]
    fn a_stamp_tells_every_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"one").unwrap();
        let first = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path).unwrap(), first);
        // Another content of the same size, its time set back to what it was.
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&path, b"two").unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        let second = Stamp::of(&path).unwrap();
        assert_eq!(second.modified, first.modified);
        if cfg!(unix) {
            assert_ne!(second, first);
            assert_ne!(second.text(), first.text());
        }
    }
}
