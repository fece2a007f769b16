//! Replaying a recording at its own pace, or a multiple of it.

use crate::queue::{Closed, Sender};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A longer pause in a recording is skipped, seconds: nobody waits for it, and it may be an error.
const LONGEST_PAUSE: f64 = 10.0;

/// Most sources of one recording whose clocks are kept.
const MOST_SOURCES: usize = 256;

/// Holds frames back until their time has come, by the clock of each source.
#[derive(Debug)]
pub(super) struct Pace {
    speed: f64,
    /// An instant, and the source's time at it.
    bases: BTreeMap<String, (Instant, f64)>,
}

impl Pace {
    /// So many times as fast as it was.
    pub(super) fn new(speed: f64) -> Self {
        Self {
            speed,
            bases: BTreeMap::new(),
        }
    }

    /// Waits for the time `t` of a source, in seconds of the stream.
    pub(super) fn wait_for<T>(
        &mut self,
        source: &str,
        t: f64,
        sender: &Sender<T>,
    ) -> Result<(), Closed> {
        match self.ahead(source, t, Instant::now()) {
            Some(ahead) => sender.sleep(ahead),
            None => Ok(()),
        }
    }

    /// How long it is until then.
    fn ahead(&mut self, source: &str, t: f64, now: Instant) -> Option<Duration> {
        let base = self.bases.get(source).copied();
        let (start, t0) = base.unwrap_or((now, t));
        let pause = t - t0 - now.duration_since(start).as_secs_f64() * self.speed;
        let steady = pause <= LONGEST_PAUSE && t >= t0;
        if base.is_none() || !steady {
            if self.bases.len() < MOST_SOURCES || base.is_some() {
                self.bases.insert(source.into(), (now, t));
            }
            return None;
        }
        Duration::try_from_secs_f64(pause / self.speed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_own_clock() {
        let mut pace = Pace::new(2.0);
        let now = Instant::now();
        assert_eq!(pace.ahead("a", 100.0, now), None, "its time begins");
        assert_eq!(pace.ahead("b", 7.0, now), None);
        let later = now + Duration::from_secs(1);
        let at = |t: f64| Some(Duration::from_secs_f64(t));
        assert_eq!(pace.ahead("a", 103.0, later), at(0.5));
        assert_eq!(pace.ahead("b", 9.0, later), at(0.0));
        assert_eq!(pace.ahead("b", 8.0, later), None, "it is late");
        assert_eq!(pace.ahead("a", 500.0, later), None, "nobody waits so long");
        assert_eq!(
            pace.ahead("a", 501.0, later),
            at(0.5),
            "time goes on from there"
        );
        assert_eq!(pace.ahead("a", 400.0, later), None, "it began anew");
    }
}
