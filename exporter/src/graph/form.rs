//! In what form the encoders are written.

use super::builder::Value;
use aimclr_model::card::Precision;
use std::collections::BTreeMap;

/// In what form the encoders are written, and what is found out while they are.
#[derive(Debug, Clone)]
pub struct Form {
    /// Half precision.
    pub half: bool,
    /// The widest convolution by way of spectra, where that is faster.
    pub spectra: bool,
    /// Ranges of the values around each convolution that is computed in bytes, by its name.
    pub ranges: BTreeMap<String, Ranges>,
    /// What is added to each channel of such a convolution, so that rounding doesn't move its mean.
    pub shifts: BTreeMap<String, Vec<f64>>,
    /// Convolutions in bytes stand beside those in floating point and lead nowhere: their sites
    /// have the outputs of both.
    pub(super) beside: bool,
    /// Every convolution that was written, in the order of the graph.
    pub(super) sites: Vec<Site>,
}

/// Lowest and highest values that go into a convolution and come out of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranges {
    /// What goes in.
    pub input: [f64; 2],
    /// What comes out.
    pub output: [f64; 2],
}

/// A convolution of the graph.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Its name.
    pub name: String,
    /// The value that goes in, and its size for one body.
    pub input: (Value, usize),
    /// The value that comes out, and its size for one body.
    pub output: (Value, usize),
    /// Channels of the latter.
    pub channels: usize,
    /// Multiply-accumulates for one body.
    pub macs: usize,
}

impl Form {
    /// Single precision, as fast as it gets.
    pub fn single() -> Self {
        Self {
            half: false,
            spectra: true,
            ranges: BTreeMap::new(),
            shifts: BTreeMap::new(),
            beside: false,
            sites: Vec::new(),
        }
    }

    /// Half precision. Convolutions are direct: GPUs are quick at them, and spectra would cost
    /// digits that aren't there.
    pub fn half() -> Self {
        Self {
            half: true,
            spectra: false,
            ..Self::single()
        }
    }

    /// What a card calls it.
    pub fn precision(&self) -> Precision {
        match (self.half, self.ranges.is_empty()) {
            (true, _) => Precision::F16,
            (false, true) => Precision::F32,
            (false, false) => Precision::Int8,
        }
    }

    /// These convolutions in bytes.
    pub fn quantised(ranges: BTreeMap<String, Ranges>, shifts: BTreeMap<String, Vec<f64>>) -> Self {
        Self {
            spectra: false,
            ranges,
            shifts,
            ..Self::single()
        }
    }

    /// As exact as it gets, with these convolutions in bytes beside their exact selves.
    pub(crate) fn beside(ranges: BTreeMap<String, Ranges>) -> Self {
        Self {
            beside: true,
            ..Self::quantised(ranges, BTreeMap::new())
        }
    }
}
