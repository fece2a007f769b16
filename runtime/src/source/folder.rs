//! A folder with a frame a file, such as OpenPose's `--write_json` fills.

use super::Item;
use super::file::{LOOK, decoder, frame};
use super::inputs::{Ended, Feed};
use aimclr_skeleton::import::poses::folder::trailing_number;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// What OpenPose puts between the number and the ending.
const SUFFIX: &str = "_keypoints";

/// For so long after its last change a file that can't be read may not be all there yet.
const WRITING: Duration = Duration::from_secs(1);

/// How often a folder is listed even if it seems unchanged: its time is coarse.
const LIST: Duration = Duration::from_secs(1);

/// Frames by the numbers in their names; with `follow` those that appear later, too, as long as
/// their numbers increase.
pub(super) fn read(folder: &Path, follow: bool, mut feed: Feed) -> Result<(), Ended> {
    let mut decoder = decoder(&feed.manner);
    let mut last = None;
    let mut listed: Option<(Instant, Option<SystemTime>)> = None;
    loop {
        let changed = fs::metadata(folder)?.modified().ok();
        if let Some((when, then)) = listed
            && then == changed
            && when.elapsed() < LIST
        {
            feed.sender.sleep(LOOK)?;
            continue;
        }
        let files = numbered(folder, last)?;
        if files.is_empty() && !follow && last.is_none() {
            let reason = "expected .json files whose names end in the frame's number, found none";
            return Err(Ended::Failed(reason.into()));
        }
        listed = Some((Instant::now(), changed));
        for (number, path) in files {
            let read = frame(&path, number, &mut decoder)?;
            if follow && read.is_err() && is_being_written(&path) {
                // It is looked at again.
                listed = None;
                feed.sender.sleep(LOOK)?;
                break;
            }
            last = Some(number);
            feed.send(Item {
                line: number,
                arrived: Instant::now(),
                frame: read,
            })?;
        }
        if !follow {
            return Ok(());
        }
    }
}

fn is_being_written(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| at.elapsed().is_ok_and(|since| since < WRITING))
}

/// The files whose number is larger than `last`, by their numbers.
fn numbered(folder: &Path, last: Option<u64>) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let ending = path.extension().unwrap_or_default();
        if !ending.eq_ignore_ascii_case("json") || stem.starts_with('.') {
            continue;
        }
        let number = trailing_number(stem.strip_suffix(SUFFIX).unwrap_or(&stem));
        if let Some(number) = number.filter(|number| last.is_none_or(|last| *number > last)) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}
