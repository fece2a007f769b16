//! Replaying a recording at its own pace.

use super::stop::Stop;
use std::thread;
use std::time::{Duration, Instant};

/// A longer pause in a recording is skipped, seconds: nobody waits for it, and it may be an error.
const LONGEST_PAUSE: f64 = 10.0;

/// How long a sleep may be before the user's wish to stop is looked at.
const NAP: Duration = Duration::from_millis(50);

/// Holds frames back until their time has come.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// An instant, and the stream's time at it.
    base: Option<(Instant, f64)>,
}

impl Pace {
    /// Waits for the time `t`, in seconds of the stream.
    pub(super) fn wait_for(&mut self, t: f64, stop: &Stop) {
        let now = Instant::now();
        let (start, t0) = *self.base.get_or_insert((now, t));
        let ahead = (t - t0) - now.duration_since(start).as_secs_f64();
        if !(ahead <= LONGEST_PAUSE && t >= t0) {
            self.base = Some((now, t));
            return;
        }
        if ahead <= 0.0 {
            return;
        }
        let until = now + Duration::from_secs_f64(ahead);
        while let Some(left) = until.checked_duration_since(Instant::now())
            && !left.is_zero()
            && !stop.asked()
        {
            thread::sleep(left.min(NAP));
        }
    }
}
