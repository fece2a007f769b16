//! Sources from which nothing comes any more, where frames come when they come.

use super::{Event, Pipeline, Source};
use crate::track::gap;
use std::time::{Duration, Instant};

/// A source from which no frame came for so long has fallen silent.
const SILENCE: Duration = Duration::from_secs(5);

impl Pipeline {
    /// Ends the tracks of those sources from which no frame was taken for 5 s by `now`, or for as
    /// long as a person may be out of sight there if that is longer; gives the names of the sources.
    /// For live inputs: how fast a recording is read means nothing.
    pub fn end_silent(&mut self, now: Instant, events: &mut Vec<Event>) -> Vec<String> {
        let window = self.settings.longest();
        let patience = |source: &Source| {
            let gap = Duration::try_from_secs_f64(gap(source.clock.interval(), window));
            SILENCE.max(gap.unwrap_or(Duration::MAX))
        };
        let is_silent = |source: &Source| {
            !source.tracker.tracks().is_empty()
                && now.duration_since(source.heard) >= patience(source)
        };
        let silent = self.sources.iter().filter(|(_, source)| is_silent(source));
        let silent: Vec<String> = silent.map(|(name, _)| name.clone()).collect();
        for name in &silent {
            // Taken out while it is worked on, as with each frame.
            if let Some(mut source) = self.sources.remove(name) {
                self.end_all(name, &mut source, events);
                self.sources.insert(name.clone(), source);
            }
        }
        silent
    }
}
