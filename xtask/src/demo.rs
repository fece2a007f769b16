//! `cargo xtask demo`: the whole chain, from motions to recognised actions.

use anyhow::{Result, bail};

use crate::{cargo, setup};

/// What `cargo xtask demo` takes.
#[derive(clap::Args)]
pub struct Args {}

/// Sets up, builds the workspace and walks the chain.
pub fn run(_args: &Args) -> Result<()> {
    setup::ensure()?;
    cargo::run(cargo::command().args(["build", "--workspace"]))?;
    bail!("the demo's steps are not written yet")
}
