//! `aimclr-run`: recognises actions in clips and pose streams.

use std::process::ExitCode;

fn main() -> ExitCode {
    aimclr_runtime::cli::main()
}
