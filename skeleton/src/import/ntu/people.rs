//! Whom of a recording to keep.

use super::skeleton::{Body, JOINTS, Joints, Recording};
use crate::sequence::Sequence;
use std::ops::Range;

/// M, bodies that are kept.
pub const BODIES: usize = 2;

/// A body that is there in no more frames is noise.
const BRIEF: usize = 11;

/// In a standing or sitting person, joints spread at most so far in width for each metre in height;
/// what the sensor makes of furniture is wider.
const WIDEST: f32 = 0.8;

/// A body that is too wide in at least this share of its frames is noise.
const MOSTLY: f64 = 0.7;

/// The first two bodies of each frame in the file's order, up to `limit` frames: what the released
/// code trains on. A frame without bodies is all zeros.
pub fn released(recording: &Recording, limit: usize) -> Sequence {
    let frames = recording.frames().min(limit);
    let mut sequence = Sequence::zeros(frames, BODIES, JOINTS);
    for t in 0..frames {
        for (m, body) in recording.bodies(t).iter().take(BODIES).enumerate() {
            place(&mut sequence, t, m, &body.joints);
        }
    }
    sequence
}

/// The two people who move most, told apart by their ids, each in a place of their own, the one who
/// moves most first. Bodies that are noise are dropped where others are left: those there in at
/// most 11 frames, and those that are mostly wider than a person. Frames before and after the two
/// are cut off.
pub fn tracked(recording: &Recording) -> Sequence {
    let mut tracks = tracks(recording);
    if tracks.iter().any(|track| !track.is_noise()) {
        tracks.retain(|track| !track.is_noise());
    }
    // Stable, so that equal ones stay in the order in which they came.
    tracks.sort_by(|a, b| b.motion().total_cmp(&a.motion()));
    tracks.truncate(BODIES);
    let present = present(&tracks);
    let mut sequence = Sequence::zeros(present.len(), BODIES, JOINTS);
    for (m, track) in tracks.iter().enumerate() {
        for (t, joints) in &track.frames {
            place(&mut sequence, t - present.start, m, joints);
        }
    }
    sequence
}

fn place(sequence: &mut Sequence, t: usize, m: usize, joints: &Joints) {
    for (v, position) in joints.iter().enumerate() {
        sequence.set_joint(t, m, v, *position);
    }
}

/// From the first frame in which somebody is there to the last.
fn present(tracks: &[Track<'_>]) -> Range<usize> {
    let frames = || tracks.iter().flat_map(|track| &track.frames);
    let first = frames().map(|(t, _)| *t).min().unwrap_or(0);
    first..frames().map(|(t, _)| t + 1).max().unwrap_or(0)
}

/// A body over time.
struct Track<'a> {
    id: u64,
    frames: Vec<(usize, &'a Joints)>,
}

/// All bodies by id, in the order in which they come.
fn tracks(recording: &Recording) -> Vec<Track<'_>> {
    let mut tracks: Vec<Track<'_>> = Vec::new();
    for t in 0..recording.frames() {
        for Body { id, joints } in recording.bodies(t) {
            match tracks.iter_mut().find(|track| track.id == *id) {
                // An id that occurs twice in a frame is one person.
                Some(track) if track.frames.last().is_some_and(|(last, _)| *last == t) => {}
                Some(track) => track.frames.push((t, joints)),
                None => tracks.push(Track {
                    id: *id,
                    frames: vec![(t, joints)],
                }),
            }
        }
    }
    tracks
}

impl Track<'_> {
    fn is_noise(&self) -> bool {
        let wide = self.frames.iter().filter(|(_, joints)| {
            let spread = |axis: usize| {
                let values = joints.iter().map(|position| position[axis]);
                values.clone().fold(f32::MIN, f32::max) - values.fold(f32::MAX, f32::min)
            };
            spread(0) > WIDEST * spread(1)
        });
        let most = MOSTLY * self.frames.len() as f64;
        self.frames.len() <= BRIEF || wide.count() as f64 >= most
    }

    /// How much it moves: the variances of x, y and z over all joints and frames, added up, as the
    /// data set's authors advise.
    fn motion(&self) -> f64 {
        let count = (self.frames.len() * JOINTS) as f64;
        let values = |axis: usize| {
            let joints = self.frames.iter().flat_map(|(_, joints)| joints.iter());
            joints.map(move |position| f64::from(position[axis]))
        };
        let variance = |axis: usize| {
            let mean = values(axis).sum::<f64>() / count;
            values(axis).map(|x| (x - mean).powi(2)).sum::<f64>() / count
        };
        (0..3).map(variance).sum()
    }
}
