//! The `isthmus` command.

use std::process::ExitCode;

// Training allocates the same large buffers at every step; this allocator keeps them, for as long as
// `.cargo/config.toml` says.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    isthmus::main()
}
