//! `aimclr-export`: weights to ONNX, verification, a look into files.

use std::process::ExitCode;

fn main() -> ExitCode {
    aimclr_exporter::cli::main()
}
