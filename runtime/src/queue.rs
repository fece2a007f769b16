//! Between sources and recognition: a queue of bounded length.
//!
//! Each input has a lane of its own, so that one that is too fast costs no other a frame, and
//! recognition takes from the lanes in turn. What a full lane does is its [`WhenFull`].

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What happens to a frame for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WhenFull {
    /// The source waits, and whoever feeds it with it
    Wait,
    /// The frame that waited longest makes room
    DropOldest,
    /// The frame itself is lost
    DropNewest,
}

/// How many frames of an input may wait, and what happens then.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// At least 1.
    pub room: usize,
    /// What happens when there is no more.
    pub when_full: WhenFull,
}

/// Something to tell of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It goes on.
    Note(String),
    /// It has come to an end that it should not have come to.
    Failed(String),
}

/// Nobody takes anything any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// Most notices that wait; a source that has more to tell is in trouble enough.
const MOST_NOTICES: usize = 256;

struct Lane<T> {
    waiting: VecDeque<T>,
    bounds: Bounds,
}

struct State<T> {
    lanes: Vec<Lane<T>>,
    /// The lane whose turn it is.
    turn: usize,
    notices: VecDeque<(usize, Notice)>,
    senders: usize,
    dropped: u64,
    closed: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    came: Condvar,
    /// There is room again, or nobody takes anything any more: for threads, and for tasks.
    freed: Condvar,
    freed_for_tasks: Notify,
}

/// Locks what a thread that panicked may have left behind: each change here is whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}

/// Puts items into one lane.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    lane: usize,
}

/// Takes items out of all lanes.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Came<T> {
    /// An item, and its lane.
    Item(usize, T),
    /// Something to tell of a lane.
    Notice(usize, Notice),
    /// Nothing for as long as was waited.
    NothingYet,
    /// Nothing will come any more.
    End,
}

/// A queue with such lanes, and a sender for each.
pub fn queue<T>(lanes: &[Bounds]) -> (Vec<Sender<T>>, Receiver<T>) {
    let lane = |bounds: &Bounds| Lane {
        waiting: VecDeque::new(),
        bounds: *bounds,
    };
    let state = State {
        lanes: lanes.iter().map(lane).collect(),
        turn: 0,
        notices: VecDeque::new(),
        senders: lanes.len(),
        dropped: 0,
        closed: false,
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        came: Condvar::new(),
        freed: Condvar::new(),
        freed_for_tasks: Notify::new(),
    });
    let sender = |lane| Sender {
        shared: shared.clone(),
        lane,
    };
    let senders = (0..lanes.len()).map(sender).collect();
    (senders, Receiver { shared })
}

impl<T> Sender<T> {
    /// Puts an item into the lane, or gives it back where there is no room and it is to wait.
    fn offer(&self, state: &mut State<T>, item: T) -> Result<Option<T>, Closed> {
        if state.closed {
            return Err(Closed);
        }
        let lane = &mut state.lanes[self.lane];
        if lane.waiting.len() >= lane.bounds.room {
            match lane.bounds.when_full {
                WhenFull::Wait => return Ok(Some(item)),
                WhenFull::DropOldest => drop(lane.waiting.pop_front()),
                WhenFull::DropNewest => {
                    state.dropped += 1;
                    return Ok(None);
                }
            }
            state.dropped += 1;
        }
        lane.waiting.push_back(item);
        self.shared.came.notify_one();
        Ok(None)
    }

    /// Puts an item into the lane, from a thread that may wait.
    ///
    /// # Errors
    /// Nobody takes anything any more.
    pub fn send(&self, mut item: T) -> Result<(), Closed> {
        let mut state = self.shared.state();
        while let Some(back) = self.offer(&mut state, item)? {
            item = back;
            let woken = self.shared.freed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// The same from a task.
    ///
    /// # Errors
    /// Nobody takes anything any more.
    pub async fn send_from_task(&self, mut item: T) -> Result<(), Closed> {
        loop {
            let freed = self.shared.freed_for_tasks.notified();
            tokio::pin!(freed);
            // From here on nothing that is freed is missed.
            freed.as_mut().enable();
            let offered = self.offer(&mut self.shared.state(), item)?;
            match offered {
                None => return Ok(()),
                Some(back) => item = back,
            }
            freed.await;
        }
    }

    /// Tells something of the input.
    pub fn tell(&self, notice: Notice) {
        let mut state = self.shared.state();
        if state.notices.len() < MOST_NOTICES || matches!(notice, Notice::Failed(_)) {
            state.notices.push_back((self.lane, notice));
        }
        self.shared.came.notify_one();
    }

    /// Waits so long from a thread.
    ///
    /// # Errors
    /// Nobody takes anything any more; this is said at once.
    pub fn sleep(&self, duration: Duration) -> Result<(), Closed> {
        let until = Instant::now() + duration;
        let mut state = self.shared.state();
        loop {
            if state.closed {
                return Err(Closed);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let woken = self.shared.freed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.state().senders += 1;
        Self {
            shared: self.shared.clone(),
            lane: self.lane,
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.state().senders -= 1;
        self.shared.came.notify_one();
    }
}

impl<T> Receiver<T> {
    /// What came first, of the lane whose turn it is; waits no longer than `patience`.
    pub fn next(&self, patience: Duration) -> Came<T> {
        let until = Instant::now() + patience;
        let mut state = self.shared.state();
        loop {
            if let Some((lane, notice)) = state.notices.pop_front() {
                return Came::Notice(lane, notice);
            }
            let lanes = state.lanes.len();
            let turns = (0..lanes).map(|i| (state.turn + i) % lanes);
            let found = turns
                .into_iter()
                .find(|i| !state.lanes[*i].waiting.is_empty());
            if let Some(lane) = found
                && let Some(item) = state.lanes[lane].waiting.pop_front()
            {
                state.turn = (lane + 1) % lanes;
                drop(state);
                self.shared.freed.notify_all();
                self.shared.freed_for_tasks.notify_waiters();
                return Came::Item(lane, item);
            }
            if state.senders == 0 {
                return Came::End;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Came::NothingYet;
            }
            let woken = self.shared.came.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells at any time whether items wait that would be lost if they had to wait for long: those
    /// of lanes whose sources don't.
    pub fn behind(&self) -> impl Fn() -> bool + Send + 'static
    where
        T: Send + 'static,
    {
        let shared = self.shared.clone();
        let hurried =
            |lane: &Lane<T>| lane.bounds.when_full != WhenFull::Wait && !lane.waiting.is_empty();
        move || shared.state().lanes.iter().any(hurried)
    }

    /// True as long as anybody may still send.
    #[cfg(test)]
    pub(crate) fn waits_for_more(&self) -> bool {
        self.shared.state().senders > 0
    }

    /// How many wait in each lane.
    pub fn waiting(&self) -> Vec<usize> {
        let state = self.shared.state();
        state.lanes.iter().map(|lane| lane.waiting.len()).collect()
    }

    /// How many were dropped for want of room since this was asked last.
    pub fn dropped(&self) -> u64 {
        std::mem::take(&mut self.shared.state().dropped)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.freed.notify_all();
        self.shared.freed_for_tasks.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn one(room: usize, when_full: WhenFull) -> (Sender<u64>, Receiver<u64>) {
        let (mut senders, receiver) = queue(&[Bounds { room, when_full }]);
        (senders.remove(0), receiver)
    }

    fn all(receiver: &Receiver<u64>) -> Vec<u64> {
        let next = || match receiver.next(PATIENCE) {
            Came::Item(_, item) => Some(item),
            _ => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_oldest_or_the_newest_are_lost_and_counted() {
        for (when_full, kept) in [
            (WhenFull::DropOldest, [7, 8, 9]),
            (WhenFull::DropNewest, [0, 1, 2]),
        ] {
            let (sender, receiver) = one(3, when_full);
            (0..10).for_each(|i| sender.send(i).expect("open"));
            drop(sender);
            assert_eq!(all(&receiver), kept);
            assert_eq!((receiver.dropped(), receiver.dropped()), (7, 0));
            assert!(!receiver.behind()());
            assert_eq!(receiver.next(PATIENCE), Came::End);
        }
    }

    #[test]
    fn who_is_to_wait_loses_nothing() {
        let (sender, receiver) = one(3, WhenFull::Wait);
        sender.send(1000).expect("room");
        assert!(!receiver.behind()(), "whoever waits is in no hurry");
        let task = sender.clone();
        let feeding = thread::spawn(move || {
            (0..500).for_each(|i| sender.send(i).expect("open"));
        });
        let network = crate::net::start().expect("threads");
        network.spawn(async move {
            for i in 500..1000 {
                task.send_from_task(i).await.expect("open");
            }
        });
        let mut found = all(&receiver);
        feeding.join().expect("done");
        found.sort_unstable();
        assert!(found.into_iter().eq(0..=1000));
        assert_eq!(receiver.dropped(), 0);
    }

    #[test]
    fn lanes_take_turns_and_one_costs_no_other_a_frame() {
        let bounds = Bounds {
            room: 2,
            when_full: WhenFull::DropOldest,
        };
        let (senders, receiver) = queue(&[bounds, bounds]);
        senders[1].send(100).expect("open");
        (0..50).for_each(|i| senders[0].send(i).expect("open"));
        assert!(receiver.behind()());
        drop(senders);
        assert_eq!(receiver.waiting(), [2, 1]);
        assert_eq!(all(&receiver), [48, 100, 49]);
        assert_eq!(receiver.waiting(), [0, 0]);
    }

    #[test]
    fn nobody_waits_for_a_queue_that_nobody_reads() {
        let (sender, receiver) = one(1, WhenFull::Wait);
        sender.send(1).expect("room");
        let asleep = sender.clone();
        let waiting = thread::spawn(move || sender.send(2));
        let sleeping = thread::spawn(move || asleep.sleep(Duration::from_secs(3600)));
        assert_eq!(receiver.next(PATIENCE), Came::Item(0, 1));
        waiting.join().expect("done").expect("there was room");
        drop(receiver);
        assert_eq!(sleeping.join().expect("done"), Err(Closed));
    }

    #[test]
    fn what_is_to_be_told_comes_first() {
        let (sender, receiver) = one(1, WhenFull::DropNewest);
        sender.send(1).expect("room");
        sender.tell(Notice::Failed("gone".into()));
        let notice = Came::Notice(0, Notice::Failed("gone".into()));
        assert_eq!(receiver.next(PATIENCE), notice);
        assert_eq!(receiver.next(PATIENCE), Came::Item(0, 1));
        assert_eq!(receiver.next(Duration::from_millis(1)), Came::NothingYet);
    }
}
