//! Which enrolled action a window is, if any.

use super::space::{Space, distance};
use super::{Action, Gallery};
use std::collections::BTreeMap;

/// Share of the background that an action's threshold lets through. This and [`RIVAL`] were chosen
/// by recall less false alarms; docs/benchmarks.md has on what.
const LET_THROUGH: f64 = 0.02;

/// An enrolled action may be so many times as far as the nearest window of the background.
const RIVAL: f64 = 1.1;

/// Without a background and with nothing else enrolled: so many times as far as the clips of an
/// action are from one another.
const ALONE: f64 = 2.0;

/// How steeply a window stops to be an action's at its threshold.
const STEEPNESS: i32 = 8;

/// Compares embeddings with a gallery.
#[derive(Debug)]
pub struct Matcher {
    space: Space,
    actions: Vec<Enrolled>,
    background: Vec<(String, Vec<f64>)>,
}

#[derive(Debug)]
struct Enrolled {
    name: String,
    windows: Vec<Vec<f64>>,
    threshold: f64,
}

/// What a gallery says about a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Probability of each enrolled action, in the gallery's order; the rest to 1 is for others.
    pub probabilities: Vec<f64>,
    /// Distance of the nearest action, in multiples of its threshold.
    pub distance: f64,
}

impl Matcher {
    /// Prepares a gallery.
    pub fn new(gallery: &Gallery) -> Self {
        let background: Vec<&[f32]> = gallery.background.iter().map(|w| &*w.embedding).collect();
        let space = Space::fit(&background, gallery.embedding);
        let background: Vec<_> = (gallery.background.iter())
            .map(|window| (window.action.clone(), space.place(&window.embedding)))
            .collect();
        let placed: Vec<(&str, Vec<Vec<Vec<f64>>>)> = (gallery.actions.iter())
            .map(|action| (&*action.name, clips(action, &space)))
            .collect();
        let fit = |at: usize| {
            let (name, clips) = &placed[at];
            let windows = clips.concat();
            let others = placed.iter().enumerate().filter(|(other, _)| *other != at);
            let others = others.flat_map(|(_, (_, clips))| clips.iter().flatten());
            let others = nearest(others.map(|window| to_nearest(window, &windows)));
            let among = among_themselves(clips);
            let rivals = background.iter().filter(|(action, _)| action != name);
            let mut rivals: Vec<f64> = rivals.map(|(_, w)| to_nearest(w, &windows)).collect();
            rivals.sort_by(f64::total_cmp);
            let let_through = (rivals.len() as f64 * LET_THROUGH) as usize;
            let threshold = match rivals.get(let_through) {
                Some(rival) => rival.max(among),
                None if others.is_finite() => (among + others) / 2.0,
                None => ALONE * among,
            };
            Enrolled {
                name: name.to_string(),
                windows,
                threshold: threshold.max(f64::EPSILON),
            }
        };
        Self {
            actions: (0..placed.len()).map(fit).collect(),
            space,
            background,
        }
    }

    /// Names of the enrolled actions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|action| action.name.as_str())
    }

    /// Distances up to which a window is an action's, 0 to 2, in the order of the names.
    pub fn thresholds(&self) -> impl Iterator<Item = f64> {
        self.actions.iter().map(|action| action.threshold)
    }

    /// Looks at a window's embedding.
    ///
    /// With r = d / min(threshold, 1.1·b), d the distance (1 − cosine) of the nearest enrolled
    /// window and b that of the nearest one of the background, a window is an action's with
    /// 1 / (1 + r⁸); where it is several actions', they share the largest of those.
    pub fn score(&self, embedding: &[f32]) -> Scored {
        let window = self.space.place(embedding);
        let mut rivals: BTreeMap<&str, f64> = BTreeMap::new();
        for (action, other) in &self.background {
            let least = rivals.entry(action).or_insert(f64::INFINITY);
            *least = least.min(distance(&window, other));
        }
        let mut scored = Scored {
            probabilities: Vec::new(),
            distance: f64::INFINITY,
        };
        for action in &self.actions {
            let d = to_nearest(&window, &action.windows);
            let rivals = rivals.iter().filter(|(name, _)| **name != action.name);
            let rival = nearest(rivals.map(|(_, rival)| *rival));
            let limit = action.threshold.min(RIVAL * rival).max(f64::EPSILON);
            let belongs = 1.0 / (1.0 + (d / limit).powi(STEEPNESS));
            scored.probabilities.push(belongs);
            scored.distance = scored.distance.min(d / action.threshold);
        }
        let most = scored.probabilities.iter().copied().fold(0.0, f64::max);
        let sum: f64 = scored.probabilities.iter().sum();
        if sum > 0.0 {
            let share = most / sum;
            scored.probabilities.iter_mut().for_each(|p| *p *= share);
        }
        scored
    }

    /// Adds actions that are not among `names` to them. Gives each enrolled action's place.
    pub fn join(&self, names: &mut Vec<String>) -> Vec<usize> {
        let place = |name: &str| {
            let at = names.iter().position(|known| known == name);
            at.unwrap_or_else(|| {
                names.push(name.into());
                names.len() - 1
            })
        };
        self.names().map(place).collect()
    }
}

impl Scored {
    /// Joins this with a classifier's probabilities, of which there may be none: the classifier
    /// divides what the gallery leaves. `places` are from [`Matcher::join`], `count` is that of all
    /// names.
    pub fn mixed(&self, probabilities: &[f32], places: &[usize], count: usize) -> Vec<f32> {
        let rest = (1.0 - self.probabilities.iter().sum::<f64>()).max(0.0);
        let mut mixed: Vec<f32> = probabilities.iter().map(|p| rest as f32 * p).collect();
        mixed.resize(count, 0.0);
        for (p, place) in self.probabilities.iter().zip(places) {
            mixed[*place] += *p as f32;
        }
        mixed
    }
}

fn clips(action: &Action, space: &Space) -> Vec<Vec<Vec<f64>>> {
    let windows = |clip: &super::Clip| clip.embeddings.iter().map(|e| space.place(e)).collect();
    action.clips.iter().map(windows).collect()
}

fn nearest(distances: impl Iterator<Item = f64>) -> f64 {
    distances.fold(f64::INFINITY, f64::min)
}

fn to_nearest(window: &[f64], others: &[Vec<f64>]) -> f64 {
    nearest(others.iter().map(|other| distance(window, other)))
}

/// The farthest that a window is from the nearest one of the action's other clips; 0 for a single
/// clip.
fn among_themselves(clips: &[Vec<Vec<f64>>]) -> f64 {
    let mut farthest = 0.0_f64;
    for (i, clip) in clips.iter().enumerate() {
        let others: Vec<Vec<f64>> = [&clips[..i], &clips[i + 1..]].concat().concat();
        for window in clip {
            let d = to_nearest(window, &others);
            if d.is_finite() {
                farthest = farthest.max(d);
            }
        }
    }
    farthest
}
