//! A line on a terminal that says what is going on.

use crate::event::{Counts, Event, Kind};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

/// How often the line is drawn anew, a second.
const REFRESH: u8 = 5;

/// The line, and who does what.
pub(super) struct Status {
    bar: ProgressBar,
    people: BTreeMap<(String, u64), String>,
}

impl Status {
    /// Shown on standard error where that is a terminal and `shown` holds.
    pub(super) fn new(shown: bool) -> Self {
        let target = match shown && std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr_with_hz(REFRESH),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            people: BTreeMap::new(),
        }
    }

    pub(super) fn update(&mut self, counts: &Counts, events: &[Event]) {
        if self.bar.is_hidden() {
            return;
        }
        for event in events {
            let key = (event.source.clone(), event.person);
            match event.event {
                Kind::End => self.people.remove(&key),
                _ => self.people.insert(
                    key,
                    format!("{} {:.0} %", event.action, event.confidence * 100.0),
                ),
            };
        }
        let doing: Vec<String> = self
            .people
            .iter()
            .take(8)
            .map(|((_, person), doing)| format!("{person}: {doing}"))
            .collect();
        self.bar.set_message(format!(
            "{} frames, {} dropped, {} windows   {}",
            counts.frames.seen,
            counts.frames.dropped_in_all(),
            counts.windows,
            doing.join("   ")
        ));
    }

    /// Shows something else than who does what.
    pub(super) fn say(&self, message: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(message());
        }
    }

    /// Prints a line on standard error without tearing the status line.
    pub(super) fn print(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
