//! Clips of a data set, brought into the encoder's form and put on the device.

use crate::{TrainError, device};
use aimclr_skeleton::cli::grouped;
use aimclr_skeleton::dataset::{Dataset, Part};
use aimclr_skeleton::normalise::Preprocessing;
use aimclr_skeleton::resize;
pub use aimclr_skeleton::window::Cut;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tch::{Device, Tensor};

/// Loading that takes longer is shown.
const SILENT: Duration = Duration::from_secs(1);

/// Samples, on the device or on the host.
pub struct Clips {
    /// Normalised joints, shape (N, 3, T, V, M).
    pub joints: Tensor,
    /// Class of each sample.
    pub labels: Vec<i64>,
    /// Name of each sample: its sequence's and, of a window, its first frame.
    pub names: Vec<String>,
    /// Median length of a sample in seconds.
    pub seconds: f64,
    /// Where batches go.
    device: Device,
}

impl Clips {
    /// Reads one part of a split into the host's memory, on all cores.
    pub fn load(
        dataset: &Dataset,
        split: &str,
        part: Part,
        cut: Cut,
        frames: usize,
        preprocessing: Preprocessing,
    ) -> Result<Self, TrainError> {
        let fps = dataset.meta().fps;
        let (mut labels, mut names) = (Vec::new(), Vec::new());
        let mut chosen = Vec::new();
        for index in dataset.part(split, part)? {
            let sample = &dataset.samples()[index];
            let ranges = cut.ranges(sample.frames, fps);
            for range in &ranges {
                labels.push(sample.label as i64);
                names.push(match cut {
                    Cut::Whole => sample.name.clone(),
                    Cut::Windows { .. } => format!("{}@{}", sample.name, range.start),
                });
            }
            chosen.push((index, ranges));
        }
        if labels.is_empty() {
            return Err(TrainError::Mismatch(format!(
                "{}: split \"{split}\" leaves no sample for {}; look at its column and values in \
                 dataset.toml",
                dataset.folder().display(),
                match part {
                    Part::Train => "training",
                    Part::Test => "testing",
                }
            )));
        }
        let (bodies, joints) = (dataset.meta().bodies, dataset.layout().len());
        let mut values = vec![0.0; labels.len() * 3 * frames * joints * bodies];
        let mut lengths = vec![0; labels.len()];
        let each = |sequence: &mut Sequence<'_>| {
            let whole = dataset.sequence(sequence.index)?;
            let size = sequence.values.len() / sequence.ranges.len();
            let places = sequence.values.chunks_exact_mut(size);
            for ((range, place), length) in sequence
                .ranges
                .iter()
                .zip(places)
                .zip(&mut *sequence.lengths)
            {
                let clip = cut.part(whole, range.clone());
                *length = clip.frames;
                let mut clip = resize::onto(clip, frames, dataset.layout());
                preprocessing.apply(&mut clip, dataset.layout());
                channels_first(&clip.data, place, [frames, bodies, joints]);
            }
            Ok(())
        };
        let size = values.len() / labels.len();
        in_parallel(
            Sequence::lay_out(chosen, size, &mut values, &mut lengths),
            each,
        )?;
        lengths.sort_unstable();
        let shape = [labels.len(), 3, frames, joints, bodies].map(|n| n as i64);
        Ok(Self {
            joints: Tensor::from_slice(&values).view(shape),
            labels,
            names,
            seconds: lengths[lengths.len() / 2] as f64 / fps,
            device: Device::Cpu,
        })
    }

    /// Samples whose embeddings are known already, so that their joints are not needed.
    pub(crate) fn embedded(
        labels: Vec<i64>,
        names: Vec<String>,
        seconds: f64,
        device: Device,
    ) -> Self {
        Self {
            joints: Tensor::zeros([labels.len() as i64, 0], (tch::Kind::Float, device)),
            labels,
            names,
            seconds,
            device,
        }
    }

    /// Brings samples that lie on the host to a device: at once if they take no more than `memory`
    /// bytes of it, else batch by batch. On a GPU, without `memory`, they may take half of what is
    /// free there; the other half is left to training. Says what was done, with sizes.
    pub fn onto(self, device: Device, memory: Option<u64>) -> (Self, String) {
        let bytes = (self.joints.numel() * size_of::<f32>()) as u64;
        let half = || device::free_memory(device).map(|free| free / 2);
        let most = memory.or_else(half).unwrap_or(u64::MAX);
        // What is said to be free may be gone or in pieces.
        let there = (bytes <= most).then(|| self.joints.f_to_device(device).ok());
        let samples = format!(
            "{} samples, {}",
            grouped(self.labels.len() as u64),
            megabytes(bytes)
        );
        let name = device::name(device);
        let (joints, line) = match there.flatten() {
            Some(joints) => (joints, format!("{samples}, on {name}")),
            None => {
                let room = match most {
                    u64::MAX => String::new(),
                    most => format!(" in {}", megabytes(most)),
                };
                let pinned = if device.is_cuda() { ", pinned" } else { "" };
                (
                    self.joints.shallow_clone(),
                    format!(
                        "{samples}, do not fit{room} on {name}: kept in host memory{pinned}, sent \
                         batch by batch"
                    ),
                )
            }
        };
        let clips = Self {
            joints,
            device,
            ..self
        };
        (clips, line)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never: loading refuses an empty part.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The joints of some samples, on the device. Does not wait for what that is doing: called
    /// right after a step was launched, it fetches the next step's samples meanwhile.
    pub fn batch(&self, indices: &[i64]) -> Tensor {
        let lie = self.joints.device();
        let indices = device::send(&Tensor::from_slice(indices), lie);
        let batch = self.joints.index_select(0, &indices);
        match self.device.is_cuda() && lie == Device::Cpu {
            // Only from pinned memory is a copy made beside the device's work.
            true => device::send(&batch.pin_memory(self.device), self.device),
            false => device::send(&batch, self.device),
        }
    }

    /// The classes of some samples, on the device.
    pub fn labels_of(&self, indices: &[i64]) -> Tensor {
        let labels: Vec<i64> = indices.iter().map(|i| self.labels[*i as usize]).collect();
        Tensor::from_slice(&labels).to_device(self.device)
    }
}

/// One sequence and the places of its samples.
struct Sequence<'a> {
    index: usize,
    ranges: Vec<Range<usize>>,
    values: &'a mut [f32],
    lengths: &'a mut [usize],
}

impl<'a> Sequence<'a> {
    /// Gives each of the chosen sequences its places, `size` values a sample.
    fn lay_out(
        chosen: Vec<(usize, Vec<Range<usize>>)>,
        size: usize,
        mut values: &'a mut [f32],
        mut lengths: &'a mut [usize],
    ) -> Vec<Self> {
        let mut sequences = Vec::with_capacity(chosen.len());
        for (index, ranges) in chosen {
            let (ours, rest) = std::mem::take(&mut values).split_at_mut(ranges.len() * size);
            values = rest;
            let (own, rest) = std::mem::take(&mut lengths).split_at_mut(ranges.len());
            lengths = rest;
            if !ranges.is_empty() {
                sequences.push(Self {
                    index,
                    ranges,
                    values: ours,
                    lengths: own,
                });
            }
        }
        sequences
    }
}

/// Works off the sequences on all cores, with a bar if that takes long. Of several errors the
/// first sequence's is given, as if they had been done one after the other.
fn in_parallel(
    sequences: Vec<Sequence<'_>>,
    each: impl Fn(&mut Sequence<'_>) -> Result<(), TrainError> + Sync,
) -> Result<(), TrainError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(sequences.len());
    let bar =
        ProgressBar::with_draw_target(Some(sequences.len() as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} sequences read") {
        bar.set_style(style);
    }
    let began = Instant::now();
    let left = Mutex::new((sequences.into_iter(), false));
    let next = || {
        let (left, shown) = &mut *left.lock().ok()?;
        if !*shown && began.elapsed() > SILENT {
            *shown = true;
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        left.next()
    };
    let work = || {
        while let Some(mut sequence) = next() {
            each(&mut sequence).map_err(|error| (sequence.index, error))?;
            bar.inc(1);
        }
        Ok(())
    };
    let first = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().expect("a worker does not panic").err())
            .min_by_key(|(index, _)| *index)
    });
    bar.finish_and_clear();
    first.map_or(Ok(()), |(_, error)| Err(error))
}

/// (T, M, V, 3) → (3, T, V, M).
fn channels_first(clip: &[f32], out: &mut [f32], [frames, bodies, joints]: [usize; 3]) {
    for (place, point) in clip.chunks_exact(3).enumerate() {
        let (v, rest) = (place % joints, place / joints);
        let (m, t) = (rest % bodies, rest / bodies);
        for (c, value) in point.iter().enumerate() {
            out[((c * frames + t) * joints + v) * bodies + m] = *value;
        }
    }
}

/// A size as people read it.
pub(crate) fn megabytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b if b >= 1e7 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.1} MB", b / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips() -> Clips {
        let shape = [5, 3, 4, 2, 1];
        Clips {
            joints: Tensor::arange(5 * 24, (tch::Kind::Float, Device::Cpu)).view(shape),
            labels: vec![0, 1, 0, 1, 2],
            names: ["a", "b", "c", "d", "e"].map(String::from).to_vec(),
            seconds: 1.0,
            device: Device::Cpu,
        }
    }

    #[test]
    fn batches_are_the_same_wherever_the_samples_lie() {
        let (fits, line) = clips().onto(Device::Cpu, None);
        assert_eq!(line, "5 samples, 0.0 MB, on cpu");
        let (kept, line) = clips().onto(Device::Cpu, Some(100));
        assert!(line.contains("do not fit in 0.0 MB on cpu"), "{line}");
        assert!(line.ends_with("batch by batch"), "{line}");
        let chosen = [4, 0, 3];
        assert_eq!(fits.batch(&chosen), kept.batch(&chosen));
        assert_eq!(fits.batch(&chosen).size(), [3, 3, 4, 2, 1]);
        assert_eq!(kept.labels_of(&chosen), Tensor::from_slice(&[2i64, 0, 1]));
    }

    #[test]
    fn joints_are_laid_out_by_coordinate() {
        let (frames, bodies, joints) = (3, 2, 4);
        let clip: Vec<f32> = (0..frames * bodies * joints * 3)
            .map(|i| i as f32)
            .collect();
        let mut out = vec![0.0; clip.len()];
        channels_first(&clip, &mut out, [frames, bodies, joints]);
        let shape = [frames, bodies, joints, 3].map(|n| n as i64);
        let expected = Tensor::from_slice(&clip)
            .view(shape)
            .permute([3, 0, 2, 1])
            .contiguous();
        assert_eq!(Tensor::from_slice(&out), expected.view([-1]));
    }

    #[test]
    fn the_first_sequence_with_an_error_is_named() {
        let chosen: Vec<_> = (0..50).map(|i| (i, Cut::Whole.ranges(9, 1.0))).collect();
        let (mut values, mut lengths) = (vec![0.0; 100], vec![0; 50]);
        let sequences = Sequence::lay_out(chosen, 2, &mut values, &mut lengths);
        let error = in_parallel(sequences, |sequence| {
            sequence.values.fill(sequence.index as f32);
            match sequence.index {
                20.. => Err(TrainError::Mismatch(sequence.index.to_string())),
                _ => Ok(()),
            }
        });
        assert_eq!(error.expect_err("20 fails").to_string(), "20");
        let expected = (0..20).flat_map(|i| [i as f32; 2]);
        assert!(expected.eq(values[..40].iter().copied()));
    }

    #[test]
    fn sizes_are_read_easily() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(40_091), "40,091");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(megabytes(601_365_000), "601 MB");
        assert_eq!(megabytes(9_210_000_000), "9.2 GB");
    }
}
