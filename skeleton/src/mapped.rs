//! Files mapped into memory, so that they need not be read whole.
#![allow(unsafe_code)] // Mapping a file is unsafe: see `map`.

use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io;

/// Maps `length` bytes of a file from `start` on; all of it by default.
pub(crate) fn map(file: &File, part: Option<(u64, usize)>) -> io::Result<Mmap> {
    let mut options = MmapOptions::new();
    if let Some((start, length)) = part {
        // Reading beyond a file's end would fault.
        match start.checked_add(length as u64) {
            Some(end) if end <= file.metadata()?.len() => options.offset(start).len(length),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
    }
    // SAFETY: the map is read-only. Should another process shorten the file meanwhile, reads
    // fault; that is the price of not reading gigabytes, and the same as for any mapped file.
    unsafe { options.map(file) }
}
