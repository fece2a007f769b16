//! Vectors and rotations in space, as little of them as a body needs.

use std::ops::Mul;

/// x, y, z in metres.
pub(super) type Vector = [f64; 3];

pub(super) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(super) fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(super) fn scale(a: Vector, by: f64) -> Vector {
    a.map(|x| x * by)
}

pub(super) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: Vector, b: Vector) -> Vector {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(super) fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// A rotation matrix; angles are in radians and turn right-handed about their axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rotation([Vector; 3]);

impl Rotation {
    pub(super) fn about_x(angle: f64) -> Self {
        let (s, c) = angle.sin_cos();
        Self([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    }

    pub(super) fn about_y(angle: f64) -> Self {
        let (s, c) = angle.sin_cos();
        Self([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    }

    pub(super) fn about_z(angle: f64) -> Self {
        let (s, c) = angle.sin_cos();
        Self([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    }

    /// The rotation about the direction of `vector` by its length (Rodrigues).
    pub(super) fn by_vector(vector: Vector) -> Self {
        let angle = length(vector);
        if angle < 1e-12 {
            return Self::about_x(0.0);
        }
        let [x, y, z] = scale(vector, 1.0 / angle);
        let (s, c) = angle.sin_cos();
        let d = 1.0 - c;
        Self([
            [c + x * x * d, x * y * d - z * s, x * z * d + y * s],
            [y * x * d + z * s, c + y * y * d, y * z * d - x * s],
            [z * x * d - y * s, z * y * d + x * s, c + z * z * d],
        ])
    }

    /// The rotation back.
    pub(super) fn inverse(&self) -> Self {
        let m = self.0;
        Self([0, 1, 2].map(|i| [0, 1, 2].map(|j| m[j][i])))
    }

    /// The rotated vector.
    pub(super) fn apply(&self, v: Vector) -> Vector {
        self.0.map(|row| dot(row, v))
    }
}

impl Mul for Rotation {
    type Output = Self;

    /// First `other`, then `self`.
    fn mul(self, other: Self) -> Self {
        let columns = other.inverse().0;
        Self(self.0.map(|row| columns.map(|column| dot(row, column))))
    }
}
