//! A recording, from a file or from standard input.

use anyhow::Context;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// True for the name that means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file, or standard input for `-`.
pub(super) fn open(path: &Path) -> anyhow::Result<(String, Box<dyn Read + Send>)> {
    if is_stdin(path) {
        return Ok(("standard input".into(), Box::new(io::stdin())));
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    Ok((name, Box::new(file)))
}
