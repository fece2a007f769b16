//! What goes into an engine and what comes out, and the checks of both.

use crate::EngineError;
use aimclr_model::onnx::ModelFile;
use std::path::PathBuf;

/// Windows to run, shape (N, M, T, V, 3), C order: raw positions in metres in the camera's frame,
/// already resampled to the T frames of the model card, and finite. A body that is absent is all
/// zeros or, faster, left out: M may be anything from 1 to the card's `bodies`.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    /// N, how many windows.
    pub n: usize,
    /// M, bodies in each of them.
    pub m: usize,
    /// N·M·T·V·3 values.
    pub data: &'a [f32],
}

/// What a model says about N windows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// N.
    pub n: usize,
    /// Shape (N, E), where E is the card's `embedding`.
    pub embedding: Vec<f32>,
    /// Shape (N, classes); empty for a model without classifier.
    pub logits: Vec<f32>,
    /// Shape (N, classes), rows sum to 1; empty for a model without classifier.
    pub probabilities: Vec<f32>,
}

impl Output {
    /// Embedding of window `n`, E values.
    pub fn embedding_of(&self, n: usize) -> &[f32] {
        row(&self.embedding, self.n, n)
    }

    /// Logits of window `n`, one a class.
    pub fn logits_of(&self, n: usize) -> &[f32] {
        row(&self.logits, self.n, n)
    }

    /// Probabilities of window `n`, one a class.
    pub fn probabilities_of(&self, n: usize) -> &[f32] {
        row(&self.probabilities, self.n, n)
    }

    /// Puts other rows after these.
    pub fn append(&mut self, mut other: Output) {
        self.n += other.n;
        self.embedding.append(&mut other.embedding);
        self.logits.append(&mut other.logits);
        self.probabilities.append(&mut other.probabilities);
    }
}

fn row(values: &[f32], rows: usize, n: usize) -> &[f32] {
    let width = values.len().checked_div(rows).unwrap_or_default();
    &values[n * width..(n + 1) * width]
}

/// Shape and values of something that a graph gave.
pub(crate) type Given = (Vec<usize>, Vec<f32>);

/// The sizes that a model card fixes.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    pub path: PathBuf,
    pub frames: usize,
    pub joints: usize,
    pub bodies: usize,
    pub embedding: usize,
    pub classes: usize,
}

impl Sizes {
    pub fn of(model: &ModelFile) -> Self {
        Self {
            path: model.path.clone(),
            frames: model.card.frames,
            joints: model.card.layout.len(),
            bodies: model.card.bodies,
            embedding: model.card.embedding,
            classes: model.card.classes.len(),
        }
    }

    /// Values of one body's window.
    pub fn body(&self) -> usize {
        self.frames * self.joints * 3
    }

    /// Names of the outputs, in the graph's order, and the width of each.
    pub fn outputs(&self) -> Vec<(&'static str, usize)> {
        match self.classes {
            0 => vec![("embedding", self.embedding)],
            classes => vec![
                ("embedding", self.embedding),
                ("logits", classes),
                ("probabilities", classes),
            ],
        }
    }

    pub fn check(&self, windows: &Windows<'_>) -> Result<(), EngineError> {
        let fail = |expected: String, found: String| Err(EngineError::Windows { expected, found });
        if !(1..=self.bodies).contains(&windows.m) {
            let expected = format!("1 to {} bodies, as the model card says", self.bodies);
            return fail(expected, windows.m.to_string());
        }
        let values = windows
            .n
            .checked_mul(windows.m)
            .and_then(|bodies| bodies.checked_mul(self.body()));
        if values != Some(windows.data.len()) {
            let Windows { n, m, data } = windows;
            let expected = format!(
                "{n}×{m}×{}×{}×3 values, as the model card says",
                self.frames, self.joints
            );
            return fail(expected, data.len().to_string());
        }
        Ok(())
    }

    /// Puts the graph's outputs, given by shape and values in the graph's order, into an
    /// [`Output`]; fails where a shape isn't (n, width).
    pub fn collect(&self, n: usize, values: Vec<Given>) -> Result<Output, EngineError> {
        let mut values = values.into_iter();
        let mut take = |(name, width): (&'static str, usize)| {
            let expected = [n, width];
            let found = match values.next() {
                Some((shape, data)) if shape == expected && data.len() == n * width => {
                    return Ok(data);
                }
                Some((shape, _)) => format!("{shape:?}"),
                None => "nothing".into(),
            };
            Err(EngineError::Output {
                path: self.path.clone(),
                output: name,
                expected,
                found,
            })
        };
        let mut output = Output {
            n,
            ..Output::default()
        };
        for spec in self.outputs() {
            let data = take(spec)?;
            match spec.0 {
                "embedding" => output.embedding = data,
                "logits" => output.logits = data,
                _ => output.probabilities = data,
            }
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> Sizes {
        Sizes {
            path: "m.onnx".into(),
            frames: 2,
            joints: 4,
            bodies: 2,
            embedding: 3,
            classes: 2,
        }
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let data = [0.0; 2 * 2 * 2 * 4 * 3];
        let windows = |n, m| Windows { n, m, data: &data };
        assert!(sizes().check(&windows(2, 2)).is_ok());
        assert!(sizes().check(&windows(4, 1)).is_ok());
        for (n, m) in [(1, 0), (1, 3), (3, 1), (0, 1), (usize::MAX, 2)] {
            assert!(sizes().check(&windows(n, m)).is_err(), "({n}, {m})");
        }
    }

    #[test]
    fn outputs_of_another_shape_are_refused() {
        let good = || {
            vec![
                (vec![1, 3], vec![1.0, 2.0, 3.0]),
                (vec![1, 2], vec![0.0, 1.0]),
                (vec![1, 2], vec![0.3, 0.7]),
            ]
        };
        let output = sizes().collect(1, good()).expect("fits");
        assert_eq!(output.embedding_of(0), [1.0, 2.0, 3.0]);
        assert_eq!(output.probabilities_of(0), [0.3, 0.7]);
        let mut flat = good();
        flat[1].0 = vec![2];
        let mut short = good();
        short.pop();
        for wrong in [flat, short] {
            let message = sizes().collect(1, wrong).expect_err("wrong").to_string();
            assert!(message.contains("m.onnx"), "{message}");
        }
    }
}
