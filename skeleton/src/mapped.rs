//! Files mapped into memory, so that they need not be read whole.
#![allow(unsafe_code)] // Mapping a file is unsafe: see `Mapped`.

use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io;
use std::ops::Deref;

/// Bytes around one that is looked at that a system may map with it; Linux maps 64 KiB.
const AROUND: usize = 1 << 17;

/// A file, or a part of one, whose bytes are read when they are looked at.
#[derive(Debug)]
pub(crate) struct Mapped(Mmap);

impl Mapped {
    /// Maps `length` bytes of a file from `start` on; all of it by default.
    pub(crate) fn new(file: &File, part: Option<(u64, usize)>) -> io::Result<Self> {
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
        Ok(Self(unsafe { options.map(file) }?))
    }

    /// Gives back the memory that looking at `part` of these bytes has taken; they are read again
    /// when they are looked at again. Without it a file of many gigabytes, looked at once from end to
    /// end, counts as so much memory until another process needs it.
    pub(crate) fn release(&self, part: &[u8]) {
        let start = (part.as_ptr() as usize).checked_sub(self.0.as_ptr() as usize);
        let within = start.filter(|start| start.saturating_add(part.len()) <= self.0.len());
        let Some(start) = within.filter(|_| !part.is_empty()) else {
            return;
        };
        let end = (start + part.len())
            .saturating_add(AROUND)
            .min(self.0.len());
        let start = start.saturating_sub(AROUND);
        #[cfg(unix)]
        {
            use memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: of a read-only map of a file the same bytes come back. That it may fail is of
            // no account: it saves memory, and nothing else depends on it.
            let _ = unsafe { self.0.unchecked_advise_range(DontNeed, start, end - start) };
        }
        #[cfg(not(unix))]
        let _ = (start, end);
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_was_released_is_read_again() {
        let mut file = tempfile::tempfile().expect("file");
        let bytes: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        file.write_all(&bytes).expect("written");
        let all = Mapped::new(&file, None).expect("mapped");
        for (start, end) in [(0, 100_000), (5000, 5001), (99_999, 100_000), (7, 7)] {
            all.release(&all[start..end]);
            assert_eq!(&all[..], bytes);
        }
        let part = Mapped::new(&file, Some((5000, 20_000))).expect("mapped");
        part.release(&part[10_000..]);
        assert_eq!(&part[..], &bytes[5000..25_000]);
        // What is elsewhere is nobody's.
        part.release(&bytes);
        assert!(Mapped::new(&file, Some((99_000, 2000))).is_err());
    }
}
