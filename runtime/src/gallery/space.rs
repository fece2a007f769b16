//! The space in which embeddings are compared: centred and whitened.

/// Centres and whitens by a mean and a covariance, then scales to length 1.
///
/// Embeddings are means behind a ReLU: never negative, so that any two point the same way, and with
/// a few directions that vary with the person far more than with the action. x ↦ L⁻¹(x − μ), where
/// LLᵀ is the covariance, takes both away. The covariance is shrunk towards a multiple of the unit
/// matrix as in Ledoit and Wolf (2004), so that it can be inverted whatever the number of samples.
#[derive(Debug)]
pub(super) struct Space {
    mean: Vec<f64>,
    /// Lower triangle, row by row; none where there was nothing to fit.
    factor: Vec<f64>,
}

impl Space {
    /// Fits a space to embeddings of E numbers each; without any, only the length is changed.
    pub fn fit(embeddings: &[&[f32]], size: usize) -> Self {
        if embeddings.len() < 2 {
            return Self {
                mean: vec![0.0; size],
                factor: Vec::new(),
            };
        }
        let n = embeddings.len() as f64;
        let mut mean = vec![0.0; size];
        for embedding in embeddings {
            for (mean, x) in mean.iter_mut().zip(*embedding) {
                *mean += f64::from(*x) / n;
            }
        }
        let mut covariance = vec![0.0; size * size];
        let mut fourth = 0.0;
        for embedding in embeddings {
            let x: Vec<f64> = embedding
                .iter()
                .zip(&mean)
                .map(|(x, m)| f64::from(*x) - m)
                .collect();
            fourth += dot(&x, &x).powi(2);
            for (row, xi) in covariance.chunks_exact_mut(size).zip(&x) {
                for (cell, xj) in row.iter_mut().zip(&x) {
                    *cell += xi * xj / n;
                }
            }
        }
        let variance = covariance.iter().step_by(size + 1).sum::<f64>() / size as f64;
        let square = dot(&covariance, &covariance);
        let spread = square - size as f64 * variance * variance;
        let noise = (fourth - n * square) / (n * n);
        let shrink = match spread > 0.0 {
            true => (noise / spread).clamp(0.0, 1.0),
            false => 1.0,
        };
        covariance.iter_mut().for_each(|cell| *cell *= 1.0 - shrink);
        for cell in covariance.iter_mut().step_by(size + 1) {
            // Rounding must not make a direction without variance negative.
            *cell += shrink * variance + 1e-9 * variance.max(f64::MIN_POSITIVE);
        }
        Self {
            mean,
            factor: cholesky(covariance, size),
        }
    }

    /// Brings an embedding into the space.
    pub fn place(&self, embedding: &[f32]) -> Vec<f64> {
        let size = self.mean.len();
        let mut x: Vec<f64> = embedding
            .iter()
            .zip(&self.mean)
            .map(|(x, m)| f64::from(*x) - m)
            .collect();
        for (i, row) in self.factor.chunks_exact(size).enumerate() {
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        let length = dot(&x, &x).sqrt();
        if length > 0.0 {
            x.iter_mut().for_each(|x| *x /= length);
        }
        x
    }
}

/// 1 − the cosine of two vectors of length 1: 0 to 2.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    (1.0 - dot(a, b)).max(0.0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// L of a positive definite LLᵀ, in place; above the diagonal stands what stood there.
fn cholesky(mut a: Vec<f64>, size: usize) -> Vec<f64> {
    for i in 0..size {
        let (above, rest) = a.split_at_mut(i * size);
        let row = &mut rest[..size];
        for j in 0..i {
            let other = &above[j * size..];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        row[i] = (row[i] - dot(&row[..i], &row[..i]))
            .max(f64::MIN_POSITIVE)
            .sqrt();
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_times_itself_is_the_matrix() {
        let matrix = vec![4.0, 2.0, 0.6, 2.0, 3.0, 0.4, 0.6, 0.4, 2.0];
        let l = cholesky(matrix.clone(), 3);
        for i in 0..3 {
            for j in 0..=i {
                let product = dot(&l[i * 3..=i * 3 + j], &l[j * 3..=j * 3 + j]);
                assert!((product - matrix[i * 3 + j]).abs() < 1e-12, "{i} {j}");
            }
        }
    }

    #[test]
    fn what_varies_much_counts_no_more_than_what_varies_little() {
        // First number: ±10, second: ±0.1, both around 50, independent of one another.
        let samples: Vec<Vec<f32>> = (0..400)
            .map(|i| {
                let sign = |bit: u32| if i >> bit & 1 == 1 { 1.0 } else { -1.0 };
                vec![50.0 + 10.0 * sign(0), 50.0 + 0.1 * sign(1)]
            })
            .collect();
        let samples: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
        let raw = Space::fit(&[], 2);
        let space = Space::fit(&samples, 2);
        let [a, b] = [[60.0, 50.1], [60.0, 49.9]];
        assert!(distance(&raw.place(&a), &raw.place(&b)) < 1e-4);
        // A right angle, but for the shrinkage.
        let found = distance(&space.place(&a), &space.place(&b));
        assert!(found > 0.2, "{found}");
        assert!(distance(&space.place(&a), &space.place(&a)) < 1e-9);
    }

    #[test]
    fn samples_that_are_all_alike_do_no_harm() {
        let one = [1.0, 2.0, 3.0];
        let space = Space::fit(&[&one, &one, &one], 3);
        let placed = space.place(&[2.0, 2.0, 2.0]);
        assert!(placed.iter().all(|x| x.is_finite()), "{placed:?}");
    }
}
