//! Everything that decides what a pre-training run computes, as it stands in `run.json`, in a
//! configuration file and on the command line.

use crate::TrainError;
use crate::aimclr::Method;
use crate::augment::{Augmentations, Preset};
use crate::data::Cut;
use crate::encoder::Precision;
use crate::losses::Mining;
use crate::parameters::Init;
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::{Layout, Stream};
use serde::{Deserialize, Serialize};

/// Settings of a pre-training run. The defaults are the published values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What the encoder looks at.
    pub stream: Stream,
    /// How samples are normalised.
    pub preprocessing: Preprocessing,
    /// Frames of a sample after resampling.
    pub frames: usize,
    /// Seconds of a window cut from longer recordings; 0 takes whole sequences.
    pub window: f64,
    /// Seconds from one window to the next.
    pub hop: f64,
    /// Passes over the training part.
    pub epochs: usize,
    /// Samples in a step; an incomplete last batch is dropped.
    pub batch_size: usize,
    /// Keys in the queue.
    pub queue_size: usize,
    /// Last epoch without nearest neighbours mining.
    pub mining_epoch: usize,
    /// Neighbours of each view that count as positives.
    pub top: usize,
    /// Learning rate.
    pub lr: f64,
    /// The learning rate is divided by ten after each of these epochs.
    pub lr_steps: Vec<usize>,
    /// SGD's momentum.
    pub momentum: f64,
    /// SGD's weight decay.
    pub weight_decay: f64,
    /// Temperature of the contrastive losses.
    pub temperature: f64,
    /// Share of the key encoder that stays in a step.
    pub key_momentum: f64,
    /// Share of activations that dropout zeroes.
    pub dropout: f64,
    /// Which augmentations make the extreme view.
    pub augment: Preset,
    /// Whether the extreme view may have left and right swapped; where actions differ in their side
    /// only, an encoder that learns to ignore sides can't tell them apart.
    pub spatial_flip: bool,
    /// Largest off-diagonal element of a shear, in both views.
    pub shear: f64,
    /// Largest angle about the extreme view's main axis, in degrees.
    pub rotation: f64,
    /// Whether EADM drops features.
    pub eadm: bool,
    /// How several positives are summed.
    pub mining: Mining,
    /// How the weights start.
    pub init: Init,
    /// What the encoders compute in; everything else is f32.
    pub precision: Precision,
    /// Seed of every random number.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let method = Method::default();
        let augmentations = Augmentations::default();
        Self {
            stream: Stream::Joint,
            preprocessing: Preprocessing::Released,
            frames: 50,
            window: 0.0,
            hop: 0.0,
            epochs: 300,
            batch_size: 128,
            queue_size: method.queue_size,
            mining_epoch: 150,
            top: method.top,
            lr: 0.1,
            lr_steps: vec![250],
            momentum: method.momentum,
            weight_decay: method.weight_decay,
            temperature: method.temperature,
            key_momentum: method.key_momentum,
            dropout: method.dropout,
            augment: augmentations.preset,
            spatial_flip: augmentations.spatial_flip,
            shear: augmentations.shear,
            rotation: augmentations.rotation,
            eadm: method.eadm,
            mining: method.mining,
            init: Init::Default,
            precision: method.precision,
            seed: 0,
        }
    }
}

impl Settings {
    /// Takes a 2D layout's own preprocessing where none was chosen, as the published one is for 3D.
    ///
    /// # Errors
    /// One was chosen that is not made for the layout.
    pub fn suit(&mut self, layout: &Layout) -> Result<(), TrainError> {
        if self.preprocessing == Preprocessing::default() {
            self.preprocessing = Preprocessing::usual(layout);
        }
        match self.preprocessing.suits(layout) {
            true => Ok(()),
            false => fail(
                "preprocessing",
                &format!(
                    "{} is not made for layout \"{}\"; expected {}",
                    self.preprocessing,
                    layout.name,
                    Preprocessing::usual(layout)
                ),
            ),
        }
    }

    /// Checks that the values make sense together.
    pub fn check(&self) -> Result<(), TrainError> {
        // The upper bounds only keep a slip of the finger from asking for more memory than there is.
        let counts = [
            ("frames", self.frames, 4096),
            ("epochs", self.epochs, 1 << 20),
            ("batch-size", self.batch_size, 1 << 16),
            ("queue-size", self.queue_size, 1 << 22),
            ("top", self.top, 1 << 22),
        ];
        for (key, value, most) in counts {
            if !(1..=most).contains(&value) {
                return fail(key, &format!("expected 1 to {most}"));
            }
        }
        if self.batch_size < 2 {
            return fail(
                "batch-size",
                "expected at least 2: batch norm needs a batch",
            );
        }
        if self.top > self.queue_size {
            return fail("top", "there are not as many keys in the queue");
        }
        for (key, value) in [("lr", self.lr), ("temperature", self.temperature)] {
            if !(value.is_finite() && value > 0.0) {
                return fail(key, "expected a number above 0");
            }
        }
        for (key, value) in [
            ("momentum", self.momentum),
            ("key-momentum", self.key_momentum),
            ("dropout", self.dropout),
        ] {
            if !(0.0..1.0).contains(&value) {
                return fail(key, "expected 0 to below 1");
            }
        }
        if !(0.0..=1.0).contains(&self.shear) {
            return fail("shear", "expected 0 to 1");
        }
        if !(0.0..=180.0).contains(&self.rotation) {
            return fail("rotation", "expected degrees, 0 to 180");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return fail("weight-decay", "expected 0 or more");
        }
        if !(self.window.is_finite() && self.window >= 0.0) {
            return fail("window", "expected seconds, or 0 for whole sequences");
        }
        if self.window > 0.0 && !(self.hop.is_finite() && self.hop > 0.0) {
            return fail("hop", "expected seconds above 0: windows need one");
        }
        Ok(())
    }

    /// How sequences are cut.
    pub fn cut(&self) -> Cut {
        match self.window > 0.0 {
            true => Cut::Windows {
                window: self.window,
                hop: self.hop,
            },
            false => Cut::Whole,
        }
    }

    /// What is done to views.
    pub fn augmentations(&self) -> Augmentations {
        Augmentations {
            preset: self.augment,
            spatial_flip: self.spatial_flip,
            shear: self.shear,
            rotation: self.rotation,
        }
    }

    /// What of the method was chosen.
    pub fn method(&self) -> Method {
        Method {
            queue_size: self.queue_size,
            temperature: self.temperature,
            key_momentum: self.key_momentum,
            dropout: self.dropout,
            eadm: self.eadm,
            mining: self.mining,
            top: self.top,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            precision: self.precision,
        }
    }

    /// Learning rate in an epoch, 1-based.
    pub fn lr_in(&self, epoch: usize) -> f64 {
        stepped(self.lr, &self.lr_steps, epoch)
    }

    /// Names each setting in which `self` and `other` differ, but for the number of epochs, which
    /// a resumed run may raise.
    pub fn differences(&self, other: &Settings) -> Vec<String> {
        let values = |s: &Settings| serde_json::to_value(s).expect("settings are JSON");
        let (ours, theirs) = (values(self), values(other));
        let object = |v: &serde_json::Value| v.as_object().cloned().unwrap_or_default();
        let theirs = object(&theirs);
        object(&ours)
            .into_iter()
            .filter(|(key, value)| key != "epochs" && theirs.get(key) != Some(value))
            .map(|(key, value)| {
                let was = theirs
                    .get(&key)
                    .map_or("nothing".into(), ToString::to_string);
                format!("{} is {value}, was {was}", key.replace('_', "-"))
            })
            .collect()
    }
}

/// `lr`, divided by ten after each of `steps`, in an epoch, 1-based.
pub fn stepped(lr: f64, steps: &[usize], epoch: usize) -> f64 {
    let drops = steps.iter().filter(|step| epoch > **step).count();
    lr * 0.1f64.powi(drops as i32)
}

fn fail(key: &str, reason: &str) -> Result<(), TrainError> {
    Err(TrainError::Setting {
        key: format!("--{key}"),
        reason: reason.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_drops_after_its_epochs() {
        let settings = Settings {
            lr_steps: vec![2, 4],
            ..Settings::default()
        };
        let rates: Vec<f64> = (1..=5).map(|epoch| settings.lr_in(epoch)).collect();
        for (rate, expected) in rates.iter().zip([0.1, 0.1, 0.01, 0.01, 0.001]) {
            assert!((rate - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let bad = [
            (
                Settings {
                    batch_size: 1,
                    ..Settings::default()
                },
                "--batch-size",
            ),
            (
                Settings {
                    queue_size: 0,
                    ..Settings::default()
                },
                "--queue-size",
            ),
            (
                Settings {
                    lr: f64::NAN,
                    ..Settings::default()
                },
                "--lr",
            ),
            (
                Settings {
                    dropout: 1.0,
                    ..Settings::default()
                },
                "--dropout",
            ),
            (
                Settings {
                    window: 2.0,
                    ..Settings::default()
                },
                "--hop",
            ),
        ];
        for (settings, key) in bad {
            let message = settings.check().expect_err(key).to_string();
            assert!(message.starts_with(key), "{message}");
        }
        Settings::default().check().expect("the defaults are fine");
    }

    #[test]
    fn differences_are_named() {
        let other = Settings {
            lr: 0.2,
            epochs: 7,
            ..Settings::default()
        };
        assert_eq!(
            other.differences(&Settings::default()),
            ["lr is 0.2, was 0.1"]
        );
    }
}
