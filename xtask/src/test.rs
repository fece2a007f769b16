//! `cargo xtask test`: set-up, then every test of the workspace.

use std::ffi::OsString;

use anyhow::Result;

use crate::{cargo, setup};

/// What `cargo xtask test` takes.
#[derive(clap::Args)]
#[command(
    after_help = "What follows `--` goes to `cargo test`, and what follows a second `--` to the test programs:\n\
                  \n    cargo xtask test\
                  \n    cargo xtask test -- --package aimclr-model\
                  \n    cargo xtask test -- --no-fail-fast -- --nocapture\n\
                  \nTorch runs on one thread (OMP_NUM_THREADS=1, unless set): the test programs run several\n\
                  tests at once, and torch's threads would spin against each other."
)]
pub struct Args {
    /// Options for `cargo test`; a package named here stands for the whole workspace
    #[arg(last = true, value_name = "CARGO TEST OPTION")]
    cargo_test: Vec<OsString>,
}

/// Sets up, then runs `cargo test`.
pub fn run(args: &Args) -> Result<()> {
    setup::ensure()?;
    let mut command = cargo::command();
    command.arg("test");
    if !names_a_package(&args.cargo_test) {
        command.arg("--workspace");
    }
    command.args(&args.cargo_test);
    if std::env::var_os("OMP_NUM_THREADS").is_none() {
        command.env("OMP_NUM_THREADS", "1");
    }
    cargo::run(&mut command)
}

/// Whether cargo's options (up to `--`) choose a package; cargo would let `--workspace` win.
fn names_a_package(args: &[OsString]) -> bool {
    args.iter()
        .map(|arg| arg.to_string_lossy())
        .take_while(|arg| arg != "--")
        .any(|arg| {
            arg.starts_with("--package") || (arg.starts_with("-p") && !arg.starts_with("--"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> bool {
        names_a_package(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_package_is_told_from_other_options() {
        assert!(names(&["-p", "aimclr-model"]));
        assert!(names(&["--release", "--package=aimclr-model"]));
        assert!(!names(&["--release"]));
        assert!(!names(&["--profile", "dev", "--", "-p"]));
    }
}
