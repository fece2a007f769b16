//! What was seen of one person lately, and the window that lies at its end.

use aimclr_skeleton::window::Sample;

/// Most samples per window length that are kept: 100 a second in a window of ten seconds. What
/// comes denser adds nothing to T frames and is passed over, so a buffer can't grow.
const MOST_PER_WINDOW: f64 = 1024.0;

/// How much is kept, in window lengths: the window and a margin for late edges.
const KEPT: f64 = 1.25;

/// The samples of one person, bounded in time and number.
#[derive(Debug)]
pub struct Buffer {
    longest: f64,
    /// Those before `first` have had their time.
    samples: Vec<Sample>,
    first: usize,
}

/// A window: what was seen in [`start`, `start` + `length`) seconds.
#[derive(Debug)]
pub struct Cut<'a> {
    /// Seconds.
    pub start: f64,
    /// Seconds; the wanted length, rounded to whole frame intervals as the trainer does.
    pub length: f64,
    /// The samples inside, in order of time.
    pub samples: &'a [Sample],
}

impl Buffer {
    /// An empty buffer for windows of at most `longest` seconds.
    pub fn new(longest: f64) -> Self {
        Self {
            longest,
            samples: Vec::new(),
            first: 0,
        }
    }

    /// Takes the next sample, which is later than those before.
    pub fn push(&mut self, sample: Sample) {
        if let Some(last) = self.samples.last()
            && sample.t - last.t < self.longest / MOST_PER_WINDOW
        {
            return;
        }
        let oldest = sample.t - KEPT * self.longest;
        self.samples.push(sample);
        let is_old = |second: &Sample| second.t <= oldest;
        while self.samples.get(self.first + 1).is_some_and(is_old) {
            self.first += 1;
        }
        // Seldom, so that a sample is moved about as often as it is taken.
        if self.first > self.samples.len() / 2 {
            self.samples.drain(..self.first);
            self.first = 0;
        }
    }

    fn samples(&self) -> &[Sample] {
        &self.samples[self.first..]
    }

    /// The sample that was taken last.
    pub fn last(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// The window that ends with the last sample, or `None` while what was seen is shorter;
    /// `window` is its length in seconds.
    ///
    /// A sample stands for the time around it: with frames at regular intervals d, those of the
    /// window are round(window / d), and it reaches from half an interval before the first to half
    /// an interval after the last. These are the frames that the trainer cuts
    /// ([`aimclr_skeleton::window::cut`]). The window must be whole: a model that was trained on
    /// two seconds of movement takes one second stretched onto T frames for slow motion. A sample
    /// more or less at the edges, as jitter and missed frames have it, makes no difference.
    pub fn latest(&self, window: f64) -> Option<Cut<'_>> {
        let samples = self.samples();
        let (first, last) = (samples.first()?.t, samples.last()?.t);
        let interval = interval(samples.iter().map(|sample| sample.t))?;
        let length = (window / interval).round().max(1.0) * interval;
        let start = last + interval / 2.0 - length;
        if first > start + interval {
            return None;
        }
        let inside = samples.partition_point(|sample| sample.t < start);
        Some(Cut {
            start,
            length,
            samples: &samples[inside..],
        })
    }

    /// The samples of a window that is known already, or `None` where they don't fill it, as in
    /// [`latest`](Self::latest).
    pub fn within(&self, start: f64, length: f64) -> Option<&[Sample]> {
        let samples = self.samples();
        let interval = interval(samples.iter().map(|sample| sample.t))?;
        let (first, last) = (samples.first()?.t, samples.last()?.t);
        if first > start + interval || last + interval < start + length {
            return None;
        }
        let before = |end: f64| samples.partition_point(|sample| sample.t < end);
        Some(&samples[before(start)..before(start + length)])
    }
}

/// Time from frame to frame in increasing `times`: the mean of the steps that are near the median,
/// so that neither a missed frame nor time stamps rounded to milliseconds shift it. `None` for
/// fewer than two times.
pub fn interval(times: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut before = None;
    let mut steps: Vec<f64> = times
        .into_iter()
        .filter_map(|t| Some(t - before.replace(t)?))
        .collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return None;
    }
    let median = *steps.select_nth_unstable_by(middle, f64::total_cmp).1;
    let near = |step: &&f64| (0.5 * median..=1.5 * median).contains(*step);
    let (sum, count) = steps
        .iter()
        .filter(near)
        .fold((0.0, 0.0), |(sum, count), step| (sum + step, count + 1.0));
    Some(sum / count).filter(|mean: &f64| mean.is_finite() && *mean > 0.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aimclr_skeleton::{Layout, Sequence, resize, window};

    /// A single joint in space.
    pub(crate) fn layout() -> Layout {
        Layout {
            joints: vec!["one".into()],
            centre: 0,
            ..Layout::ntu25()
        }
    }

    fn sample(t: f64, x: f32) -> Sample {
        Sample {
            t,
            joints: vec![Some([x, x.sin(), 1.0])],
        }
    }

    #[test]
    fn windows_of_regular_frames_are_the_trainers() {
        for (fps, seconds) in [(10.0, 2.0), (30.0, 2.5), (29.97, 2.0), (25.0, 1.33)] {
            let frames = 200;
            let mut recording = Sequence::zeros(frames, 1, 1);
            let mut buffer = Buffer::new(seconds);
            let cuts = window::cut(frames, fps, seconds, 1.0 / fps);
            let mut met = 0;
            for j in 0..frames {
                // As a camera writes them: from an arbitrary start, rounded to milliseconds.
                let t = ((17.0 + j as f64 / fps) * 1e3).round() / 1e3;
                buffer.push(sample(t, j as f32));
                recording.set_joint(j, 0, 0, [j as f32, (j as f32).sin(), 1.0]);
                let ours = buffer.latest(seconds).and_then(|cut| {
                    window::resample(cut.samples, cut.start, cut.length, 50, &layout())
                });
                let theirs = cuts.iter().find(|cut| cut.end == j + 1);
                assert_eq!(ours.is_some(), theirs.is_some(), "{fps} fps, frame {j}");
                let (Some(ours), Some(theirs)) = (ours, theirs) else {
                    continue;
                };
                met += 1;
                let theirs = resize::linear(recording.view().slice(theirs.clone()), 50);
                for (a, b) in ours.data.iter().zip(&theirs.data) {
                    assert!((a - b).abs() < 0.05, "{fps} fps, frame {j}: {a} {b}");
                }
            }
            assert_eq!(met, cuts.len());
        }
    }

    #[test]
    fn regular_time_stamps_that_are_exact_give_the_trainers_numbers() {
        let (fps, seconds) = (16.0, 2.0);
        let mut buffer = Buffer::new(seconds);
        let mut recording = Sequence::zeros(40, 1, 1);
        for j in 0..40 {
            buffer.push(sample(j as f64 / fps, j as f32));
            recording.set_joint(j, 0, 0, [j as f32, (j as f32).sin(), 1.0]);
        }
        let cut = buffer.latest(seconds).expect("whole");
        let ours =
            window::resample(cut.samples, cut.start, cut.length, 50, &layout()).expect("seen");
        let theirs = resize::linear(recording.view().slice(8..40), 50);
        for (a, b) in ours.data.iter().zip(&theirs.data) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn jitter_and_missed_frames_do_not_flush_a_window() {
        let mut buffer = Buffer::new(2.0);
        let mut whole = 0;
        for j in 0..120_i32 {
            if j % 7 == 3 || (60..66).contains(&j) {
                continue;
            }
            let jitter = f64::from(j * 7919 % 13 - 6) * 1e-3;
            buffer.push(sample(f64::from(j) / 30.0 + jitter, j as f32));
            let Some(cut) = buffer.latest(2.0) else {
                assert!(j < 62, "frame {j}: the window was lost");
                continue;
            };
            whole += 1;
            assert!((cut.length - 2.0).abs() < 0.03, "{}", cut.length);
            let resampled =
                window::resample(cut.samples, cut.start, cut.length, 50, &layout()).expect("seen");
            // x is the frame's number, so time on the window's own scale can be read off.
            for i in [10, 25, 40] {
                let t = cut.start + (f64::from(i) + 0.5) * cut.length / 50.0;
                let x = f64::from(resampled.joint(i as usize, 0, 0)[0]);
                assert!((x / 30.0 - t).abs() < 0.01, "frame {j}: {x} at {t}");
            }
        }
        assert!(whole > 40, "{whole}");
    }

    #[test]
    fn a_flood_of_samples_stays_bounded() {
        let mut buffer = Buffer::new(1.0);
        for i in 0..100_000 {
            buffer.push(sample(f64::from(i) * 1e-5, 0.0));
        }
        assert!(buffer.samples.len() <= 1400, "{}", buffer.samples.len());
        assert!(buffer.latest(1.0).is_some());
    }

    #[test]
    fn the_interval_ignores_gaps_and_rounding() {
        let times = (0..60).filter(|j| j % 5 != 2).map(|j| f64::from(j) / 30.0);
        let rounded = times.map(|t| (t * 1e3).round() / 1e3);
        let found = interval(rounded).expect("some");
        assert!((found - 1.0 / 30.0).abs() < 2e-4, "{found}");
        assert_eq!(interval([1.0]), None);
    }
}
