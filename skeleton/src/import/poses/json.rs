//! JSON files of bounded size, read piece by piece, with what Python writes of numbers that are none.

mod text;

use super::ImportError;
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::de::IoRead;
use serde_path_to_error::Track;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::Path;
use text::{CHUNK, Text};

/// Largest file that is read, bytes.
pub(super) const LARGEST: u64 = 256 << 20;

type Reader<'a> = BufReader<Text<Box<dyn Read + 'a>>>;

/// JSON values, one after the other: one in a usual file, many where each line is one.
pub(super) struct Json<'a> {
    /// The file's name, for messages.
    pub(super) item: String,
    /// The first two bytes that are no blanks.
    pub(super) first: [Option<u8>; 2],
    json: serde_json::Deserializer<IoRead<Reader<'a>>>,
}

impl<'a> Json<'a> {
    /// Opens a file of at most [`LARGEST`] bytes.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let io = |error| ImportError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let item = path.display().to_string();
        if size > LARGEST {
            let reason = format!("larger than {LARGEST} bytes; cut the clip into shorter ones");
            return Err(ImportError::item(item, reason));
        }
        Self::of(item, Box::new(file)).map_err(io)
    }

    /// JSON from somewhere else, `item` for messages, whose size has a bound already.
    pub(super) fn of(item: String, bytes: Box<dyn Read + 'a>) -> std::io::Result<Self> {
        let mut reader = BufReader::with_capacity(CHUNK, Text::new(bytes));
        let text = reader.fill_buf()?;
        let mut bytes = text.iter().copied().filter(|b| !b.is_ascii_whitespace());
        Ok(Self {
            item,
            first: [bytes.next(), bytes.next()],
            json: serde_json::Deserializer::from_reader(reader),
        })
    }

    /// True while there is another value.
    pub(super) fn more(&mut self) -> bool {
        self.json.end().is_err()
    }

    /// The next value.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<T, ImportError> {
        self.seeded(PhantomData)
    }

    /// The only value.
    pub(super) fn only<T: DeserializeOwned>(mut self) -> Result<T, ImportError> {
        if !self.more() {
            return Err(ImportError::item(self.item, "expected JSON, found nothing"));
        }
        let value = self.next()?;
        self.end()?;
        Ok(value)
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), ImportError> {
        match self.more() {
            false => Ok(()),
            true => Err(ImportError::item(
                &self.item,
                "expected one JSON value, found more",
            )),
        }
    }

    /// The elements of the next value, an array, one by one.
    pub(super) fn elements<T: DeserializeOwned>(
        &mut self,
        mut take: impl FnMut(T) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut failed = None;
        let elements = Elements::new(&mut take, &mut failed);
        let read = self.seeded(elements);
        failed.map_or(read, Err)
    }

    /// The same of the array that stands under `key` in the next value, an object.
    pub(super) fn elements_of<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        mut take: impl FnMut(T) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut failed = None;
        let elements = Elements::new(&mut take, &mut failed);
        let read = self.seeded(Under { key, elements });
        failed.map_or(read, Err)
    }

    fn seeded<S: for<'de> DeserializeSeed<'de, Value = V>, V>(
        &mut self,
        seed: S,
    ) -> Result<V, ImportError> {
        let mut track = Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut self.json, &mut track);
        seed.deserialize(tracked).map_err(|error| {
            let path = track.path().to_string();
            let field = if path == "." { String::new() } else { path };
            ImportError::at(&self.item, field, error.to_string())
        })
    }
}

/// Gives the elements of an array away as they come.
struct Elements<'t, T, F> {
    take: &'t mut F,
    failed: &'t mut Option<ImportError>,
    of: PhantomData<T>,
}

impl<'t, T, F> Elements<'t, T, F> {
    fn new(take: &'t mut F, failed: &'t mut Option<ImportError>) -> Self {
        Self {
            take,
            failed,
            of: PhantomData,
        }
    }
}

impl<'de, T, F> DeserializeSeed<'de> for Elements<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), ImportError>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T, F> Visitor<'de> for Elements<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), ImportError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element()? {
            if let Err(error) = (self.take)(element) {
                *self.failed = Some(error);
                return Err(A::Error::custom("not taken"));
            }
        }
        Ok(())
    }
}

/// Looks for an array in an object.
struct Under<'t, T, F> {
    key: &'static str,
    elements: Elements<'t, T, F>,
}

impl<'de, T, F> DeserializeSeed<'de> for Under<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), ImportError>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T, F> Visitor<'de> for Under<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), ImportError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let Elements { take, failed, .. } = self.elements;
        let mut found = false;
        while let Some(key) = object.next_key::<String>()? {
            if key == self.key {
                found = true;
                object.next_value_seed(Elements::new(take, failed))?;
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        match found {
            true => Ok(()),
            false => Err(A::Error::missing_field(self.key)),
        }
    }
}

/// An array of at most N elements.
#[derive(Debug, Clone)]
pub(super) struct AtMost<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Bounded::<T, N>(PhantomData))
    }
}

impl<T, const N: usize> AtMost<T, N> {
    /// From an array that has begun.
    pub(super) fn of<'de, A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error>
    where
        T: Deserialize<'de>,
    {
        let mut all = Vec::new();
        while let Some(element) = array.next_element()? {
            if all.len() == N {
                return Err(A::Error::custom(format!("more than {N} elements")));
            }
            all.push(element);
        }
        Ok(Self(all))
    }
}

struct Bounded<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Bounded<T, N> {
    type Value = AtMost<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        AtMost::of(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> Json<'static> {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), text).expect("written");
        let mut json = Json::open(file.path()).expect("opened");
        json.item = "a.json".into();
        json
    }

    #[test]
    fn bare_numbers_that_are_none_are_null() {
        let text = br#"{"a":[NaN,-Infinity,Infinity,-1,"NaN \" NaN\\"],"b":NaN}"#;
        let expected = serde_json::json!({"a":[null,null,null,-1,"NaN \" NaN\\"],"b":null});
        let found: serde_json::Value = file(text).only().expect("JSON");
        assert_eq!(found, expected);
        // Over every border of a chunk.
        for ahead in CHUNK - 12..CHUNK + 2 {
            let text = format!("{}[-Infinity]", " ".repeat(ahead));
            let found: Vec<Option<f32>> = file(text.as_bytes()).only().expect("JSON");
            assert_eq!(found, [None]);
        }
    }

    #[test]
    fn values_follow_one_another_and_errors_name_the_field() {
        let mut two = file(b"[1]\n\n[2,3]\n");
        assert_eq!(two.first, [Some(b'['), Some(b'1')]);
        let mut all: Vec<Vec<u8>> = Vec::new();
        while two.more() {
            all.push(two.next().expect("a value"));
        }
        assert_eq!(all, [vec![1], vec![2, 3]]);
        let refused = |text: &[u8]| {
            let value = file(text).only::<Vec<f32>>();
            value.expect_err("no").to_string()
        };
        assert!(refused(b"[1,\n\"x\"]").starts_with("a.json: [1]: invalid type: string \"x\""));
        assert!(refused(b"[1,\n\"x\"]").contains("line 2"));
        assert!(refused(b"[1] [2]").contains("expected one JSON value"));
        assert!(refused(b"").contains("found nothing"));
        assert!(refused(b"[1,").contains("EOF"));
    }

    #[test]
    fn elements_come_one_by_one() {
        let mut sum = 0;
        let mut add = |x: u32| {
            sum += x;
            Ok(())
        };
        file(b"[1, 2, 3]").elements(&mut add).expect("numbers");
        let object = br#"{"b": [[7]], "a": [4, 5], "c": {"a": [6]}}"#;
        file(object).elements_of("a", &mut add).expect("numbers");
        assert_eq!(sum, 15);
        let refused = |text: &[u8], key| {
            let stop = |x: u32| match x {
                9 => Err(ImportError::item("a.json", "nine")),
                _ => Ok(()),
            };
            file(text)
                .elements_of(key, stop)
                .expect_err("no")
                .to_string()
        };
        assert!(refused(br#"{"a": [1, "x"]}"#, "a").starts_with("a.json: a[1]: invalid type"));
        assert_eq!(refused(br#"{"a": [1, 9, "x"]}"#, "a"), "a.json: nine");
        assert!(refused(br#"{"b": []}"#, "a").contains("missing field `a`"));
    }

    #[test]
    fn what_would_take_memory_is_refused() {
        let many = format!("[{}1]", "1,".repeat(10));
        let few: Result<AtMost<u8, 10>, _> = file(many.as_bytes()).only();
        assert!(
            few.expect_err("eleven")
                .to_string()
                .contains("more than 10 elements")
        );
        let long = format!("[\"{}\"]", "x".repeat(text::LONGEST + 1));
        let text: Result<Vec<String>, _> = file(long.as_bytes()).only();
        let message = text.expect_err("long").to_string();
        assert!(
            message.contains("a text longer than 65536 bytes"),
            "{message}"
        );
        let deep = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(deep.path(), "[".repeat(100_000)).expect("written");
        let message = Json::open(deep.path()).err().expect("deep").to_string();
        assert!(message.contains("more than 64 brackets deep"), "{message}");
    }
}
