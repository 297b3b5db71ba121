//! Files that appear whole or not at all, in folders that several processes and people share.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

/// How the names of files begin and end that are not whole yet.
const TEMPORARY: (&str, &str) = (".isthmus-", ".tmp");
/// A file that nothing was written to for this long is no longer being written.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Whether a file can be made in the folder; leaves nothing there, even if the process is killed.
pub(crate) fn try_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    tempfile::tempfile_in(folder).map(drop)
}

/// Writes a file beside its place and renames it. Who may read it, the umask says: caches are for
/// colleagues too.
pub(crate) fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = beside(folder)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes what is read, as [`write`] does, into a folder that is made where it is absent.
pub(crate) fn write_from(path: &Path, content: &mut dyn Read) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    remove_abandoned(folder)?;
    let mut file = beside(folder)?;
    io::copy(content, &mut file)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Removes what processes were writing when they were killed, from a folder that others may be
/// writing to.
pub(crate) fn remove_abandoned(folder: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The folder may be anybody's, such as that of all temporary files.
        let temporary = name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1);
        let written = || entry.metadata().and_then(|file| file.modified()).ok();
        let is_old = |time| now.duration_since(time).is_ok_and(|age| age > ABANDONED);
        if temporary && written().is_some_and(is_old) {
            match std::fs::remove_file(entry.path()) {
                // Another process may have removed it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trying_a_folder_leaves_nothing_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        try_folder(&inside).unwrap();
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
        std::fs::write(folder.path().join("file"), b"").unwrap();
        assert!(try_folder(&folder.path().join("file/b")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn colleagues_can_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777
        };
        // What the standard library makes has the permissions that the umask gives.
        std::fs::write(folder.path().join("usual"), b"").unwrap();
        write(&folder.path().join("written"), &[b"a", b"b"]).unwrap();
        assert_eq!(mode("written"), mode("usual"));
        assert_eq!(std::fs::read(folder.path().join("written")).unwrap(), b"ab");
    }

    #[test]
    fn old_leftovers_are_removed_and_young_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - 2 * ABANDONED;
        for name in [".isthmus-old.tmp", ".tmpOld", ".isthmus-young.tmp", "x.safetensors"] {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            if !name.contains("young") {
                file.set_modified(long_ago).unwrap();
            }
        }
        remove_abandoned(folder.path()).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".isthmus-young.tmp", ".tmpOld", "x.safetensors"]);
    }
}
