//! Tracks: which person of a frame is which of the frames before.

use crate::buffer::Buffer;
use crate::gate::Body;
use aimclr_skeleton::Layout;
use aimclr_skeleton::frame::MAX_PEOPLE;
use aimclr_skeleton::layout::Point;
use aimclr_skeleton::window::Sample;
use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

/// A person who was not seen for so long has left, seconds. Shorter gaps are bridged.
const SHORTEST_GAP: f64 = 0.5;

/// In a slow stream, a person who was not seen for so many frames has left.
const GAP_FRAMES: f64 = 3.5;

/// A person without an id is looked for so far from where the track should be, metres, and so much
/// farther for each second since; half a metre is closer than two people mostly stand.
const GATE: f32 = 0.5;
const GATE_GROWTH: f32 = 1.0;

/// A torso that is e times as long as the track's counts as far off as so many metres. Torsos seem
/// longer and shorter as people turn and bend, so this decides only between people who are about as
/// near.
const SIZE_WEIGHT: f32 = 0.3;

/// No body is farther off after no time, metres, or moves faster, metres a second: an id that is
/// now there has been given to somebody else. The one allows for a place that is measured
/// otherwise as joints come into sight, the other is a sprinter's speed.
const JUMP: f32 = 1.0;
const JUMP_SPEED: f32 = 12.0;

/// Costs are whole numbers of so many metres.
const COST_UNIT: f32 = 1e-4;

/// Nobody is taken to move faster, metres a second.
const FASTEST: f32 = 5.0;

/// The joints of somebody who stands lie so far from their mean, metres, as the root of the mean
/// square: in a picture that says how many pixels a metre is.
const SPREAD: f32 = 0.5;

/// Most tracks of one source; with more, the one that was seen least recently ends.
const MOST: usize = 2 * MAX_PEOPLE;

/// One person from coming to leaving.
#[derive(Debug)]
pub struct Track {
    /// The source's id, or a number of our own.
    pub person: u64,
    /// When last seen, seconds.
    pub last: f64,
    /// What was seen lately.
    pub buffer: Buffer,
    /// When the next window of each length is due, once there was one.
    due: Vec<Option<f64>>,
    spot: Spot,
    velocity: [f32; 3],
}

/// Where somebody is.
#[derive(Debug, Clone, Copy)]
struct Spot {
    /// Metres, or pixels in a 2D layout, whose third number is 0.
    place: [f32; 3],
    /// How many of those are a metre.
    metre: f32,
    /// Length of the torso, metres or pixels, if both ends are seen.
    torso: Option<f32>,
}

/// The tracks of one source.
#[derive(Debug)]
pub struct Tracker {
    /// The torso's lower and upper place; the upper one, between the shoulders, cameras lose least.
    torso: (Point, Point),
    flat: bool,
    longest: f64,
    tracks: Vec<Track>,
    next: u64,
}

/// What one frame did to the tracks.
#[derive(Debug, Default)]
pub struct Observed {
    /// Tracks that began.
    pub begun: u64,
    /// Joints, and those among them that are missing.
    pub joints: u64,
    /// See [`joints`](Self::joints).
    pub missing: u64,
    /// Whose track each person of the frame joined, by the person's place in the frame; those of
    /// whom nothing was seen are left out.
    pub people: Vec<(usize, u64)>,
    /// Tracks that had to end, to make room or since their id has jumped.
    pub ended: Vec<Track>,
    /// How many of them did for a jump.
    pub jumped: u64,
}

/// How long a person may be out of sight, seconds, in a source with frames every `interval`
/// seconds and windows of `window` seconds.
pub fn gap(interval: Option<f64>, window: f64) -> f64 {
    let slow = GAP_FRAMES * interval.unwrap_or(0.0);
    slow.min(window).max(SHORTEST_GAP)
}

impl Track {
    /// How long ago, in seconds, the next window of length number `span`, `window` seconds, was due; `None`
    /// if it is not due yet. To be asked at each frame in which the person was seen. Half of
    /// `interval`, the time between frames, is granted, so that a hop that is a multiple of it is not
    /// missed by a rounding error. The first is due as soon as it is whole.
    pub fn late(&mut self, span: usize, window: f64, interval: f64) -> Option<f64> {
        if self.due.len() <= span {
            self.due.resize(span + 1, None);
        }
        if self.due[span].is_none() && self.buffer.latest(window).is_some() {
            self.due[span] = Some(self.last);
        }
        self.since(span, interval).filter(|late| *late >= 0.0)
    }

    /// Notes that the window was taken that was due last, and gives how many before it were not:
    /// there is one every `hop` seconds of stream time.
    pub fn looked(&mut self, span: usize, hop: f64, interval: f64) -> u64 {
        let late = self.since(span, interval).unwrap_or(0.0);
        let skipped = (late / hop).floor().max(0.0);
        if let Some(Some(due)) = self.due.get_mut(span) {
            *due += hop * (skipped + 1.0);
        }
        skipped as u64
    }

    fn since(&self, span: usize, interval: f64) -> Option<f64> {
        let due = self.due.get(span).copied().flatten()?;
        Some(self.last + interval / 2.0 - due)
    }

    /// How far two people are from each other, metres.
    pub fn apart(&self, other: &Track) -> f32 {
        other.distance(other.last, &self.spot, [0.0; 3])
    }

    fn see(&mut self, t: f64, spot: Spot, joints: Vec<Option<[f32; 3]>>) {
        let step = (t - self.last) as f32;
        if step > 0.0 {
            let fastest = FASTEST * spot.metre;
            let moved = spot.place.iter().zip(&self.spot.place);
            for ((now, before), velocity) in moved.zip(&mut self.velocity) {
                // Halving takes the noise of a single frame out.
                *velocity = 0.5 * (*velocity + (now - before) / step);
                *velocity = velocity.clamp(-fastest, fastest);
            }
        }
        self.spot = Spot {
            torso: match (self.spot.torso, spot.torso) {
                (Some(before), Some(now)) => Some(0.5 * (before + now)),
                (before, now) => now.or(before),
            },
            ..spot
        };
        self.last = t;
        self.buffer.push(Sample { t, joints });
    }

    /// How far off from where the track leads a person is looked for at `t`, metres.
    fn reach(&self, t: f64) -> f32 {
        GATE + GATE_GROWTH * (t - self.last) as f32
    }

    /// Distance of `spot` from where somebody who moves with `velocity` is at `t`, metres.
    fn distance(&self, t: f64, spot: &Spot, velocity: [f32; 3]) -> f32 {
        let step = (t - self.last) as f32;
        let off = |c: usize| spot.place[c] - (self.spot.place[c] + velocity[c] * step);
        // Half of a body may be out of sight, and then looks small.
        off(0).hypot(off(1)).hypot(off(2)) / spot.metre.max(self.spot.metre)
    }

    /// How ill `spot` at `t` fits the track, metres, if it is within reach.
    fn cost(&self, t: f64, spot: &Spot) -> Option<f32> {
        let distance = self.distance(t, spot, self.velocity);
        let size = match (self.spot.torso, spot.torso) {
            (Some(a), Some(b)) if a > 0.0 && b > 0.0 => (a / b).ln().abs(),
            _ => 0.0,
        };
        (distance <= self.reach(t)).then_some(distance + SIZE_WEIGHT * size.min(1.0))
    }

    /// Whether no body comes to `spot` by `t`.
    fn jumps(&self, t: f64, spot: &Spot) -> bool {
        let step = (t - self.last) as f32;
        self.distance(t, spot, [0.0; 3]) > JUMP + JUMP_SPEED * step
    }
}

impl Tracker {
    /// No tracks yet, of bodies of this layout, for windows of at most `longest` seconds.
    pub fn new(layout: &Layout, longest: f64) -> Self {
        Self {
            torso: layout.torso,
            flat: layout.is_2d(),
            longest,
            tracks: Vec::new(),
            next: 1,
        }
    }

    /// The tracks that live, in order of beginning.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The same, to work on.
    pub fn tracks_mut(&mut self) -> &mut [Track] {
        &mut self.tracks
    }

    /// Ends the tracks that were last seen before `t`.
    pub fn end_before(&mut self, t: f64) -> Vec<Track> {
        self.tracks.extract_if(.., |track| track.last < t).collect()
    }

    /// Ends every track.
    pub fn end_all(&mut self) -> Vec<Track> {
        std::mem::take(&mut self.tracks)
    }

    /// Adds the people of a frame to their tracks, or begins tracks for them. People with an id go
    /// by it, no two of them having the same, but not where no body could have come; the others go
    /// to the tracks that are left so that all of them together are as near as can be to where
    /// their tracks lead, with torsos as long as theirs. A person of whom no joint was seen is
    /// nobody.
    pub fn observe(&mut self, t: f64, people: &[Body]) -> Observed {
        let mut observed = Observed::default();
        let mut without_id = Vec::new();
        let mut taken = vec![false; self.tracks.len()];
        for (i, person) in people.iter().enumerate() {
            let joints = person.joints.clone();
            observed.joints += joints.len() as u64;
            observed.missing += joints.iter().filter(|joint| joint.is_none()).count() as u64;
            let Some(spot) = self.spot(&joints) else {
                continue;
            };
            let Some(id) = person.id else {
                without_id.push((i, spot, joints));
                continue;
            };
            observed.people.push((i, id));
            match self.tracks.iter().position(|track| track.person == id) {
                Some(at) if self.tracks[at].jumps(t, &spot) => {
                    let track = self.track(id, t, spot, joints, &mut observed);
                    let before = std::mem::replace(&mut self.tracks[at], track);
                    observed.ended.push(before);
                    observed.jumped += 1;
                    if let Some(taken) = taken.get_mut(at) {
                        *taken = true;
                    }
                }
                Some(at) => {
                    self.tracks[at].see(t, spot, joints);
                    if let Some(taken) = taken.get_mut(at) {
                        *taken = true;
                    }
                }
                None => {
                    let track = self.track(id, t, spot, joints, &mut observed);
                    self.tracks.push(track);
                }
            }
        }
        // Whoever began in this very frame lies behind `taken` and is no candidate.
        let free: Vec<usize> = (0..taken.len()).filter(|at| !taken[*at]).collect();
        let spots: Vec<Spot> = without_id.iter().map(|(_, spot, _)| *spot).collect();
        let assigned = self.assign(t, &free, &spots);
        for ((i, spot, joints), at) in without_id.into_iter().zip(assigned) {
            if let Some(at) = at {
                observed.people.push((i, self.tracks[at].person));
                self.tracks[at].see(t, spot, joints);
                continue;
            }
            let number = self.free_number(people);
            observed.people.push((i, number));
            let track = self.track(number, t, spot, joints, &mut observed);
            self.tracks.push(track);
        }
        self.make_room(&mut observed);
        observed
    }

    /// Which of the `free` tracks each spot belongs to, at the least cost in all. To belong to none
    /// costs as much as the farthest reach, so that a newcomer does not push anybody on.
    fn assign(&self, t: f64, free: &[usize], spots: &[Spot]) -> Vec<Option<usize>> {
        if free.is_empty() || spots.is_empty() {
            return vec![None; spots.len()];
        }
        let whole = |metres: f32| (metres / COST_UNIT) as i64;
        let reaches = free.iter().map(|at| self.tracks[*at].reach(t));
        let none = whole(reaches.fold(0.0, f32::max));
        let costs = Matrix::from_fn(spots.len(), free.len() + spots.len(), |(who, column)| {
            let track = free.get(column).map(|at| &self.tracks[*at]);
            match track.map(|track| track.cost(t, &spots[who])) {
                Some(Some(cost)) => whole(cost),
                // Worse than that both belong to none.
                Some(None) => 2 * none + 1,
                None => none,
            }
        });
        let (_, columns) = kuhn_munkres_min(&costs);
        let within = |(who, column): (usize, &usize)| {
            let at = *free.get(*column)?;
            self.tracks[at].cost(t, &spots[who]).map(|_| at)
        };
        columns.iter().enumerate().map(within).collect()
    }

    /// Where a person is: between the shoulders, or else at the mean of the joints that were seen.
    fn spot(&self, joints: &[Option<[f32; 3]>]) -> Option<Spot> {
        let place = |joint: &[f32; 3]| match self.flat {
            true => [joint[0], joint[1], 0.0],
            false => *joint,
        };
        let seen: Vec<[f32; 3]> = joints.iter().flatten().map(place).collect();
        if seen.is_empty() {
            return None;
        }
        let mean = middle(&seen);
        let point = |point: Point| -> Option<[f32; 3]> {
            let ends = point.joints().map(|v| joints.get(v).copied().flatten());
            let ends: Vec<[f32; 3]> = ends.iter().flatten().map(place).collect();
            (ends.len() == 2).then(|| middle(&ends))
        };
        let (lower, upper) = (point(self.torso.0), point(self.torso.1));
        let square = |joint: &[f32; 3]| -> f32 {
            joint.iter().zip(mean).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let spread = (seen.iter().map(square).sum::<f32>() / seen.len() as f32).sqrt();
        Some(Spot {
            place: upper.unwrap_or(mean),
            metre: match self.flat {
                true => (spread / SPREAD).max(f32::MIN_POSITIVE),
                false => 1.0,
            },
            torso: lower
                .zip(upper)
                .map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]).hypot(a[2] - b[2])),
        })
    }

    /// A track that begins.
    fn track(
        &self,
        person: u64,
        t: f64,
        spot: Spot,
        joints: Vec<Option<[f32; 3]>>,
        observed: &mut Observed,
    ) -> Track {
        let mut track = Track {
            person,
            last: t,
            buffer: Buffer::new(self.longest),
            due: Vec::new(),
            spot,
            velocity: [0.0; 3],
        };
        track.see(t, spot, joints);
        observed.begun += 1;
        track
    }

    /// A number that neither a track nor an id of this frame has.
    fn free_number(&mut self, people: &[Body]) -> u64 {
        loop {
            let number = self.next;
            self.next = self.next.wrapping_add(1).max(1);
            let lives = self.tracks.iter().any(|track| track.person == number);
            if !lives && people.iter().all(|person| person.id != Some(number)) {
                return number;
            }
        }
    }

    fn make_room(&mut self, observed: &mut Observed) {
        while self.tracks.len() > MOST {
            let least = (0..self.tracks.len())
                .min_by(|a, b| self.tracks[*a].last.total_cmp(&self.tracks[*b].last));
            if let Some(at) = least {
                observed.ended.push(self.tracks.remove(at));
            }
        }
    }
}

fn middle(places: &[[f32; 3]]) -> [f32; 3] {
    let mean = |c: usize| places.iter().map(|place| place[c]).sum::<f32>() / places.len() as f32;
    [mean(0), mean(1), mean(2)]
}

#[cfg(test)]
mod tests;
