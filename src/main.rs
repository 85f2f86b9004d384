//! See `pipewright --help` and `src/cli.rs`.

use std::process::ExitCode;

/// A page makes thousands of small texts: glibc's allocator took a third of the time of a list.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_pages_small();
    pipewright::cli::main()
}

/// The allocator asks for huge pages, of which it would hold 30 MB without using them.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn keep_pages_small() {
    // SAFETY: only sets a flag of this process. Where it is refused, memory is as the system says.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

#[cfg(not(target_os = "linux"))]
fn keep_pages_small() {}
