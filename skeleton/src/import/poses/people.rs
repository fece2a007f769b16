//! Who of a frame's people is kept, and in which place.

use super::ImportError;
use crate::frame::Joint;
use crate::import::room::{Room, clip_bytes, most_frames};
use crate::sequence::Sequence;
use std::collections::BTreeMap;

/// Most frames of a clip, and most people of all its frames together: over four hours at 30 a
/// second, and a bound of some 250 MB. [`most_frames`] may be fewer.
pub const LIMIT: usize = 500_000;

/// Most people of one frame.
pub(super) const MOST_PEOPLE: usize = 1024;

/// One person in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The source's own track number.
    pub id: Option<u64>,
    /// How sure the source is of this person; only compared within a clip.
    pub confidence: f32,
    /// V joints as a data set has them: x, y, z or x, y, confidence; (0, 0, 0) where missing.
    pub joints: Vec<[f32; 3]>,
}

impl Seen {
    /// A person whose source gives joints with confidences of their own: their mean is its.
    pub(super) fn new(id: Option<u64>, given: &[Joint], joints: Vec<[f32; 3]>) -> Self {
        let sum: f32 = given.iter().map(Joint::confidence).sum();
        Self {
            id,
            confidence: sum / given.len().max(1) as f32,
            joints,
        }
    }

    /// Memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&self.joints[..]) + 16
    }

    fn is_there(&self) -> bool {
        self.joints.iter().any(|joint| *joint != [0.0; 3])
    }

    /// Mean of the joints seen.
    fn centre(&self) -> [f32; 3] {
        let seen: Vec<_> = self.joints.iter().filter(|j| **j != [0.0; 3]).collect();
        let mean = |c: usize| seen.iter().map(|j| j[c]).sum::<f32>() / seen.len().max(1) as f32;
        [mean(0), mean(1), mean(2)]
    }
}

/// All people of a clip, frame by frame.
pub struct Crowd<'r> {
    item: String,
    bodies: usize,
    joints: usize,
    room: &'r Room<'r>,
    frames: Vec<Vec<Seen>>,
    people: usize,
}

impl<'r> Crowd<'r> {
    /// Nobody yet. `item` is named in errors; `bodies` is M, the people that will be kept, and
    /// `joints` V.
    pub fn new(item: &str, bodies: usize, joints: usize, room: &'r Room<'r>) -> Self {
        Self {
            item: item.into(),
            bodies,
            joints,
            room,
            frames: Vec::new(),
            people: 0,
        }
    }

    /// Frames that it may have.
    pub(super) fn most_frames(&self) -> usize {
        most_frames(self.bodies, self.joints).min(LIMIT)
    }

    /// Everybody, frame by frame.
    pub(super) fn everybody(self) -> Vec<Vec<Seen>> {
        self.frames
    }

    /// Where the memory for it comes from.
    pub(super) fn room(&self) -> &'r Room<'r> {
        self.room
    }

    /// Adds the next frame. Who has no joint at all is nobody.
    ///
    /// # Errors
    /// The clip is too long, or a body has not V joints.
    pub fn push(&mut self, mut people: Vec<Seen>) -> Result<(), ImportError> {
        let frame = self.frames.len();
        let place = |field: &str| format!("frame {frame}{field}");
        let count = |person: &&Seen| person.joints.len() != self.joints;
        if let Some(person) = people.iter().find(count) {
            let (expected, found) = (self.joints, person.joints.len());
            let reason = format!("expected {expected}, found {found}");
            return Err(ImportError::at(&self.item, place(", joints"), reason));
        }
        people.retain(Seen::is_there);
        self.people += people.len();
        let most = self.most_frames();
        if frame == most || self.people > LIMIT {
            let reason = format!("at most {most} frames and {LIMIT} people in all are taken");
            return Err(ImportError::at(&self.item, place(""), reason));
        }
        self.room
            .take(size_of::<Vec<Seen>>() + people.iter().map(Seen::bytes).sum::<usize>());
        self.frames.push(people);
        Ok(())
    }

    /// The clip of the M people that matter most, shape (T, M, V, 3).
    ///
    /// Where everybody has a track number these are the tracks with the largest sum of confidences,
    /// the largest in place 0, and a track keeps its place. Otherwise they are the most confident
    /// of each frame, and each takes the place of the one who was nearest to it before.
    ///
    /// # Errors
    /// There are no frames, or nobody is in them.
    pub fn choose(self) -> Result<Sequence, ImportError> {
        if self.people == 0 {
            let reason = match self.frames.len() {
                0 => "expected frames, found none".into(),
                n => format!("nobody is seen in any of its {n} frames"),
            };
            return Err(ImportError::item(self.item, reason));
        }
        let (frames, bodies) = (self.frames.len(), self.bodies);
        self.room.take(clip_bytes(frames, bodies, self.joints));
        let mut clip = Sequence::zeros(frames, bodies, self.joints);
        let mut places = match self.tracks(bodies) {
            Some(tracks) => Places::Tracks(tracks),
            None => Places::Near(vec![None; bodies]),
        };
        for (t, people) in self.frames.into_iter().enumerate() {
            for (m, person) in places.of(people) {
                for (v, joint) in person.joints.into_iter().enumerate() {
                    clip.set_joint(t, m, v, joint);
                }
            }
        }
        Ok(clip)
    }

    /// The track numbers to keep, if everybody has one.
    fn tracks(&self, bodies: usize) -> Option<Vec<u64>> {
        let mut sums: BTreeMap<u64, f64> = BTreeMap::new();
        for person in self.frames.iter().flatten() {
            *sums.entry(person.id?).or_default() += f64::from(person.confidence);
        }
        let mut tracks: Vec<(u64, f64)> = sums.into_iter().collect();
        tracks.sort_by(|a, b| b.1.total_cmp(&a.1));
        Some(tracks.into_iter().take(bodies).map(|(id, _)| id).collect())
    }
}

/// Which place among the bodies somebody takes.
enum Places {
    Tracks(Vec<u64>),
    /// Where whoever has each place was last.
    Near(Vec<Option<[f32; 3]>>),
}

impl Places {
    fn of(&mut self, people: Vec<Seen>) -> Vec<(usize, Seen)> {
        match self {
            Self::Tracks(tracks) => {
                let place = |person: Seen| {
                    let m = tracks.iter().position(|id| Some(*id) == person.id)?;
                    Some((m, person))
                };
                people.into_iter().filter_map(place).collect()
            }
            Self::Near(last) => nearest(last, people),
        }
    }
}

fn nearest(last: &mut [Option<[f32; 3]>], mut people: Vec<Seen>) -> Vec<(usize, Seen)> {
    people.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    people.truncate(last.len());
    let mut free: Vec<usize> = (0..last.len()).collect();
    let mut placed = Vec::new();
    while !people.is_empty() {
        let distance = |person: &Seen, m: usize| {
            let centre = person.centre();
            last[m].map_or(f32::INFINITY, |at| {
                (0..3).map(|c| (at[c] - centre[c]).powi(2)).sum()
            })
        };
        let pairs = (0..people.len()).flat_map(|p| free.iter().map(move |m| (p, *m)));
        let far = |(p, m): (usize, usize)| distance(&people[p], m);
        // The first of equals: the most confident one, and the first place that is free.
        let Some((p, m)) = pairs.min_by(|a, b| far(*a).total_cmp(&far(*b))) else {
            break;
        };
        free.retain(|place| *place != m);
        placed.push((m, people.remove(p)));
    }
    for (m, person) in &placed {
        last[*m] = Some(person.centre());
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: Option<u64>, confidence: f32, x: f32) -> Seen {
        Seen {
            id,
            confidence,
            joints: vec![[x, 1.0, 1.0]],
        }
    }

    fn chosen(frames: Vec<Vec<Seen>>, bodies: usize) -> Vec<Vec<f32>> {
        let room = Room::default();
        let mut crowd = Crowd::new("a.json", bodies, 1, &room);
        for people in frames {
            crowd.push(people).expect("taken");
        }
        let clip = crowd.choose().expect("somebody");
        let x = |t: usize| (0..bodies).map(|m| clip.joint(t, m, 0)[0]).collect();
        (0..clip.frames).map(x).collect()
    }

    #[test]
    fn tracks_keep_their_place_and_the_most_present_come_first() {
        let frames = vec![
            vec![seen(Some(4), 0.9, 4.0), seen(Some(7), 0.5, 7.0)],
            vec![seen(Some(7), 0.5, 7.1), seen(Some(9), 0.6, 9.0)],
            vec![seen(Some(7), 0.5, 7.2)],
        ];
        assert_eq!(
            chosen(frames.clone(), 2),
            [[7.0, 4.0], [7.1, 0.0], [7.2, 0.0]]
        );
        assert_eq!(chosen(frames, 1), [[7.0], [7.1], [7.2]]);
    }

    #[test]
    fn without_tracks_the_nearest_goes_on() {
        let frames = vec![
            vec![
                seen(None, 0.9, 1.0),
                seen(None, 0.8, 5.0),
                seen(None, 0.1, 9.0),
            ],
            vec![seen(None, 0.9, 5.2), seen(None, 0.8, 1.1)],
            vec![],
            vec![seen(None, 0.9, 5.3)],
        ];
        let expected = [[1.0, 5.0], [1.1, 5.2], [0.0, 0.0], [0.0, 5.3]];
        assert_eq!(chosen(frames, 2), expected);
    }

    #[test]
    fn nobody_no_frames_and_other_joints_are_refused() {
        let room = Room::default();
        let crowd = |bodies| Crowd::new("a.json", bodies, 1, &room);
        let message = crowd(1).choose().expect_err("no frames").to_string();
        assert_eq!(message, "a.json: expected frames, found none");
        let mut empty = crowd(1);
        empty.push(vec![]).expect("taken");
        empty.push(vec![seen(None, 1.0, 0.0)]).expect("taken");
        let mut lost = crowd(1);
        let nobody = Seen {
            joints: vec![[0.0; 3]],
            ..seen(None, 1.0, 0.0)
        };
        lost.push(vec![nobody]).expect("taken");
        let message = lost.choose().expect_err("nobody").to_string();
        assert_eq!(message, "a.json: nobody is seen in any of its 1 frames");
        assert!(empty.choose().is_ok(), "x may be 0");
        let mut odd = seen(None, 1.0, 1.0);
        odd.joints.push([1.0; 3]);
        let message = crowd(1)
            .push(vec![odd])
            .expect_err("two joints")
            .to_string();
        assert_eq!(message, "a.json: frame 0, joints: expected 1, found 2");
    }

    #[test]
    fn a_clip_of_many_bodies_may_have_fewer_frames() {
        let room = Room::default();
        let mut crowd = Crowd::new("a.json", 16, 25, &room);
        let most = most_frames(16, 25);
        (0..most).for_each(|_| crowd.push(Vec::new()).expect("taken"));
        let message = crowd.push(Vec::new()).expect_err("too many").to_string();
        let expected = format!("frame {most}: at most {most} frames and 500000 people in all");
        assert!(message.contains(&expected), "{message}");
    }
}
