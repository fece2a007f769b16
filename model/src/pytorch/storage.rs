//! Storages: the numbers that tensors are views of.

use aimclr_skeleton::element::Element;
use aimclr_skeleton::pickle::{Kind, Pickle, PickleError, Value};
use std::collections::HashMap;

/// Kinds of storages by the names of their classes.
pub(super) const TYPES: &[(&str, Element)] = &[
    ("torch.BFloat16Storage", Element::BF16),
    ("torch.BoolStorage", Element::Bool),
    ("torch.ByteStorage", Element::U8),
    ("torch.CharStorage", Element::I8),
    ("torch.DoubleStorage", Element::F64),
    ("torch.FloatStorage", Element::F32),
    ("torch.HalfStorage", Element::F16),
    ("torch.IntStorage", Element::I32),
    ("torch.LongStorage", Element::I64),
    ("torch.ShortStorage", Element::I16),
];

/// A pickle's word on a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) key: String,
    pub(super) element: Element,
    /// How many numbers it has.
    pub(super) numbers: usize,
}

impl Declared {
    /// ("storage", class, key, device, numbers), with a sixth part of no use in old files.
    pub(super) fn read(value: Value<'_>) -> Result<Self, PickleError> {
        let Kind::Persistent(tuple) = value.kind() else {
            return Err(value.unlike("a storage"));
        };
        let parts: Vec<Value<'_>> = tuple.items()?.iter().collect();
        let (tag, class, key, numbers) = match parts[..] {
            [tag, class, key, _, numbers] => (tag, class, key, numbers),
            [tag, class, key, _, numbers, view] if matches!(view.kind(), Kind::None) => {
                (tag, class, key, numbers)
            }
            _ => return Err(tuple.unlike("the five parts of a storage")),
        };
        let element = match class.kind() {
            Kind::Global(name) => TYPES.iter().find(|(known, _)| *known == name),
            _ => None,
        };
        match (tag.text(), element) {
            (Ok("storage"), Some((_, element))) => Ok(Self {
                key: key.text()?.to_string(),
                element: *element,
                numbers: numbers.size()?,
            }),
            (Ok("storage"), None) => Err(class.unlike("a class of storages")),
            _ => Err(tag.unlike("\"storage\"")),
        }
    }
}

/// Kind and size of every storage that a pickle speaks of.
pub(super) fn declared(
    pickle: &Pickle<&[u8]>,
) -> Result<HashMap<String, (Element, usize)>, String> {
    let mut all = HashMap::new();
    for value in pickle.values() {
        if let Kind::Persistent(_) = value.kind() {
            let storage = Declared::read(value).map_err(|error| error.to_string())?;
            let word = (storage.element, storage.numbers);
            if *all.entry(storage.key.clone()).or_insert(word) != word {
                return Err(format!(
                    "storage {}: two words on its kind or size",
                    storage.key
                ));
            }
        }
    }
    Ok(all)
}

/// The storages of a checkpoint by their keys.
pub(super) struct Storages<'f> {
    bytes: HashMap<String, &'f [u8]>,
    /// Bytes of numbers that may yet be taken. Tensors share storages, so that a small file could
    /// ask for any amount.
    left: usize,
}

/// How often a file's size its tensors may be together: some share their numbers.
const SHARED: usize = 4;

impl<'f> Storages<'f> {
    /// Storages in a file of `size` bytes.
    pub(super) fn new(bytes: HashMap<String, &'f [u8]>, size: usize) -> Self {
        Self {
            bytes,
            left: size.saturating_mul(SHARED),
        }
    }

    /// The bytes of a storage, as many as were declared, for a tensor of `numbers` numbers.
    pub(super) fn take(&mut self, storage: &Declared, numbers: usize) -> Result<&'f [u8], String> {
        let Declared {
            key,
            element,
            numbers: declared,
        } = storage;
        let size = element.size();
        let bytes = self.bytes.get(key).copied();
        let bytes = bytes.ok_or_else(|| format!("storage {key} is missing"))?;
        if declared.checked_mul(size) != Some(bytes.len()) {
            return Err(format!(
                "storage {key}: expected {declared} numbers of {size} bytes, found {} bytes",
                bytes.len()
            ));
        }
        let left = self.left.checked_sub(numbers.saturating_mul(size));
        self.left = left.ok_or("more numbers than the file could hold")?;
        Ok(bytes)
    }
}
