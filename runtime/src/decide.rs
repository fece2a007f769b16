//! Decisions: from the probabilities of single windows to what a person is doing, and since when.

use crate::event::Kind;
use std::collections::BTreeMap;

/// When an action is said to begin, to go on and to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Smoothed probability from which on it may begin.
    pub start: f64,
    /// Smoothed probability from which on it may go on; at most `start`.
    pub stay: f64,
    /// How long it must have been the best before it is said, seconds.
    pub shortest: f64,
    /// For how long after its end it does not begin again, seconds.
    pub cool_down: f64,
    /// It is never said.
    pub ignored: bool,
}

/// What a [`Decider`] goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Time constant of the exponential mean, seconds; 0 for none.
    pub smoothing: f64,
    /// How long no action must have been trusted before that is said, seconds.
    pub unknown: f64,
    /// One for each class.
    pub actions: Vec<Rule>,
}

impl Rules {
    /// A best class below `threshold` is not trusted, and everything is said at once.
    pub fn plain(smoothing: f64, threshold: f64, classes: usize) -> Self {
        let rule = Rule {
            start: threshold,
            stay: threshold,
            shortest: 0.0,
            cool_down: 0.0,
            ignored: false,
        };
        Self {
            smoothing,
            unknown: 0.0,
            actions: vec![rule; classes],
        }
    }
}

/// Smooths one person's probabilities over time and divides the time into segments.
#[derive(Debug, Default)]
pub struct Decider {
    scores: Vec<f64>,
    t: f64,
    segment: Option<Step>,
    /// What might begin, and since when it has been the best.
    pending: Option<(usize, f64)>,
    /// Since when the open segment's action has not been trusted.
    lost: Option<f64>,
    /// When an action with a cool-down ended last.
    ended: BTreeMap<usize, f64>,
}

/// One step in the life of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Start, update or end.
    pub kind: Kind,
    /// Class; `None` where none is trusted.
    pub action: Option<usize>,
    /// When the segment began, seconds.
    pub since: f64,
    /// Smoothed probability of the action; of the best class where none is trusted.
    pub confidence: f64,
    /// All classes that are not ignored with their smoothed probabilities, best first, at most
    /// `TOP`.
    pub top: Vec<(usize, f64)>,
}

impl Decider {
    /// Takes the probabilities of the window that ends at `t` seconds, one for each of the rules'
    /// classes. Gives a start, an update, or an end and a start. A window whose probabilities are
    /// no numbers, or not as many, gives nothing.
    pub fn decide(&mut self, rules: &Rules, t: f64, probabilities: &[f32]) -> Vec<Step> {
        let fit = !probabilities.is_empty() && probabilities.len() == rules.actions.len();
        if !fit || !probabilities.iter().all(|p| p.is_finite()) {
            return Vec::new();
        }
        self.smooth(rules.smoothing, t, probabilities);
        let mut top = best(&self.scores, self.scores.len());
        top.retain(|(class, _)| !rules.actions[*class].ignored);
        let action = self.action(rules, t, top.first().copied());
        let confidence = match action {
            Some(class) => self.scores[class],
            None => top.first().map_or(0.0, |(_, score)| *score),
        };
        top.truncate(crate::event::TOP);
        let step = |kind, since| Step {
            kind,
            action,
            since,
            confidence,
            top,
        };
        let steps = match self.segment.take() {
            None => vec![step(Kind::Start, t)],
            Some(before) if before.action == action => vec![step(Kind::Update, before.since)],
            Some(before) => {
                if let Some(class) = before.action {
                    self.ended.insert(class, t);
                }
                vec![before.into_end(), step(Kind::Start, t)]
            }
        };
        self.segment = steps.last().cloned();
        steps
    }

    /// The person has left: the end of the segment, if there is one.
    pub fn end(&mut self) -> Option<Step> {
        self.segment.take().map(Step::into_end)
    }

    /// What is done at `t`, given the best class that is not ignored and its score.
    fn action(&mut self, rules: &Rules, t: f64, best: Option<(usize, f64)>) -> Option<usize> {
        let current = self.segment.as_ref().and_then(|segment| segment.action);
        let may_begin = |(class, score): &(usize, f64)| {
            let rule = &rules.actions[*class];
            let ended = self.ended.get(class);
            score >= &rule.start && ended.is_none_or(|ended| t - ended >= rule.cool_down)
        };
        self.pending = best
            .filter(|(class, _)| current != Some(*class))
            .filter(may_begin)
            .map(|(class, _)| match self.pending {
                Some((before, since)) if before == class => (class, since),
                _ => (class, t),
            });
        if let Some((class, since)) = self.pending
            && t - since >= rules.actions[class].shortest
        {
            (self.pending, self.lost) = (None, None);
            return Some(class);
        }
        let current = current.filter(|class| !rules.actions[*class].ignored)?;
        if self.scores[current] >= rules.actions[current].stay {
            self.lost = None;
            return Some(current);
        }
        let lost = *self.lost.get_or_insert(t);
        let goes_on = t - lost < rules.unknown;
        if !goes_on {
            self.lost = None;
        }
        goes_on.then_some(current)
    }

    /// Weighs by the time since the last window, so that the hop makes no difference.
    fn smooth(&mut self, smoothing: f64, t: f64, probabilities: &[f32]) {
        let new = |p: &f32| f64::from(*p);
        if self.scores.len() != probabilities.len() || smoothing <= 0.0 {
            self.scores = probabilities.iter().map(new).collect();
        } else {
            let share = 1.0 - (-(t - self.t) / smoothing).exp();
            for (score, p) in self.scores.iter_mut().zip(probabilities) {
                *score += share * (f64::from(*p) - *score);
            }
        }
        self.t = t;
    }
}

impl Step {
    /// The end of the segment, with what was last said of it.
    fn into_end(self) -> Self {
        Self {
            kind: Kind::End,
            ..self
        }
    }
}

/// The `count` highest scores with their places, highest first; of equal ones the first.
pub fn best(scores: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count);
    ranked
}

#[cfg(test)]
mod tests;
