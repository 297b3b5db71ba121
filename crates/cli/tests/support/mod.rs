//! Runs the real binary in a folder of its own.

#[cfg(unix)]
pub mod crashes;
pub mod npz;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
#[allow(dead_code, reason = "each test program uses some of it")]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there")
}

/// A Python that has these modules: `$ISTHMUS_PYTHON`, what `.ci/run` sets up, or the usual one.
#[allow(dead_code, reason = "each test program uses some of it")]
pub fn python_with(modules: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let stated = std::env::var_os("ISTHMUS_PYTHON").map(PathBuf::from);
    let own = home.join(".cache/isthmus/python/bin/python3");
    let programs = stated.into_iter().chain([own, PathBuf::from("python3")]);
    let imports = format!("import {modules}");
    let has_them = |program: &PathBuf| {
        let output = Command::new(program).args(["-c", &imports]).output();
        output.is_ok_and(|output| output.status.success())
    };
    programs.into_iter().find(has_them)
}

/// A folder that is removed again, to run the command in.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a run of the command said.
#[derive(Debug)]
#[allow(dead_code, reason = "each test program uses some of it")]
pub struct Said {
    pub code: i32,
    pub answer: String,
    pub errors: String,
}

#[allow(dead_code, reason = "each test program uses some of it")]
impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::fs::write(&path, text).expect("it can be written");
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("it can be read")
    }

    /// Runs the command in the folder.
    pub fn isthmus(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the command starts"), self.path())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isthmus"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("ISTHMUS_LOG")
            .env_remove("ISTHMUS_DATA")
            .env_remove("ISTHMUS_WEIGHTS");
        command
    }
}

fn said(output: Output, folder: &Path) -> Said {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .expect("the command writes UTF-8")
            .replace(&folder.display().to_string(), "FOLDER")
    };
    Said {
        code: output.status.code().expect("the command ends by itself"),
        answer: text(output.stdout),
        errors: text(output.stderr),
    }
}
