//! The time of one source: it runs forward, and what does not is dropped.

use crate::buffer::interval;
use crate::fault::Fault;
use std::collections::VecDeque;

/// After so many frames in a row that are late but in order among themselves, the source has begun
/// anew (a camera that was restarted, a recording played again) and its new time counts. Without
/// this a single line from the far future would silence its source for good.
const BEGUN_ANEW: u32 = 10;

/// How many times are remembered for the interval between frames.
const REMEMBERED: usize = 32;

/// The time of one source.
#[derive(Debug, Default)]
pub struct Clock {
    times: VecDeque<f64>,
    late: u32,
    late_last: f64,
}

/// What a frame's time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Time went on.
    Forward,
    /// The source has begun anew; nothing before has to do with this frame.
    Anew,
}

impl Clock {
    /// Takes the time of the next frame, or says that it is not later than the one before.
    pub fn tick(&mut self, t: f64) -> Result<Tick, Fault> {
        let tick = match self.times.back() {
            Some(&last) if t <= last => {
                self.late = if t > self.late_last { self.late + 1 } else { 1 };
                self.late_last = t;
                if self.late < BEGUN_ANEW {
                    return Err(Fault::Time { last, found: t });
                }
                self.times.clear();
                Tick::Anew
            }
            _ => Tick::Forward,
        };
        self.late = 0;
        if self.times.len() == REMEMBERED {
            self.times.pop_front();
        }
        self.times.push_back(t);
        Ok(tick)
    }

    /// Takes the time of the next frame of a recording that can't begin anew.
    pub fn tick_within(&mut self, t: f64) -> Result<(), Fault> {
        if let Some(&last) = self.times.back()
            && t <= last
        {
            return Err(Fault::Time { last, found: t });
        }
        self.tick(t).map(|_| ())
    }

    /// Seconds between frames, from the latest of them; `None` for fewer than two.
    pub fn interval(&self) -> Option<f64> {
        interval(self.times.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_runs_backwards_is_refused() {
        let mut clock = Clock::default();
        for (t, taken) in [
            (1.0, true),
            (1.1, true),
            (1.1, false),
            (0.5, false),
            (1.2, true),
        ] {
            assert_eq!(clock.tick(t).is_ok(), taken, "{t}");
        }
        let found = clock.interval().expect("three times");
        assert!((found - 0.1).abs() < 1e-9, "{found}");
    }

    #[test]
    fn one_line_from_the_far_future_does_not_silence_a_source() {
        let mut clock = Clock::default();
        assert_eq!(clock.tick(5.0).ok(), Some(Tick::Forward));
        assert_eq!(clock.tick(1e300).ok(), Some(Tick::Forward));
        let ticks: Vec<Option<Tick>> = (1..=11)
            .map(|j| clock.tick(5.0 + f64::from(j) * 0.1).ok())
            .collect();
        assert_eq!(ticks[..9], [None; 9]);
        assert_eq!(ticks[9..], [Some(Tick::Anew), Some(Tick::Forward)]);
    }

    #[test]
    fn late_lines_in_disorder_are_no_new_beginning() {
        let mut clock = Clock::default();
        assert!(clock.tick(100.0).is_ok());
        for j in 0..50 {
            assert!(clock.tick(f64::from(50 - j)).is_err());
        }
    }
}
