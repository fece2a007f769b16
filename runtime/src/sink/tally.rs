//! What became of the events that were meant for a sink.

use crate::event::Delivery;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why an event did not get to where it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// More waited than there is room for.
    Full,
    /// Nobody was there to take it, for longer than it could wait.
    Gone,
    /// It was answered that it is not wanted.
    Refused,
}

impl Loss {
    /// All, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Full, Self::Gone, Self::Refused];

    /// As it stands in the summary and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Gone => "gone",
            Self::Refused => "refused",
        }
    }
}

/// Counts of one sink.
#[derive(Debug)]
pub struct Tally {
    /// The sink's name.
    pub name: String,
    offered: AtomicU64,
    delivered: AtomicU64,
    lost: [AtomicU64; Loss::ALL.len()],
}

impl Tally {
    /// Counts of a sink that has seen nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            offered: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            lost: Default::default(),
        }
    }

    /// One event is meant for the sink.
    pub fn offer(&self) {
        self.offered.fetch_add(1, Relaxed);
    }

    /// So many got there.
    pub fn deliver(&self, events: usize) {
        self.delivered.fetch_add(events as u64, Relaxed);
    }

    /// So many will not get there.
    pub fn lose(&self, loss: Loss, events: usize) {
        self.lost[loss as usize].fetch_add(events as u64, Relaxed);
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        let lost: u64 = self.lost.iter().map(|lost| lost.load(Relaxed)).sum();
        let settled = self.delivered.load(Relaxed) + lost;
        self.offered.load(Relaxed).saturating_sub(settled)
    }

    /// The counts. What still waits is counted by nothing but `seen`.
    pub fn report(&self) -> Delivery {
        let count = |loss: Loss| (loss.name().into(), self.lost[loss as usize].load(Relaxed));
        Delivery {
            seen: self.offered.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            dropped: Loss::ALL
                .map(count)
                .into_iter()
                .filter(|d| d.1 > 0)
                .collect(),
        }
    }
}
