//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file beside `path`, and gives it that name when all of it is on the disk.
pub fn write(path: &Path, put: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let fresh = path.with_added_extension("tmp");
    let whole = || -> Result<()> {
        let mut file = File::create(&fresh)?;
        put(&mut file)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        Ok(())
    };
    whole().with_context(|| format!("{} can't be written", path.display()))
}
