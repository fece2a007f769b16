//! How much memory recordings that are read at the same time may take together.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that all recordings on their way may take together, but for the one that is next: that one
/// takes what it needs, within the bounds of its form, so that the others come to an end.
const ALL: u64 = 320 << 20;

/// Bytes that are asked for at a time, so that a recording of many frames seldom asks.
const STEP: u64 = 1 << 20;

/// What bytes one clip's joints may have: over an hour of two bodies of 25 joints at 30 frames a
/// second.
pub(super) const LARGEST_CLIP: usize = 96 << 20;

/// Frames of a clip of so many bodies and joints, at most.
pub(super) fn most_frames(bodies: usize, joints: usize) -> usize {
    LARGEST_CLIP / clip_bytes(1, bodies, joints).max(1)
}

/// Bytes of a clip's joints.
pub(super) fn clip_bytes(frames: usize, bodies: usize, joints: usize) -> usize {
    let numbers = bodies * joints * crate::sequence::CHANNELS;
    frames.saturating_mul(numbers * size_of::<f32>())
}

/// The memory that recordings on their way share.
#[derive(Default)]
pub(super) struct Rooms {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    taken: u64,
    /// The first item that is not done.
    next: usize,
    /// Nothing will be done any more: nobody waits.
    closed: bool,
}

impl Rooms {
    /// Begins with the item `next`.
    pub(super) fn new(next: usize) -> Self {
        let state = State {
            next,
            ..State::default()
        };
        Self {
            state: state.into(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room for one item, from which it takes while it is read.
    pub(super) fn of(&self, item: usize) -> Room<'_> {
        Room {
            rooms: Some(self),
            item,
            held: Cell::new(0),
            used: Cell::new(0),
        }
    }

    /// The next item is done, which still held so many bytes.
    pub(super) fn done(&self, held: u64) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(held);
        state.next += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Lets everybody go on to their end.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

/// What memory one recording takes while it is read.
#[derive(Default)]
pub struct Room<'a> {
    /// None where only one recording is read at all.
    rooms: Option<&'a Rooms>,
    item: usize,
    held: Cell<u64>,
    used: Cell<u64>,
}

impl Room<'_> {
    /// Takes so many bytes more, and waits until they are there.
    pub(super) fn take(&self, bytes: usize) {
        let used = self.used.get() + bytes as u64;
        self.used.set(used);
        let (Some(rooms), lacking @ 1..) = (self.rooms, used.saturating_sub(self.held.get()))
        else {
            return;
        };
        let lacking = lacking.max(STEP);
        let mut state = rooms.state();
        while state.taken + lacking > ALL && state.next != self.item && !state.closed {
            let woken = rooms.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.taken += lacking;
        self.held.set(self.held.get() + lacking);
    }

    /// Gives back all but so many bytes, and says how many are still held.
    pub(super) fn keep(self, bytes: usize) -> u64 {
        let kept = (bytes as u64).min(self.held.get());
        if let Some(rooms) = self.rooms {
            let mut state = rooms.state();
            state.taken = state.taken.saturating_sub(self.held.get() - kept);
            drop(state);
            rooms.changed.notify_all();
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const MOST: usize = ALL as usize;

    #[test]
    fn the_next_item_waits_for_nobody_and_others_for_room() {
        let rooms = Rooms::new(7);
        let (other, next) = (rooms.of(8), rooms.of(7));
        other.take(MOST);
        next.take(MOST);
        let through = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let room = rooms.of(9);
                room.take(10);
                through.store(true, Ordering::Relaxed);
                room.keep(0);
            });
            std::thread::sleep(Duration::from_millis(20));
            assert!(!through.load(Ordering::Relaxed));
            assert_eq!(next.keep(5), 5);
            std::thread::sleep(Duration::from_millis(20));
            assert!(!through.load(Ordering::Relaxed), "8 holds all of it");
            assert_eq!(other.keep(5), 5);
        });
        assert!(through.load(Ordering::Relaxed));
        rooms.done(5);
        let state = rooms.state();
        assert_eq!((state.next, state.taken), (8, 5));
    }

    #[test]
    fn nobody_waits_for_what_is_over() {
        let rooms = Rooms::new(0);
        rooms.of(3).take(MOST);
        std::thread::scope(|scope| {
            scope.spawn(|| rooms.of(5).take(10));
            std::thread::sleep(Duration::from_millis(10));
            rooms.close();
        });
        Room::default().take(usize::MAX);
    }

    #[test]
    fn frames_are_bounded_by_their_bytes() {
        assert_eq!(most_frames(2, 25), (96 << 20) / 600);
        assert!(clip_bytes(most_frames(16, 33), 16, 33) <= LARGEST_CLIP);
    }
}
