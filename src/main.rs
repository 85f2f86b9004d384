//! See `pipewright --help` and `src/cli.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tame_allocator();
    pipewright::cli::main()
}

/// Hashing a password takes a block of 19 MiB. glibc would learn from the first one to keep such blocks in every thread's arena;
/// told a fixed threshold, it gives them back to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn tame_allocator() {
    // SAFETY: mallopt only sets tunables, and no other thread exists yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_ARENA_MAX, 4);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn tame_allocator() {}
