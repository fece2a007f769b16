//! Files that appear whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes `path` through a temporary file in the same folder, synced and then renamed, so that
/// neither a crash nor a full disk leaves half a file or harms the one that was there. What is not
/// a plain file, such as a device or a named pipe, is written to directly.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let mut file = BufWriter::new(std::fs::OpenOptions::new().write(true).open(path)?);
        write(&mut file)?;
        return file.flush();
    }
    let mut file = temporary_in(folder_of(path))?;
    {
        let mut buffered = BufWriter::new(file.as_file_mut());
        write(&mut buffered)?;
        buffered.flush()?;
    }
    put_in_place(file, path)
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A temporary file for [`put_in_place`]. Errors do not name it: it means nothing to a user.
pub(crate) fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    // Opened here, since what the crate opens itself fails with errors of its own, which hide the
    // system's.
    let open = |path: &Path| {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true).open(path)
    };
    tempfile::Builder::new().make_in(folder, open)
}

/// Syncs a temporary file and gives it its name.
pub(crate) fn put_in_place(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    readable_by_all(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// Temporary files are private by default; a result is as readable as any other new file.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_said_without_the_temporary_files_name() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("missing").join("file");
        let error = write_atomically(&path, |_| Ok(())).expect_err("no folder");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(".tmp"), "{error}");
        assert!(error.raw_os_error().is_some(), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_a_device() {
        use std::os::unix::fs::FileTypeExt;
        let null = Path::new("/dev/null");
        write_atomically(null, |out| out.write_all(b"gone")).expect("written");
        assert!(
            std::fs::metadata(null)
                .expect("there")
                .file_type()
                .is_char_device()
        );
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("file");
        write_atomically(&path, |w| w.write_all(b"old")).expect("written");
        let failed = write_atomically(&path, |w| {
            w.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).expect("there"), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
    }
}
