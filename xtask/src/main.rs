//! The workspace's chores, run as `cargo xtask …`: fetching the native libraries, running every
//! test, the demo, and packages for devices.

mod cargo;
mod demo;
mod fetch;
mod lock;
mod package;
mod setup;
mod stamp;
mod test;
mod unpack;
mod wheels;
mod whole;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The workspace's chores
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_help = "On a fresh machine (Rust, a C++ compiler, Python 3 with pip) start with either of\n\
                  \n    cargo xtask demo    from motions to recognised actions, in front of your eyes\
                  \n    cargo xtask test    every test of the workspace\n\
                  \nBoth run `cargo xtask setup` first. Afterwards plain `cargo build`, `cargo test` and\n\
                  `cargo run` work without any environment variable.\n\
                  \nExit codes: 0 done, 1 failed, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Fetch libtorch and ONNX Runtime into third_party/, or check and repair what is there
    Setup(setup::Args),
    /// Set up, then run every test of the workspace
    Test(test::Args),
    /// Set up, then show the whole chain from motions to recognised actions
    Demo(demo::Args),
    /// Build aimclr-run for a device, with all that belongs to it, as one archive
    Package(package::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Setup(args) => setup::run(&args),
        Chore::Test(args) => test::run(&args),
        Chore::Demo(args) => demo::run(&args),
        Chore::Package(args) => package::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
