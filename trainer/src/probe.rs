//! A look at what the encoder has learnt while it learns: nearest neighbours within the training
//! part, by its labels. Pre-training itself never sees a label.

use crate::TrainError;
use crate::data::Clips;
use crate::encoder::Encoder;
use crate::evaluate::accuracy;
use crate::evaluate::knn::Bank;
use crate::streams::Streams;
use aimclr_model::plan::Pooled;
use tch::Tensor;

/// One of so many samples of each class is held out and classified by the others.
const SHARE: usize = 10;

/// Neighbours, as in the published evaluation.
const NEIGHBOURS: usize = 20;

/// Temperature of their votes.
const TEMPERATURE: f64 = 0.1;

/// Samples that are embedded or classified at once.
const BATCH: usize = 128;

/// Which samples are classified, and by which.
pub struct Probe {
    held_out: Vec<i64>,
    bank: Vec<i64>,
    classes: i64,
}

impl Probe {
    /// Holds out every tenth sample of each class, in the order of the data set.
    ///
    /// # Errors
    /// No class has ten samples.
    pub fn new(labels: &[i64]) -> Result<Self, TrainError> {
        let classes = labels.iter().max().map_or(0, |most| most + 1);
        let mut seen = vec![0; classes as usize];
        let (mut held_out, mut bank) = (Vec::new(), Vec::new());
        for (sample, label) in labels.iter().enumerate() {
            let count = &mut seen[*label as usize];
            *count += 1;
            match *count % SHARE {
                0 => held_out.push(sample as i64),
                _ => bank.push(sample as i64),
            }
        }
        match held_out.is_empty() {
            true => Err(TrainError::Setting {
                key: "--probe-every".into(),
                reason: format!(
                    "no class has {SHARE} training samples, so none can be held out; 0 turns the \
                     probe off"
                ),
            }),
            false => Ok(Self {
                held_out,
                bank,
                classes,
            }),
        }
    }

    /// Top-1 of the held out samples in percent, with the encoder in eval mode.
    pub fn top1(&self, encoder: &Encoder, streams: &Streams, clips: &Clips) -> f64 {
        tch::no_grad(|| {
            let embed = |samples: &[i64]| {
                let batches = samples.chunks(BATCH);
                let embedded = batches
                    .map(|chunk| encoder.embed(&streams.of(&clips.batch(chunk)), Pooled::Last));
                Tensor::cat(&embedded.collect::<Vec<_>>(), 0)
            };
            let bank = Bank {
                embeddings: &embed(&self.bank),
                labels: &clips.labels_of(&self.bank),
                classes: self.classes,
            };
            let hits: f64 = self
                .held_out
                .chunks(BATCH)
                .map(|chunk| {
                    let scores = bank.votes(&embed(chunk), NEIGHBOURS, TEMPERATURE);
                    let labels = clips.labels_of(chunk);
                    accuracy(&scores, &labels).0 * chunk.len() as f64
                })
                .sum();
            hits / self.held_out.len() as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenth_of_a_class_is_held_out() {
        let labels: Vec<i64> = (0..60).map(|i| i % 3).collect();
        let probe = Probe::new(&labels).expect("enough");
        assert_eq!(probe.held_out, [27, 28, 29, 57, 58, 59]);
        assert_eq!(probe.bank.len(), 54);
        let message = Probe::new(&labels[..27])
            .err()
            .expect("too few")
            .to_string();
        assert!(message.starts_with("--probe-every"), "{message}");
    }
}
