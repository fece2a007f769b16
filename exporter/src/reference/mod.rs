//! The model computed plainly, in f64, straight from its definition: convolution before
//! aggregation as published, every batch norm as a step of its own. Slow and simple; the exported
//! graph, which does all of this differently, is held against it.

mod continual;
mod encoder;

use crate::merge::merge;
use crate::source::Source;
use aimclr_engine::{Output, Windows};
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::sequence::CHANNELS;
use aimclr_skeleton::{Layout, Sequence};
pub use encoder::Encoder;

/// The model in f64.
pub struct Reference {
    layout: Layout,
    preprocessing: Preprocessing,
    frames: usize,
    bodies: usize,
    temperature: f64,
    merged: Vec<usize>,
    fusion: Vec<f64>,
    streams: Vec<Encoder>,
}

impl Reference {
    /// The model that `source` holds.
    pub fn of(source: &Source) -> Self {
        Self {
            layout: source.card.layout.clone(),
            preprocessing: source.card.preprocessing,
            frames: source.card.frames,
            bodies: source.card.bodies,
            temperature: source.card.calibration.temperature,
            merged: source.card.merged.clone(),
            fusion: source.card.fusion.clone(),
            streams: source.streams.iter().map(Encoder::of).collect(),
        }
    }

    /// What the exported graph should give for raw windows, rounded to f32 at the very end.
    ///
    /// # Panics
    /// Where the windows don't have the sizes of the model card.
    pub fn run(&self, windows: Windows<'_>) -> Output {
        let Windows { n, m, data } = windows;
        let body = self.frames * self.layout.len() * CHANNELS;
        assert_eq!(data.len(), n * m * body, "(N, M, T, V, 3) values");
        let absent = match m < self.bodies {
            true => self.streams.iter().map(Encoder::absent).collect(),
            false => vec![Vec::new(); self.streams.len()],
        };
        let mut output = Output {
            n,
            ..Output::default()
        };
        for window in data.chunks_exact(m * body) {
            let seen: Vec<Sequence> = window.chunks_exact(body).map(|b| self.prepare(b)).collect();
            let embeddings = self.streams.iter().zip(&absent).map(|(encoder, absent)| {
                let look = |seen: &Sequence| encoder.encode(&self.look(seen, encoder));
                let mut bodies: Vec<Vec<f64>> = seen.iter().map(look).collect();
                bodies.resize(self.bodies.max(m), absent.clone());
                mean(&bodies)
            });
            self.say(embeddings, &mut output);
        }
        output
    }

    /// What each encoder sees of a raw body, shape (T, V, 3), and what each of its blocks gives, (C, T, V):
    /// stream by stream, all side by side, rounded to f32.
    pub(crate) fn trace(&self, body: &[f32]) -> Vec<f32> {
        let seen = self.prepare(body);
        let mut trace = Vec::new();
        for encoder in &self.streams {
            let input = self.look(&seen, encoder);
            trace.extend(input.iter().map(|x| *x as f32));
            for map in encoder.trace(&input, 0) {
                trace.extend(map.data.iter().map(|x| *x as f32));
            }
        }
        trace
    }

    /// Puts what the streams' embeddings come to behind the rows of `output`.
    fn say(&self, embeddings: impl Iterator<Item = Vec<f64>>, output: &mut Output) {
        let mut scores = Vec::new();
        for ((encoder, embedding), share) in self.streams.iter().zip(embeddings).zip(&self.fusion) {
            add_scores(&mut scores, encoder, &embedding, *share);
            output.embedding.extend(embedding.iter().map(|x| *x as f32));
        }
        if !scores.is_empty() {
            let logits = merge(&scores, &self.merged, self.temperature);
            let probabilities = self.probabilities(&logits);
            output.logits.extend(logits.iter().map(|x| *x as f32));
            output.probabilities.extend(probabilities.map(|x| x as f32));
        }
    }

    /// One raw body, shape (T, V, 3), normalised.
    fn prepare(&self, body: &[f32]) -> Sequence {
        let mut sequence = Sequence {
            frames: self.frames,
            bodies: 1,
            joints: self.layout.len(),
            data: body.to_vec(),
        };
        self.preprocessing.apply(&mut sequence, &self.layout);
        sequence
    }

    /// What an encoder sees of a normalised body, shape (3, T, V).
    fn look(&self, sequence: &Sequence, encoder: &Encoder) -> Vec<f64> {
        channels_first(&encoder.stream.of(sequence, &self.layout))
    }

    /// Softmax of logits over the temperature.
    fn probabilities<'l>(&self, logits: &'l [f64]) -> impl Iterator<Item = f64> + use<'l> {
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let temperature = self.temperature;
        let scale = move |x: f64| ((x - highest) / temperature).exp();
        let total: f64 = logits.iter().map(|x| scale(*x)).sum();
        logits.iter().map(move |x| scale(*x) / total)
    }
}

/// One body, (T, 1, V, 3), as (3, T, V).
fn channels_first(seen: &Sequence) -> Vec<f64> {
    let points = seen.frames * seen.joints;
    let mut channels = vec![0.0; CHANNELS * points];
    for (point, position) in seen.data.chunks_exact(CHANNELS).enumerate() {
        for (c, x) in position.iter().enumerate() {
            channels[c * points + point] = f64::from(*x);
        }
    }
    channels
}

/// The plain mean over the bodies.
fn mean(bodies: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; bodies[0].len()];
    for feature in bodies {
        for (sum, x) in mean.iter_mut().zip(feature) {
            *sum += x / bodies.len() as f64;
        }
    }
    mean
}

/// Adds an encoder's share of the fused scores, where it has a classifier.
fn add_scores(scores: &mut Vec<f64>, encoder: &Encoder, embedding: &[f64], share: f64) {
    let Some(classifier) = &encoder.classifier else {
        return;
    };
    scores.resize(classifier.bias.len(), 0.0);
    let rows = classifier.weight.chunks_exact(embedding.len());
    for ((sum, row), bias) in scores.iter_mut().zip(rows).zip(&classifier.bias) {
        let score = bias + row.iter().zip(embedding).map(|(w, x)| w * x).sum::<f64>();
        *sum += share * score;
    }
}
