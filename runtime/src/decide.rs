//! Decisions: from the probabilities of single windows to what a person is doing, and since when.

use crate::event::Kind;

/// Smooths one person's probabilities over time and divides the time into segments.
#[derive(Debug)]
pub struct Decider {
    smoothing: f64,
    threshold: f64,
    scores: Vec<f64>,
    t: f64,
    segment: Option<Step>,
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
    /// Smoothed probability of the best class.
    pub confidence: f64,
    /// All classes with their smoothed probabilities, best first, at most `TOP`.
    pub top: Vec<(usize, f64)>,
}

impl Decider {
    /// `smoothing`: the time constant of the exponential mean, seconds; 0 for none. `threshold`: a
    /// best class below this probability is not trusted.
    pub fn new(smoothing: f64, threshold: f64) -> Self {
        Self {
            smoothing,
            threshold,
            scores: Vec::new(),
            t: 0.0,
            segment: None,
        }
    }

    /// Takes the probabilities of the window that ends at `t` seconds. Gives a start, an update,
    /// or an end and a start. A window whose probabilities are no numbers gives nothing.
    pub fn decide(&mut self, t: f64, probabilities: &[f32]) -> Vec<Step> {
        if probabilities.is_empty() || !probabilities.iter().all(|p| p.is_finite()) {
            return Vec::new();
        }
        self.smooth(t, probabilities);
        let top = best(&self.scores, crate::event::TOP);
        let (class, confidence) = top[0];
        let action = (confidence >= self.threshold).then_some(class);
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
            Some(before) => vec![before.into_end(), step(Kind::Start, t)],
        };
        self.segment = steps.last().cloned();
        steps
    }

    /// The person has left: the end of the segment, if there is one.
    pub fn end(&mut self) -> Option<Step> {
        self.segment.take().map(Step::into_end)
    }

    /// Weighs by the time since the last window, so that the hop makes no difference.
    fn smooth(&mut self, t: f64, probabilities: &[f32]) {
        let new = |p: &f32| f64::from(*p);
        if self.scores.len() != probabilities.len() || self.smoothing <= 0.0 {
            self.scores = probabilities.iter().map(new).collect();
        } else {
            let share = 1.0 - (-(t - self.t) / self.smoothing).exp();
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
mod tests {
    use super::*;

    fn kinds(steps: &[Step]) -> Vec<(Kind, Option<usize>, f64)> {
        steps.iter().map(|s| (s.kind, s.action, s.since)).collect()
    }

    #[test]
    fn a_segment_starts_goes_on_and_ends() {
        let mut decider = Decider::new(0.0, 0.6);
        assert_eq!(decider.end(), None);
        let steps = decider.decide(1.0, &[0.1, 0.9]);
        assert_eq!(kinds(&steps), [(Kind::Start, Some(1), 1.0)]);
        assert!((steps[0].confidence - 0.9).abs() < 1e-6);
        let steps = decider.decide(1.2, &[0.2, 0.8]);
        assert_eq!(kinds(&steps), [(Kind::Update, Some(1), 1.0)]);
        let steps = decider.decide(1.4, &[0.5, 0.5]);
        let expected = [(Kind::End, Some(1), 1.0), (Kind::Start, None, 1.4)];
        assert_eq!(kinds(&steps), expected);
        let end = decider.end().expect("a segment");
        assert_eq!(kinds(&[end]), [(Kind::End, None, 1.4)]);
        assert_eq!(decider.end(), None);
    }

    #[test]
    fn one_odd_window_is_smoothed_away() {
        let mut decider = Decider::new(1.0, 0.0);
        for j in 0..20 {
            let p = if j == 10 { [0.0, 1.0] } else { [0.9, 0.1] };
            let steps = decider.decide(f64::from(j) * 0.2, &p);
            assert!(j == 0 || steps[0].kind == Kind::Update, "window {j}");
        }
    }

    #[test]
    fn smoothing_is_in_seconds_and_not_in_windows() {
        let after = |hop: f64| {
            let mut decider = Decider::new(0.5, 0.0);
            decider.decide(0.0, &[1.0, 0.0]);
            let windows = (1.0 / hop).round() as i32;
            (1..=windows)
                .map(|j| decider.decide(f64::from(j) * hop, &[0.0, 1.0]))
                .last()
                .expect("windows")[0]
                .confidence
        };
        // 1 − e^(−1 s / 0.5 s)
        for hop in [0.05, 0.1, 0.5] {
            assert!((after(hop) - 0.864_664_7).abs() < 1e-6, "{hop}");
        }
    }

    #[test]
    fn probabilities_that_are_no_numbers_decide_nothing() {
        let mut decider = Decider::new(0.5, 0.0);
        assert!(decider.decide(0.0, &[f32::NAN, 0.5]).is_empty());
        assert!(decider.decide(0.0, &[]).is_empty());
        assert_eq!(decider.decide(0.1, &[0.0, 1.0])[0].kind, Kind::Start);
    }
}
