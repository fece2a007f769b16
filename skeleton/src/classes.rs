//! Names of classes: those of known data sets, or of a text file.

use crate::import::ntu::Edition;
use crate::import::pku_mmd;
use std::collections::HashSet;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// What [`read`] takes, for people.
pub const EXPECTED: &str = "ntu60|ntu120|pku-mmd|FILE";

/// Most bytes of a file of names.
const LARGEST: u64 = 16 << 20;

/// Those of the data set `ntu60`, `ntu120` or `pku-mmd`, or else of the text file that `name` is the
/// path of: one a line, in the order of the labels; blank lines are skipped.
///
/// # Errors
/// The file can't be read, is no UTF-8 text, larger than 16 MiB, or has no name in it.
pub fn read(name: &Path) -> Result<Vec<String>> {
    match name.to_str() {
        Some("ntu60") => return Ok(Edition::Ntu60.classes()),
        Some("ntu120") => return Ok(Edition::Ntu120.classes()),
        Some("pku-mmd") => return Ok(pku_mmd::classes()),
        _ => {}
    }
    let because = |kind, reason: String| {
        let reason = format!("{reason}; names of classes: expected {EXPECTED}, one a line");
        Error::new(kind, reason)
    };
    let mut text = String::new();
    let file = File::open(name).map_err(|error| because(error.kind(), error.to_string()))?;
    let read = file.take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|error| because(error.kind(), error.to_string()))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let names: Vec<String> = lines
        .filter(|line| !line.is_empty())
        .map(String::from)
        .collect();
    // Names are shown on terminals.
    let control = names
        .iter()
        .position(|name| name.contains(char::is_control));
    let reason = match (text.len() as u64 > LARGEST, names.is_empty(), control) {
        (true, ..) => format!("larger than {LARGEST} bytes"),
        (_, true, _) => "no name in it".into(),
        (.., Some(at)) => format!("name {} has a control character", at + 1),
        (.., None) => return Ok(names),
    };
    Err(because(ErrorKind::InvalidData, reason))
}

/// The first name that occurs a second time.
pub fn repeated(names: &[String]) -> Option<&str> {
    let mut known = HashSet::new();
    let twice = names.iter().find(|name| !known.insert(name.as_str()));
    twice.map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_data_sets_have_their_names() {
        for (name, count, last) in [
            ("ntu60", 60, "walking apart from each other"),
            (
                "ntu120",
                120,
                "finger-guessing game (playing rock-paper-scissors)",
            ),
            ("pku-mmd", 51, "writing"),
        ] {
            let names = read(Path::new(name)).expect("known");
            assert_eq!((names.len(), names[count - 1].as_str()), (count, last));
        }
    }

    #[test]
    fn a_file_has_a_name_a_line() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "\u{feff}wave\r\n\n  bow \n").expect("written");
        assert_eq!(read(file.path()).expect("names"), ["wave", "bow"]);
        std::fs::write(file.path(), " \n").expect("written");
        let refused = |name: &Path| read(name).expect_err("refused").to_string();
        assert!(refused(file.path()).contains("no name in it"));
        std::fs::write(file.path(), b"\xff").expect("written");
        assert!(refused(file.path()).contains("UTF-8"));
        let message = refused(Path::new("ntu61"));
        assert!(
            message.contains("expected ntu60|ntu120|pku-mmd|FILE"),
            "{message}"
        );
    }
}
