//! NumPy's `.npy` format: an array's kind, order and shape, then its numbers.

use crate::element::Element;
use crate::mapped::Mapped;

/// Longest header: NumPy writes some 120 bytes for the arrays that are read here.
const LONGEST: usize = 1024;

/// What an array's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Byte order and kind as NumPy writes them: `<f4`.
    pub(crate) descr: String,
    /// The first index runs fastest.
    pub(crate) fortran: bool,
    /// Shape.
    pub(crate) shape: Vec<u64>,
    /// Bytes ahead of the numbers.
    pub(crate) length: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let number = |bytes: &[u8]| {
            let bytes = bytes.iter().rev();
            bytes.fold(0, |x, byte| (x << 8) | usize::from(*byte))
        };
        let (length, text) = match bytes {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => {
                let text = number(&[*a, *b]);
                (10 + text, text)
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
                let text = number(&[*a, *b, *c, *d]);
                (12 + text, text)
            }
            _ => return Err("not a .npy file: magic not found".into()),
        };
        if length > LONGEST {
            return Err(format!(
                "not a .npy file of plain numbers: a header of {length} bytes; expected at most {LONGEST}"
            ));
        }
        let header = bytes
            .get(..length)
            .ok_or("not a .npy file: its header is cut off")?;
        let text = std::str::from_utf8(header.get(length - text..).unwrap_or_default());
        let fields = text.ok().and_then(Fields::parse);
        let fields = fields.ok_or("not a .npy file: its header is none of plain numbers")?;
        Ok(Self {
            descr: fields.descr.into(),
            fortran: fields.fortran,
            shape: fields.shape,
            length,
        })
    }
}

/// A header's text: a Python dict of three entries, in any order.
struct Fields<'t> {
    descr: &'t str,
    fortran: bool,
    shape: Vec<u64>,
}

impl<'t> Fields<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        while !rest.trim().is_empty() {
            let (key, after) = rest.trim_start().strip_prefix('\'')?.split_once('\'')?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            // Only a tuple has commas within.
            let end = match value.strip_prefix('(') {
                Some(_) => value.find(')')? + 1,
                None => value.find(',').unwrap_or(value.len()),
            };
            let (value, after) = value.split_at(end);
            let value = value.trim_end();
            match key {
                "descr" => descr = Some(value.strip_prefix('\'')?.strip_suffix('\'')?),
                "fortran_order" => {
                    fortran = Some(match value {
                        "True" => true,
                        "False" => false,
                        _ => return None,
                    });
                }
                "shape" => {
                    let sizes = value.strip_prefix('(')?.strip_suffix(')')?;
                    let sizes = sizes
                        .split(',')
                        .map(str::trim)
                        .filter(|size| !size.is_empty());
                    shape = Some(sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?);
                }
                _ => return None,
            }
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        Some(Self {
            descr: descr?,
            fortran: fortran?,
            shape: shape?,
        })
    }
}

/// An array in C order whose numbers were counted; `B` holds the file's bytes.
#[derive(Debug)]
pub(crate) struct Array<B> {
    bytes: B,
    start: usize,
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
}

impl<B: AsRef<[u8]>> Array<B> {
    /// Takes a whole `.npy` file.
    pub(crate) fn read(bytes: B) -> Result<Self, String> {
        let file = bytes.as_ref();
        let header = Header::read(file)?;
        let element = header
            .descr
            .strip_prefix(['<', '|'])
            .and_then(Element::of_numpy);
        let element = element.ok_or_else(|| {
            format!(
                "dtype: expected numbers, little endian, found '{}'",
                header.descr
            )
        })?;
        if header.fortran && header.shape.iter().filter(|n| **n > 1).count() > 1 {
            return Err("order: expected C order, found Fortran order".into());
        }
        let there = file.len() - header.length;
        let sizes = header.shape.iter().map(|n| usize::try_from(*n).ok());
        let shape = sizes.collect::<Option<Vec<usize>>>().unwrap_or_default();
        let mut sizes = header.shape.iter().copied();
        let needed = sizes.try_fold(element.size() as u64, u64::checked_mul);
        if needed != Some(there as u64) {
            return Err(format!(
                "shape {:?} of '{}': expected {} bytes of numbers after the header, found {there}",
                header.shape,
                header.descr,
                needed.map_or("too many".into(), |n| n.to_string())
            ));
        }
        Ok(Self {
            start: header.length,
            bytes,
            element,
            shape,
        })
    }

    /// The bytes of all numbers.
    pub(crate) fn numbers(&self) -> &[u8] {
        self.bytes.as_ref().get(self.start..).unwrap_or_default()
    }

    /// How many rows: the first size.
    pub(crate) fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The bytes of a row; none beyond the last.
    pub(crate) fn row(&self, index: usize) -> &[u8] {
        let width = self.shape.iter().skip(1).product::<usize>() * self.element.size();
        let start = index.checked_mul(width);
        start
            .and_then(|start| self.numbers().get(start..start.checked_add(width)?))
            .unwrap_or_default()
    }
}

impl Array<Mapped> {
    /// Gives back the memory that looking at some of the numbers has taken.
    pub(crate) fn release(&self, numbers: &[u8]) {
        self.bytes.release(numbers);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A `.npy` file, version 1.0.
    pub(crate) fn file(descr: &str, fortran: bool, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let text =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        with_header(&text, numbers)
    }

    fn with_header(text: &str, numbers: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(((text.len() + 1) as u16).to_le_bytes());
        bytes.extend(text.bytes());
        bytes.push(b'\n');
        bytes.extend(numbers);
        bytes
    }

    fn refused(bytes: &[u8]) -> String {
        Array::read(bytes).map(|_| ()).expect_err("refused")
    }

    #[test]
    fn rows_are_read() {
        let bytes = file("<f4", false, "(2, 3)", &[0; 24]);
        let array = Array::read(&bytes[..]).expect("read");
        assert_eq!((array.rows(), array.element), (2, Element::F32));
        assert_eq!(array.row(1).len(), 12);
        assert!(array.row(2).is_empty());
        assert!(array.row(usize::MAX).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (bytes, expected) in [
            (
                file("<f4", true, "(2, 3)", &[0; 24]),
                "order: expected C order, found Fortran order",
            ),
            (file(">f4", false, "(2, 3)", &[0; 24]), "found '>f4'"),
            (file("|O", false, "(2, 3)", &[0; 24]), "found '|O'"),
            (
                file("<f4", false, "(2, 3)", &[0; 23]),
                "expected 24 bytes of numbers after the header, found 23",
            ),
            (file("<f4", false, "(2, 3)", &[0; 25]), "found 25"),
            (
                file("<f8", false, "(4294967296, 4294967296)", &[0; 8]),
                "expected too many bytes",
            ),
            (b"PK".to_vec(), "not a .npy file"),
            (
                file("<f4", false, "(2, 3)", &[])[..40].to_vec(),
                "its header is cut off",
            ),
            (
                b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}".to_vec(),
                "a header of 4294967307 bytes",
            ),
            (with_header("{", &[]), "none of plain numbers"),
            (
                with_header("{'descr': '<f4', 'shape': (1,)}", &[]),
                "none of plain numbers",
            ),
            (file("<f4", false, "(-1,)", &[]), "none of plain numbers"),
            (
                file("<f4", false, "(36893488147419103232,)", &[]),
                "none of plain numbers",
            ),
            (
                with_header(
                    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
                    &[],
                ),
                "none of plain numbers",
            ),
        ] {
            let message = refused(&bytes);
            assert!(message.contains(expected), "{expected}: {message}");
        }
    }

    #[test]
    fn brackets_take_neither_time_nor_the_stack() {
        for bracket in ["(", "[", "{'a':", "((),"] {
            let text = bracket.repeat(1000 / bracket.len());
            assert!(refused(&with_header(&text, &[])).contains("not a .npy file"));
        }
    }
}
