//! `aimclr-train`: see [`aimclr_trainer::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    aimclr_trainer::device::keep_memory();
    aimclr_trainer::cli::main()
}
