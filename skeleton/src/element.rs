//! Kinds of numbers in other people's arrays and tensors, little endian.

use half::{bf16, f16};

/// The kind of an array's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    BF16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Signed whole numbers.
    I8,
    /// Signed whole numbers.
    I16,
    /// Signed whole numbers.
    I32,
    /// Signed whole numbers.
    I64,
    /// Unsigned whole numbers.
    U8,
    /// Unsigned whole numbers.
    U16,
    /// Unsigned whole numbers.
    U32,
    /// Unsigned whole numbers.
    U64,
    /// 0 or 1, one byte each.
    Bool,
}

impl Element {
    /// The kind behind NumPy's letter and size, such as `f4` or `b1`.
    pub fn of_numpy(name: &str) -> Option<Self> {
        Some(match name {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "b1" => Self::Bool,
            _ => return None,
        })
    }

    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// True for kinds with a fraction.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }

    /// The number in the first [`size`](Self::size) bytes as f32, rounded where it has more digits;
    /// 0 where there are fewer bytes.
    pub fn float(self, bytes: &[u8]) -> f32 {
        match self {
            Self::F16 => f16::from_le_bytes(first(bytes)).to_f32(),
            Self::BF16 => bf16::from_le_bytes(first(bytes)).to_f32(),
            Self::F32 => f32::from_le_bytes(first(bytes)),
            Self::F64 => f64::from_le_bytes(first(bytes)) as f32,
            Self::U64 => u64::from_le_bytes(first(bytes)) as f32,
            _ => self.int(bytes).unwrap_or_default() as f32,
        }
    }

    /// The number as a whole one, if it is one and fits.
    pub fn int(self, bytes: &[u8]) -> Option<i64> {
        Some(match self {
            Self::I8 => i8::from_le_bytes(first(bytes)).into(),
            Self::I16 => i16::from_le_bytes(first(bytes)).into(),
            Self::I32 => i32::from_le_bytes(first(bytes)).into(),
            Self::I64 => i64::from_le_bytes(first(bytes)),
            Self::U8 | Self::Bool => u8::from_le_bytes(first(bytes)).into(),
            Self::U16 => u16::from_le_bytes(first(bytes)).into(),
            Self::U32 => u32::from_le_bytes(first(bytes)).into(),
            Self::U64 => return u64::from_le_bytes(first(bytes)).try_into().ok(),
            Self::F16 | Self::BF16 | Self::F32 => return whole(self.float(bytes).into()),
            Self::F64 => return whole(f64::from_le_bytes(first(bytes))),
        })
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 a float no longer says which whole number it is.
    let exact = number.fract() == 0.0 && number.abs() <= (1u64 << 53) as f64;
    exact.then_some(number as i64)
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read() {
        assert_eq!(Element::F16.float(&[0x00, 0x3e]), 1.5);
        assert_eq!(Element::BF16.float(&[0xc0, 0x3f]), 1.5);
        assert_eq!(Element::F32.float(&1.5f32.to_le_bytes()), 1.5);
        assert_eq!(Element::F64.float(&1.5f64.to_le_bytes()), 1.5);
        assert_eq!(Element::I16.float(&(-7i16).to_le_bytes()), -7.0);
        assert_eq!(Element::I8.int(&[0xff]), Some(-1));
        assert_eq!(Element::U8.int(&[0xff]), Some(255));
        assert_eq!(Element::U64.int(&u64::MAX.to_le_bytes()), None);
        assert_eq!(Element::F64.int(&3.0f64.to_le_bytes()), Some(3));
        assert_eq!(Element::F64.int(&3.5f64.to_le_bytes()), None);
        assert_eq!(Element::F64.int(&f64::NAN.to_le_bytes()), None);
    }
}
