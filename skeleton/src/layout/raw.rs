//! How a pose estimator's own coordinates become the house's.

use serde::Deserialize;

/// Units and axes of a 3D layout's usual source. The house has metres, y up, z away from the
/// camera, x to the camera's own left.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Metres in one of its units.
    pub metres: f64,
    /// Which of its axes are the house's x, y and z.
    pub axes: [Axis; 3],
}

/// One axis of a source, or the other way along it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Axis {
    /// x.
    #[serde(rename = "x")]
    X,
    /// y.
    #[serde(rename = "y")]
    Y,
    /// z.
    #[serde(rename = "z")]
    Z,
    /// Against x.
    #[serde(rename = "-x")]
    MinusX,
    /// Against y.
    #[serde(rename = "-y")]
    MinusY,
    /// Against z.
    #[serde(rename = "-z")]
    MinusZ,
}

impl Raw {
    /// A position in the source's coordinates in the house's, metres.
    pub fn to_house(&self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        self.axes.map(|axis| {
            let along = match axis {
                Axis::X => x,
                Axis::Y => y,
                Axis::Z => z,
                Axis::MinusX => -x,
                Axis::MinusY => -y,
                Axis::MinusZ => -z,
            };
            (f64::from(along) * self.metres) as f32
        })
    }
}
