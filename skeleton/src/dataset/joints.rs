//! `joints.npy`, memory-mapped.

use super::DatasetError;
use crate::mapped::Mapped;
use crate::npy::Header;
use std::path::Path;

/// The mapped array, shape (all frames, M, V, 3).
#[derive(Debug)]
pub(super) struct Joints {
    map: Mapped,
    /// Where the numbers start in the file.
    offset: usize,
    /// Numbers in one frame.
    frame: usize,
}

impl Joints {
    /// Maps the file and checks that it is an f32 array in C order of just this shape.
    pub(super) fn open(path: &Path, shape: [usize; 4]) -> Result<Self, DatasetError> {
        let file = std::fs::File::open(path).map_err(|e| DatasetError::io(path, e))?;
        let map = Mapped::new(&file, None).map_err(|e| DatasetError::io(path, e))?;
        let fail = |reason: String| DatasetError::Array {
            path: path.into(),
            reason,
        };
        let header = Header::read(&map).map_err(fail)?;
        let offset = header.length;
        let rest = &map[offset..];
        if header.descr != "<f4" {
            return Err(fail(format!(
                "dtype: expected '<f4', found '{}'",
                header.descr
            )));
        }
        if header.fortran {
            return Err(fail("order: expected C order, found Fortran order".into()));
        }
        let expected: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
        if header.shape != expected {
            return Err(fail(format!(
                "shape: expected {expected:?} (frames of samples.csv added up, bodies, joints, 3), \
                 found {:?}",
                header.shape
            )));
        }
        let numbers = shape
            .iter()
            .try_fold(1usize, |n, size| n.checked_mul(*size));
        let bytes = numbers.and_then(|n| n.checked_mul(size_of::<f32>()));
        if bytes != Some(rest.len()) {
            return Err(fail(format!(
                "expected {} bytes of numbers after the header, found {}",
                bytes.map_or("too many".into(), |b| b.to_string()),
                rest.len()
            )));
        }
        if bytemuck::try_cast_slice::<u8, f32>(rest).is_err() {
            return Err(fail(
                "the header's length is not a multiple of 4; save it again".into(),
            ));
        }
        Ok(Self {
            map,
            offset,
            frame: shape[1..].iter().product(),
        })
    }

    /// The numbers of `count` frames from `start`.
    pub(super) fn frames(&self, start: usize, count: usize) -> &[f32] {
        let numbers: &[f32] = bytemuck::cast_slice(&self.map[self.offset..]);
        &numbers[start * self.frame..(start + count) * self.frame]
    }
}
