//! See `pipewright --help` and `src/cli.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pipewright::cli::main()
}
