//! The machine and the programs that made a record.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a run ran on. Nothing of it may decide the numbers; where it does, this tells why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Operating system, e.g. `linux`.
    pub operating_system: String,
    /// Instruction set, e.g. `x86_64`.
    pub architecture: String,
    /// Model of the processor; the instruction set where the system does not tell.
    pub processor: String,
    /// Threads the run could use.
    pub threads: usize,
    /// The device that computed, e.g. `cpu` or the name of a graphics processor.
    pub device: String,
    /// The compiler.
    pub rustc: String,
    /// Version of burn.
    pub burn: String,
    /// The experiment file that the run was started with: data is found beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment_file: Option<PathBuf>,
}

impl Environment {
    /// This machine and this program, with the device and the number of threads that the run
    /// chose.
    pub fn detect(device: &str, threads: usize) -> Self {
        Self {
            operating_system: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            processor: processor(),
            threads,
            device: device.to_owned(),
            rustc: env!("ISTHMUS_RUSTC_VERSION").to_owned(),
            burn: env!("ISTHMUS_BURN_VERSION").to_owned(),
            experiment_file: None,
        }
    }
}

/// What `environment.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFile {
    /// The machine.
    pub environment: Environment,
    /// When the record was begun.
    pub started: Timestamp,
    /// When it was complete; absent in unfinished records.
    pub finished: Option<Timestamp>,
    /// How often the run was interrupted and went on.
    #[serde(default)]
    pub resumed: usize,
    /// The most memory that the process held, in bytes, where the system tells; runs one after the
    /// other in one process share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// The most memory that this process has held, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn processor() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
