//! Reads the text files of a run or result.

use crate::TrainError;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read: a thousand epochs are a few hundred kilobytes.
const MAX_BYTES: u64 = 64 << 20;

/// A whole file of JSON.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, TrainError> {
    serde_json::from_str(&text(path)?).map_err(|error| TrainError::Format {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// One JSON object a line; none where there is no file. A last line without its end is still being
/// written, and left out.
pub(super) fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, TrainError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = text(path)?;
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let lines = whole
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| {
            serde_json::from_str(line.trim_end()).map_err(|error| TrainError::Format {
                path: path.into(),
                // The number of the line is that in the file, not in the object.
                reason: format!("line {}: {error}", i + 1).replace(" at line 1 column", ", column"),
            })
        })
        .collect()
}

fn text(path: &Path) -> Result<String, TrainError> {
    let io = |source| TrainError::Io {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    if read.map_err(io)? as u64 > MAX_BYTES {
        return Err(TrainError::Format {
            path: path.into(),
            reason: format!("larger than {MAX_BYTES} bytes"),
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_is_named_and_an_unfinished_one_left_out() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metrics.jsonl");
        let read = || json_lines::<Vec<u32>>(&path);
        assert_eq!(read().expect("no file"), [[0; 0]; 0]);
        std::fs::write(&path, "[1]\n[2]\n[3,").expect("written");
        assert_eq!(read().expect("read"), [[1], [2]]);
        std::fs::write(&path, "[1]\n[2\n[3]\n").expect("written");
        let error = read().expect_err("damaged").to_string();
        assert!(error.contains("metrics.jsonl: line 2: "), "{error}");
    }
}
