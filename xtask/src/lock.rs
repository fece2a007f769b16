//! One set-up at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

/// Holds the folder for this process until dropped, and waits while another process holds it.
///
/// The operating system lets go of the lock when a process dies, so none is ever left behind.
pub fn hold(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("{} can't be opened for writing", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!(
                "another set-up is at work in {}; waiting for it",
                folder.display()
            );
            file.lock()
                .with_context(|| format!("{} can't be locked", path.display()))?;
            Ok(file)
        }
        // Some network file systems have no locks; a set-up there is better than none.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} can't be locked", path.display()))
        }
    }
}
