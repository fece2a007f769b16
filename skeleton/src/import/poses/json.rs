//! JSON files of bounded size, with what Python writes of numbers that are none.

use super::ImportError;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read, bytes.
pub(super) const LARGEST: u64 = 256 << 20;

/// A whole file, of at most [`LARGEST`] bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ImportError> {
    let io = |error| ImportError::io(path, error);
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        let reason = format!("larger than {LARGEST} bytes; cut the clip into shorter ones");
        return Err(ImportError::item(path.display().to_string(), reason));
    }
    Ok(bytes)
}

/// The values of a JSON text, one after the other: one in a usual file, many where each line is
/// one. Bare `NaN` and `Infinity`, which Python writes and JSON has not, are null.
pub(super) fn values<T: DeserializeOwned>(
    item: &str,
    text: &[u8],
    mut take: impl FnMut(T) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let text = nulls(text);
    let mut json = serde_json::Deserializer::from_slice(&text);
    while json.end().is_err() {
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { path };
            ImportError::at(item, field, error.inner().to_string())
        })?;
        take(value)?;
    }
    Ok(())
}

/// The one value of a JSON text.
pub(super) fn value<T: DeserializeOwned>(item: &str, text: &[u8]) -> Result<T, ImportError> {
    let mut found = None;
    values(item, text, |value| match found.replace(value) {
        None => Ok(()),
        Some(_) => Err(ImportError::item(
            item,
            "expected one JSON value, found more",
        )),
    })?;
    found.ok_or_else(|| ImportError::item(item, "expected JSON, found nothing"))
}

fn nulls(text: &[u8]) -> Cow<'_, [u8]> {
    const BARE: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut out: Vec<u8> = Vec::new();
    let (mut copied, mut at, mut quoted) = (0, 0, false);
    while let Some(&byte) = text.get(at) {
        match (quoted, byte) {
            (true, b'\\') => at += 1,
            (_, b'"') => quoted = !quoted,
            (false, b'N' | b'I' | b'-') => {
                if let Some(bare) = BARE.iter().find(|bare| text[at..].starts_with(bare)) {
                    out.extend_from_slice(&text[copied..at]);
                    out.extend_from_slice(b"null");
                    at += bare.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    match copied {
        0 => text.into(),
        _ => {
            out.extend_from_slice(&text[copied..]);
            out.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_that_are_none_are_null() {
        let text = br#"{"a":[NaN,-Infinity,Infinity,-1,"NaN \" NaN"],"b":NaN}"#;
        let found: serde_json::Value = value("a.json", text).expect("JSON");
        let expected = serde_json::json!({"a":[null,null,null,-1,"NaN \" NaN"],"b":null});
        assert_eq!(found, expected);
    }

    #[test]
    fn values_follow_one_another_and_errors_name_the_field() {
        let mut all = Vec::new();
        let take = |value: Vec<u8>| {
            all.push(value);
            Ok(())
        };
        values("a.json", b"[1]\n\n[2,3]\n", take).expect("two");
        assert_eq!(all, [vec![1], vec![2, 3]]);
        let refused = |text: &[u8]| {
            value::<Vec<f32>>("a.json", text)
                .expect_err("no")
                .to_string()
        };
        assert!(refused(b"[1,\n\"x\"]").starts_with("a.json: [1]: invalid type: string \"x\""));
        assert!(refused(b"[1,\n\"x\"]").contains("line 2"));
        assert!(refused(b"[1] [2]").contains("expected one JSON value"));
        assert!(refused(b"").contains("found nothing"));
        assert!(refused(b"[1,").contains("EOF"));
    }
}
