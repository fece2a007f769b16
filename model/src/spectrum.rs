//! A convolution over time as products of spectra.
//!
//! With 13 frames and 9 taps a direct convolution multiplies each pair of channels 97 times for
//! one joint. Seen as a circular convolution of length L = T + 4 (the padding at both ends can be
//! the same four zeros), its discrete Fourier transform has L/2 products of complex numbers, three
//! real ones each: 25 for L = 17. As the transform is orthogonal, it costs no digits. Transformed
//! weights grow by the same 25 to 9.

use std::f64::consts::TAU;

/// The transform for `frames` frames and an odd number of `taps`, padded to keep the length.
pub struct Spectrum {
    frames: usize,
    taps: usize,
    length: usize,
}

impl Spectrum {
    /// For so many frames and taps.
    pub fn new(frames: usize, taps: usize) -> Self {
        // Odd, so that only the constant part is real; a longer one is as right.
        let length = (frames + taps / 2) | 1;
        Self {
            frames,
            taps,
            length,
        }
    }

    /// P, the number of real products.
    pub fn products(&self) -> usize {
        1 + 3 * (self.length / 2)
    }

    /// What the frames become, shape (P, T): the constant part, then for each frequency the factors
    /// a + b, a and b of Gauss's product, where a + ib is the spectrum.
    pub fn analysis(&self) -> Vec<f64> {
        let mut rows = vec![1.0; self.frames];
        for f in 1..=self.length / 2 {
            let (a, b): (Vec<f64>, Vec<f64>) = (0..self.frames)
                .map(|t| self.turn(f, t as f64))
                .map(|(sin, cos)| (cos, -sin))
                .unzip();
            rows.extend(a.iter().zip(&b).map(|(a, b)| a + b));
            rows.extend(a);
            rows.extend(b);
        }
        rows
    }

    /// What `taps` weights become, P values: c, d − c and c + d of Gauss's product, where c + id is
    /// their spectrum, conjugated since what networks call a convolution is a correlation.
    pub fn weights(&self, taps: &[f64]) -> Vec<f64> {
        let centre = (self.taps / 2) as f64;
        let mut values = vec![taps.iter().sum()];
        for f in 1..=self.length / 2 {
            let (mut c, mut d) = (0.0, 0.0);
            for (tap, w) in taps.iter().enumerate() {
                let (sin, cos) = self.turn(f, tap as f64 - centre);
                c += w * cos;
                d += w * sin;
            }
            values.extend([c, d - c, c + d]);
        }
        values
    }

    /// The same as a matrix, shape (P, taps).
    pub fn of_taps(&self) -> Vec<f64> {
        let products = self.products();
        let mut matrix = vec![0.0; products * self.taps];
        for tap in 0..self.taps {
            let mut one = vec![0.0; self.taps];
            one[tap] = 1.0;
            for (p, w) in self.weights(&one).into_iter().enumerate() {
                matrix[p * self.taps + tap] = w;
            }
        }
        matrix
    }

    /// What the products become, shape (T, P): Re = k₁ − k₃ and Im = k₁ + k₂ at each frequency, and
    /// back to frames.
    pub fn synthesis(&self) -> Vec<f64> {
        let scale = 1.0 / self.length as f64;
        let mut rows = Vec::with_capacity(self.frames * self.products());
        for t in 0..self.frames {
            rows.push(scale);
            for f in 1..=self.length / 2 {
                let (sin, cos) = self.turn(f, t as f64);
                // A frequency and its negative, which the real signal has alike.
                let (re, im) = (2.0 * scale * cos, -2.0 * scale * sin);
                rows.extend([re + im, im, -re]);
            }
        }
        rows
    }

    /// What 1 in every frame is among the products: so much in the first, 0 in the others.
    pub fn constant(&self) -> f64 {
        self.length as f64
    }

    /// sin and cos of f·t turns out of L.
    fn turn(&self, f: usize, t: f64) -> (f64, f64) {
        (TAU * f as f64 * t / self.length as f64).sin_cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_convolution() {
        for frames in [1, 2, 5, 12, 13] {
            let taps: Vec<f64> = (0..9).map(|k| (k * k % 7) as f64 - 2.5).collect();
            let signal: Vec<f64> = (0..frames).map(|t| (t * 5 % 11) as f64 - 4.0).collect();
            let spectrum = Spectrum::new(frames, 9);
            let row = |row: &[f64], values: &[f64]| -> f64 {
                row.iter().zip(values).map(|(a, b)| a * b).sum()
            };
            let analysis = spectrum.analysis();
            let products: Vec<f64> = analysis
                .chunks_exact(frames)
                .zip(spectrum.weights(&taps))
                .map(|(analysis, weight)| weight * row(analysis, &signal))
                .collect();
            assert_eq!(products.len(), spectrum.products());
            for (row_of, weight) in spectrum
                .of_taps()
                .chunks_exact(9)
                .zip(spectrum.weights(&taps))
            {
                assert!((row(row_of, &taps) - weight).abs() < 1e-12);
            }
            let synthesis = spectrum.synthesis();
            for (t, synthesis) in synthesis.chunks_exact(products.len()).enumerate() {
                let term = |k: usize| {
                    let from = (t + k).checked_sub(4)?;
                    Some(taps[k] * signal.get(from)?)
                };
                let direct: f64 = (0..9).filter_map(term).sum();
                let found = row(synthesis, &products);
                assert!((synthesis[0] * spectrum.constant() - 1.0).abs() < 1e-12);
                assert!(
                    (direct - found).abs() < 1e-12,
                    "{frames}, {t}: {direct} {found}"
                );
            }
        }
    }
}
