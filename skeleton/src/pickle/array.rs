//! NumPy arrays in a pickle.

use super::{Kind, PickleError, Value};
use crate::element::Element;
use std::borrow::Cow;

/// What a pickle of arrays, lists and dicts may call. NumPy 2 renamed `core`.
pub const ARRAYS: &[&str] = &[
    "__builtin__.bytes",
    "_codecs.encode",
    "collections.OrderedDict",
    "collections.defaultdict",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
];

/// An array whose numbers were counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<'p> {
    /// Shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Kind of the numbers.
    pub element: Element,
    /// The first index runs fastest.
    fortran: bool,
    data: Cow<'p, [u8]>,
    raw: &'p [u8],
}

/// An array whose numbers are not looked at yet.
struct Parts<'p> {
    shape: Vec<usize>,
    element: Element,
    fortran: bool,
    data: Value<'p>,
}

impl<'p> Array<'p> {
    /// Reads what `numpy.ndarray` and NumPy's single numbers leave in a pickle.
    pub fn read(value: Value<'p>) -> Result<Self, PickleError> {
        let Parts {
            shape,
            element,
            fortran,
            data,
        } = Parts::read(value)?;
        let mut sizes = shape.iter().copied();
        let bytes = sizes.try_fold(element.size(), usize::checked_mul);
        let unlike = |found: usize| PickleError::Kind {
            expected: format!("an array of shape {shape:?}"),
            found: format!("{found} bytes of {element:?}"),
        };
        let raw = data.raw();
        // A byte that is escaped takes two at most: nothing is unescaped that won't fit.
        if bytes.is_none_or(|bytes| raw.len() / 2 > bytes) {
            return Err(unlike(raw.len()));
        }
        let data = data.bytes()?;
        match bytes == Some(data.len()) {
            true => Ok(Self {
                shape,
                element,
                fortran,
                data,
                raw,
            }),
            false => Err(unlike(data.len())),
        }
    }

    /// Where the numbers lie in the pickle's input, escaped or not.
    pub fn raw(&self) -> &'p [u8] {
        self.raw
    }

    /// The shape alone, as the pickle has it: the numbers need not be there.
    pub fn shape(value: Value<'p>) -> Result<Vec<usize>, PickleError> {
        Parts::read(value).map(|parts| parts.shape)
    }

    /// Number of numbers.
    pub fn len(&self) -> usize {
        self.data.len() / self.element.size()
    }

    /// True without numbers.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// All numbers as f32, the last index running fastest.
    ///
    /// # Errors
    /// An array of several dimensions in Fortran order.
    pub fn floats(&self) -> Result<impl Iterator<Item = f32>, PickleError> {
        let chunks = self.chunks()?;
        Ok(chunks.map(|bytes| self.element.float(bytes)))
    }

    /// All numbers as whole ones.
    ///
    /// # Errors
    /// A number with a fraction or beyond 63 bits; an array in Fortran order.
    pub fn ints(&self) -> Result<Vec<i64>, PickleError> {
        let whole = |bytes| {
            self.element.int(bytes).ok_or_else(|| PickleError::Kind {
                expected: "whole numbers".into(),
                found: self.element.float(bytes).to_string(),
            })
        };
        self.chunks()?.map(whole).collect()
    }

    fn chunks(&self) -> Result<impl Iterator<Item = &[u8]>, PickleError> {
        match self.fortran && self.shape.iter().filter(|n| **n > 1).count() > 1 {
            false => Ok(self.data.chunks_exact(self.element.size())),
            true => Err(PickleError::Kind {
                expected: "an array in C order".into(),
                found: "Fortran order".into(),
            }),
        }
    }
}

impl<'p> Parts<'p> {
    fn read(value: Value<'p>) -> Result<Self, PickleError> {
        let Kind::Object(object) = value.kind() else {
            return Err(value.unlike("an array"));
        };
        let (shape, dtype, fortran, data) = match object.callable.rsplit_once('.') {
            // An empty array whose state is (version, shape, dtype, Fortran order, data).
            Some((_, "_reconstruct")) => {
                let state = object.state.ok_or_else(|| value.unlike("a whole array"))?;
                let [_, shape, dtype, fortran, data] = state.array()?;
                (sizes(shape)?, dtype, fortran.int()? != 0, data)
            }
            Some((_, "_frombuffer")) => {
                let [data, dtype, shape, order] = object.args.array()?;
                (sizes(shape)?, dtype, order.text()? == "F", data)
            }
            Some((_, "scalar")) => {
                let [dtype, data] = object.args.array()?;
                (Vec::new(), dtype, false, data)
            }
            _ => return Err(value.unlike("an array")),
        };
        Ok(Self {
            shape,
            element: element(dtype)?,
            fortran,
            data,
        })
    }
}

fn sizes(shape: Value<'_>) -> Result<Vec<usize>, PickleError> {
    shape.items()?.iter().map(Value::size).collect()
}

/// `numpy.dtype("f4", …)` with the byte order as the second part of its state.
fn element(value: Value<'_>) -> Result<Element, PickleError> {
    let Kind::Object(object) = value.kind() else {
        return Err(value.unlike("a dtype"));
    };
    let name = object.args.items()?.get(0);
    let name = name.ok_or_else(|| value.unlike("a dtype"))?.text()?;
    let order = match object.state {
        Some(state) => state.items()?.get(1).map_or(Ok("|"), Value::text)?,
        None => "|",
    };
    let element = Element::of_numpy(name).filter(|_| order != ">");
    element.ok_or_else(|| PickleError::Kind {
        expected: "an array of numbers, little endian".into(),
        found: format!("dtype '{}'", super::shown(&format!("{order}{name}"))),
    })
}
