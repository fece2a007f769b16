//! The archive: the same files give the same bytes.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::whole;

/// A file of the archive.
pub struct Entry {
    /// Path below the archive's one folder
    pub to: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl Entry {
    /// A copy of the file at `from`.
    pub fn file(to: &str, from: &Path) -> Result<Entry> {
        let bytes = fs::read(from).with_context(|| format!("{} can't be read", from.display()))?;
        Ok(Entry {
            to: to.into(),
            mode: 0o644,
            bytes,
        })
    }

    /// The same, to be run.
    pub fn program(to: &str, from: &Path) -> Result<Entry> {
        let file = Entry::file(to, from)?;
        Ok(Entry {
            mode: 0o755,
            ..file
        })
    }

    /// A text.
    pub fn text(to: &str, text: String) -> Entry {
        Entry {
            to: to.into(),
            mode: 0o644,
            bytes: text.into_bytes(),
        }
    }
}

/// Writes a tar.gz of one folder, whole or not at all; gives its size in bytes.
pub fn write(path: &Path, folder: &str, entries: &[Entry]) -> Result<u64> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("{} can't be made", parent.display()))?;
    }
    whole::write(path, |file| {
        let gzip = GzEncoder::new(file, Compression::best());
        let mut tar = Builder::new(gzip);
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort_by(|a, b| a.to.cmp(&b.to));
        for entry in sorted {
            add(&mut tar, folder, entry)?;
        }
        tar.into_inner()?.finish()?;
        Ok(())
    })?;
    Ok(fs::metadata(path)?.len())
}

fn add(tar: &mut Builder<impl io::Write>, folder: &str, entry: &Entry) -> io::Result<()> {
    // No owner and no time: neither means anything on another machine.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(entry.mode);
    header.set_size(entry.bytes.len() as u64);
    tar.append_data(&mut header, format!("{folder}/{}", entry.to), &*entry.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn what_went_in_comes_out_and_order_does_not_matter() {
        let folder = tempfile::tempdir().expect("folder");
        let program = folder.path().join("program");
        fs::write(&program, [0x7f, b'E', b'L', b'F']).expect("written");
        let mut entries = vec![
            Entry::text("share/doc/a", "text".into()),
            Entry::program("bin/program", &program).expect("read"),
        ];
        let path = folder.path().join("out/name-1.0-x.tar.gz");
        let size = write(&path, "name-1.0-x", &entries).expect("written");
        let bytes = fs::read(&path).expect("read");
        assert_eq!(size, bytes.len() as u64);
        let mut tar = tar::Archive::new(GzDecoder::new(&*bytes));
        let found: Vec<_> = (tar.entries().expect("entries"))
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let mut content = Vec::new();
                entry.read_to_end(&mut content).expect("content");
                let path = entry.path().expect("a path").display().to_string();
                (path, entry.header().mode().expect("a mode"), content)
            })
            .collect();
        let expected = [
            ("name-1.0-x/bin/program".into(), 0o755, b"\x7fELF".to_vec()),
            ("name-1.0-x/share/doc/a".into(), 0o644, b"text".to_vec()),
        ];
        assert_eq!(found, expected);
        entries.reverse();
        write(&path, "name-1.0-x", &entries).expect("written");
        assert_eq!(fs::read(&path).expect("read"), bytes);
        let left = fs::read_dir(path.parent().expect("a folder")).expect("a folder");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Entry::file("bin/x", Path::new("nowhere/x")).err();
        assert!(error.expect("an error").to_string().contains("nowhere/x"));
    }
}
