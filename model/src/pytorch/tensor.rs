//! Tensors as views of their storages.

use super::storage::{Declared, Storages};
use crate::weights::{Data, Tensor};
use aimclr_skeleton::pickle::{Kind, PickleError, Value};

/// Most dimensions of a tensor.
const MAX_DIMENSIONS: usize = 8;

pub(super) fn is_tensor(value: Value<'_>) -> bool {
    matches!(value.kind(), Kind::Object(object) if object.callable.starts_with("torch._utils._rebuild_"))
}

/// Which numbers of a storage make a tensor.
#[derive(Debug)]
pub(super) struct View {
    storage: Declared,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    /// `_rebuild_tensor…(storage, offset, shape, strides, …)`, or a parameter around it.
    pub(super) fn read(value: Value<'_>) -> Result<Self, PickleError> {
        let mut value = value;
        if let Kind::Object(object) = value.kind()
            && object.callable == "torch._utils._rebuild_parameter"
        {
            let inner = object.args.items()?.get(0);
            value = inner.ok_or_else(|| object.args.unlike("a tensor"))?;
        }
        let args = match value.kind() {
            Kind::Object(object) if object.callable.starts_with("torch._utils._rebuild_tensor") => {
                object.args.items()?
            }
            _ => return Err(value.unlike("a tensor")),
        };
        let arg = |i| args.get(i).ok_or_else(|| value.unlike("a whole tensor"));
        let sizes = |value: Value<'_>| -> Result<Vec<usize>, PickleError> {
            value.items()?.iter().map(Value::size).collect()
        };
        let view = Self {
            storage: Declared::read(arg(0)?)?,
            offset: arg(1)?.size()?,
            shape: sizes(arg(2)?)?,
            strides: sizes(arg(3)?)?,
        };
        let dimensions = view.shape.len();
        if dimensions != view.strides.len() || dimensions > MAX_DIMENSIONS {
            return Err(arg(3)?.unlike(format!(
                "as many strides as dimensions, at most {MAX_DIMENSIONS}"
            )));
        }
        Ok(view)
    }

    /// Number of numbers, and one past the last place in the storage; nothing where that is beyond
    /// what can be counted.
    fn extent(&self) -> Option<(usize, usize)> {
        let mut sizes = self.shape.iter().copied();
        let numbers = sizes.try_fold(1, usize::checked_mul)?;
        if numbers == 0 {
            return Some((0, 0));
        }
        let mut last = self.offset;
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((size - 1).checked_mul(*stride)?)?;
        }
        Some((numbers, last.checked_add(1)?))
    }

    /// The numbers, in C order: floats as f32, whole numbers as i64.
    ///
    /// # Errors
    /// The storage has fewer numbers than the view takes.
    pub(super) fn tensor(&self, storages: &mut Storages<'_>) -> Result<Tensor, String> {
        let there = self.storage.numbers;
        let (numbers, _) = self
            .extent()
            .filter(|(numbers, end)| numbers.max(end) <= &there)
            .ok_or_else(|| {
                format!(
                    "shape {:?}, strides {:?} from {} on: beyond its storage of {there} numbers",
                    self.shape, self.strides, self.offset
                )
            })?;
        let bytes = storages.take(&self.storage, numbers)?;
        let element = self.storage.element;
        let size = element.size();
        let places = self
            .places(numbers)
            .map(|place| &bytes[place * size..][..size]);
        let data = match element.is_float() {
            true => Data::F32(places.map(|bytes| element.float(bytes)).collect()),
            false => Data::I64(places.filter_map(|bytes| element.int(bytes)).collect()),
        };
        Ok(Tensor {
            shape: self.shape.clone(),
            data,
        })
    }

    /// Places in the storage, the last index running fastest.
    fn places(&self, numbers: usize) -> impl Iterator<Item = usize> {
        (0..numbers).map(|number| {
            let mut rest = number;
            let mut place = self.offset;
            for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
                place += rest % size * stride;
                rest /= size;
            }
            place
        })
    }
}
