//! An encoder before a split of a data set in the continual form: every sample is the end of what
//! was seen of a recording.

use super::{Embedded, Trial, checked_card, labelled};
use crate::TrainError;
use crate::data::{Clips, Cut};
use crate::encoder::Encoder;
use crate::streams::Streams;
use aimclr_model::card::Form;
use aimclr_model::continual::{STEP, unsettled};
use aimclr_model::plan::{Head, Pooled, QUERY};
use aimclr_model::{Card, Plan, Weights};
use aimclr_skeleton::dataset::{Dataset, Part};
use aimclr_skeleton::normalise::centre_and_turn_along;
use aimclr_skeleton::resize;
use std::cell::OnceCell;
use tch::{Device, Tensor};

/// A part of a split and its embeddings, with every block pooled.
struct Seen {
    clips: Clips,
    embeddings: Tensor,
}

impl Trial {
    /// Runs the encoder of `weights` along every recording of a split, with T frames in a window's
    /// length. A sample is taken at every step from the first one whose embedding holds nothing about
    /// a time before the recording, or of windows one every hop.
    ///
    /// # Errors
    /// As [`Trial::new`]; weights of a preprocessing that needs whole clips, a data set of several
    /// bodies, or one whose recordings are too short.
    pub fn continual(
        dataset: &Dataset,
        split: &str,
        weights: &Weights,
        cut: Cut,
        device: Device,
    ) -> Result<Self, TrainError> {
        let (plan, _) = Plan::of_weights(weights, QUERY)?;
        let mut card = checked_card(weights, plan, dataset)?;
        card.form = Form::Continual;
        card.bodies = dataset.meta().bodies;
        let mut hop = 0.0;
        if let Cut::Windows { window, hop: every } = cut {
            (card.window, hop) = (window, every);
        }
        card.check().map_err(|error| {
            let (weights, data) = (weights.path.display(), dataset.folder().display());
            TrainError::Mismatch(format!("{weights} on {data}: {error}"))
        })?;
        let encoder = Encoder::new(plan, Head::None, device);
        encoder.parameters.load(weights, QUERY)?;
        let streams = Streams::new(card.streams[0], &card.layout, device);
        let walk = Walk {
            dataset,
            split,
            card: &card,
            encoder: &encoder,
            streams: &streams,
            every: (hop * card.frames as f64 / card.window / STEP as f64).round() as usize,
            device,
        };
        let (train, test) = (walk.part(Part::Train)?, walk.part(Part::Test)?);
        let classes = dataset.meta().classes.clone();
        labelled::refuse_unseen_classes(&train.clips.labels, &test.clips.labels, &classes, split)?;
        let embeddings = Embedded {
            train: train.embeddings,
            test: test.embeddings,
        };
        Ok(Self {
            train: train.clips,
            test: test.clips,
            classes,
            dataset: dataset.meta().name.clone(),
            split: split.into(),
            streams,
            encoder,
            card,
            embeddings: OnceCell::from(embeddings),
        })
    }
}

struct Walk<'a> {
    dataset: &'a Dataset,
    split: &'a str,
    card: &'a Card,
    encoder: &'a Encoder,
    streams: &'a Streams,
    /// Steps from one sample to the next; 0 is each of them.
    every: usize,
    device: Device,
}

impl Walk<'_> {
    fn part(&self, part: Part) -> Result<Seen, TrainError> {
        let (dataset, card) = (self.dataset, self.card);
        let fps = dataset.meta().fps;
        let rate = card.frames as f64 / card.window;
        let unsettled = unsettled(&self.encoder.plan, card.frames);
        let (mut labels, mut names, mut embeddings) = (Vec::new(), Vec::new(), Vec::new());
        for index in dataset.part(self.split, part)? {
            let sample = &dataset.samples()[index];
            let recording = resize::to_rate(dataset.sequence(index)?, fps, rate, &card.layout);
            let steps = recording.frames / STEP;
            if steps <= unsettled {
                continue;
            }
            let along = self.embed(recording);
            let along = along.slice(0, unsettled as i64, None, self.every.max(1) as i64);
            for i in 0..along.size()[0] as usize {
                let step = unsettled + i * self.every.max(1);
                let newest = ((step + 1) * STEP) as f64 * fps / rate;
                labels.push(sample.label as i64);
                names.push(format!("{}@{newest:.0}", sample.name));
            }
            embeddings.push(along);
        }
        if labels.is_empty() {
            let seconds = ((unsettled + 1) * STEP) as f64 / rate;
            return Err(TrainError::Mismatch(format!(
                "{}: split \"{}\" has no recording of {seconds:.1} s or more in one of its parts; the \
                 continual form looks that far back. Trimmed clips are for the windowed form",
                dataset.folder().display(),
                self.split
            )));
        }
        Ok(Seen {
            clips: Clips::embedded(labels, names, card.window, self.device),
            embeddings: Tensor::cat(&embeddings, 0),
        })
    }

    /// Embedding after each step, (S, E).
    fn embed(&self, mut recording: aimclr_skeleton::Sequence) -> Tensor {
        let (frames, joints) = (recording.frames / STEP * STEP, recording.joints);
        centre_and_turn_along(&mut recording, &self.card.layout, self.card.frames);
        let shape = [frames, 1, joints, 3].map(|n| n as i64);
        let values = &recording.data[..frames * joints * 3];
        let joints = Tensor::from_slice(values)
            .view(shape)
            .permute([3, 0, 2, 1])
            .unsqueeze(0)
            .to_device(self.device);
        let seen = self.streams.along(&joints.contiguous());
        self.encoder
            .embed_along(&seen, self.card.frames, Pooled::Every)
    }
}
