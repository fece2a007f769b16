//! `aimclr-data`: makes, looks through, draws and replays skeleton data.

use std::process::ExitCode;

fn main() -> ExitCode {
    aimclr_skeleton::cli::main()
}
