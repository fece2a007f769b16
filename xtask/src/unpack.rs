//! Taking files out of a wheel and putting them in place.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use zip::ZipArchive;

use crate::stamp::Record;
use crate::wheels::Item;

/// From this size on a file is forced to the disk before it counts as done. After a power cut a
/// small one that never reached the disk is empty, which the next check sees by its size; forcing
/// thousands of headers one by one would take longer than everything else.
const SYNCED: u64 = 1 << 20;

/// Unpacks what is wanted of the wheel at `path` into `folder`, and says what that was.
///
/// Everything is unpacked into a folder beside first and checked against the wheel's own sums;
/// then each file takes its predecessor's place in one step. A build that runs meanwhile sees the
/// old file or the new one, never half of one.
pub fn unpack(path: &Path, item: &Item, folder: &Path) -> Result<Record> {
    let staging = folder.join(".staging");
    clear(&staging)?;
    let record = stage(path, item, &staging).inspect_err(|_| {
        // Most likely the disk is full; what can't be removed now is removed by the next run.
        let _ = clear(&staging);
    })?;
    for name in record.files.keys().chain(record.links.keys()) {
        move_into_place(&staging.join(name), &folder.join(name))?;
    }
    clear(&staging)?;
    Ok(record)
}

/// Removes a folder with all it holds, if it is there.
pub fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} can't be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

fn stage(path: &Path, item: &Item, staging: &Path) -> Result<Record> {
    let label = format!("{} {}", item.wheel.package(), item.wheel.version());
    let unreadable = || format!("{} can't be read as a wheel", path.display());
    let file = fs::File::open(path).with_context(unreadable)?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).with_context(unreadable)?;

    let mut wanted = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).with_context(unreadable)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name();
        let Some(place) = item.take.place(name) else {
            continue;
        };
        if !Path::new(&place)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            bail!(
                "{} holds a file named {name:?}, which would land outside its folder",
                path.display()
            );
        }
        total += entry.size();
        wanted.push((index, place));
    }
    if wanted.is_empty() {
        bail!("{} holds none of the files wanted from it", path.display());
    }

    let mut record = Record {
        wheel: item.wheel.file.to_owned(),
        sha256: item.wheel.sha256.to_owned(),
        take: item.take,
        files: Default::default(),
        links: Default::default(),
    };
    let bar = progress(total, format!("unpacking {label}"));
    for (index, place) in wanted {
        let mut entry = archive.by_index(index).with_context(unreadable)?;
        let target = staging.join(&place);
        let size = write(&target, |file| {
            io::copy(&mut entry, &mut bar.wrap_write(file))
        })
        .with_context(|| {
            format!(
                "{place} can't be unpacked from {label} to {}",
                target.display()
            )
        })?;
        record.files.insert(place, size);
    }
    bar.finish_and_clear();

    for &(place, text) in item.take.texts() {
        let target = staging.join(place);
        let size = write(&target, |mut file| {
            file.write_all(text.as_bytes()).map(|()| text.len() as u64)
        })
        .with_context(|| format!("{} can't be written", target.display()))?;
        record.files.insert(place.to_owned(), size);
    }
    for &(place, target) in item.take.links() {
        let beside = Path::new(place).with_file_name(target);
        if !record.files.keys().any(|name| Path::new(name) == beside) {
            bail!("{label} doesn't hold {target}, which {place} should point at");
        }
        link(target, &staging.join(place))
            .with_context(|| format!("the link {place} can't be made"))?;
        record.links.insert(place.to_owned(), target.to_owned());
    }
    Ok(record)
}

/// Creates the file with the folders above it, fills it, and forces it to the disk if it is large.
fn write(path: &Path, fill: impl FnOnce(&fs::File) -> io::Result<u64>) -> io::Result<u64> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = fs::File::create(path)?;
    let size = fill(&file)?;
    if size >= SYNCED {
        file.sync_all()?;
    }
    Ok(size)
}

fn move_into_place(from: &Path, to: &Path) -> Result<()> {
    let put = || {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(from, to)
    };
    put().with_context(|| format!("{} can't be put in place", to.display()))
}

#[cfg(unix)]
fn link(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

// Nobody publishes these wheels for other systems yet; this lets the program compile and say so.
#[cfg(not(unix))]
fn link(_target: &str, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A bar on a terminal; elsewhere one line, so that a log shows what takes its time.
fn progress(total: u64, message: String) -> ProgressBar {
    if !io::stderr().is_terminal() {
        eprintln!("{message}");
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total).with_message(message);
    if let Ok(style) = ProgressStyle::with_template(
        "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {eta:>4}",
    ) {
        bar.set_style(style);
    }
    bar
}
