//! A bounded queue before a sink, and the thread that empties it.

use super::tally::{Loss, Tally};
use crate::event::Event;
use crate::queue::lock;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Events that may wait before a sink.
pub const WAITING: usize = 1024;

/// Lines for standard error that may wait; more than one a sink is rare.
const NEWS: usize = 64;

/// One event on its way, made JSON once for all sinks.
#[derive(Debug)]
pub struct Message {
    /// The event's source.
    pub source: String,
    /// The event's person.
    pub person: u64,
    /// The event.
    pub json: String,
}

impl Message {
    /// An event on its way.
    pub fn of(event: &Event) -> io::Result<Self> {
        Ok(Self {
            source: event.source.clone(),
            person: event.person,
            json: serde_json::to_string(event)?,
        })
    }
}

/// What a sink does with events, on its own thread.
pub(super) trait Outlet: Send + 'static {
    /// Most events that it takes at once.
    const BATCH: usize;

    /// Takes events, in their order; may take its time. Says how many got there before it failed.
    fn deliver(&mut self, events: &[Arc<Message>]) -> Result<(), Failure>;
}

/// Events that a sink did not take.
#[derive(Debug)]
pub(super) struct Failure {
    /// How many of the events got there all the same.
    pub delivered: usize,
    /// What becomes of the others.
    pub loss: Loss,
    /// Why.
    pub error: io::Error,
}

/// What a queue's two ends share.
#[derive(Debug)]
pub(super) struct Shared {
    pub tally: Arc<Tally>,
    /// Why the sink can't go on, where that ends the run.
    failed: Mutex<Option<io::Error>>,
    /// Lines for standard error.
    news: Mutex<Vec<String>>,
}

impl Shared {
    /// Says that the sink is in trouble, or no longer.
    pub(super) fn tell(&self, news: impl std::fmt::Display) {
        let mut lines = lock(&self.news);
        if lines.len() < NEWS {
            lines.push(format!("{}: {news}", self.tally.name));
        }
    }
}

/// What happens where a sink does not keep up, or fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Nothing is lost: who has an event waits, and a failure ends the run.
    Wait,
    /// What finds no room is lost, and a failure ends the run: for standard output.
    DropUntilFailure,
    /// What finds no room, or nobody to take it, is lost.
    Drop,
}

/// The end of a queue where events go in.
pub(super) struct Queue {
    /// None once nothing more may come.
    sender: Option<Sender<Arc<Message>>>,
    pub shared: Arc<Shared>,
    pub policy: Policy,
    worker: JoinHandle<()>,
}

impl Queue {
    /// A queue that `outlet` empties.
    pub(super) fn new(name: String, policy: Policy, mut outlet: impl Outlet) -> Self {
        Self::with(name, policy, move |queue, shared| {
            empty(queue, &mut outlet, policy, &shared)
        })
    }

    /// A queue that `work` empties, on a thread of its own.
    pub(super) fn with(
        name: String,
        policy: Policy,
        work: impl FnOnce(Receiver<Arc<Message>>, Arc<Shared>) + Send + 'static,
    ) -> Self {
        let (sender, receiver) = channel(WAITING);
        let shared = Arc::new(Shared {
            tally: Arc::new(Tally::new(name)),
            failed: Mutex::default(),
            news: Mutex::default(),
        });
        let theirs = shared.clone();
        Self {
            sender: Some(sender),
            shared,
            policy,
            worker: thread::spawn(move || work(receiver, theirs)),
        }
    }

    /// Puts an event in; waits only where the policy says so.
    ///
    /// # Errors
    /// The sink has failed, and that ends the run. Said once.
    pub(super) fn send(&self, message: Arc<Message>) -> io::Result<()> {
        self.shared.tally.offer();
        let sent = match (&self.sender, self.policy) {
            (None, _) => Err(Loss::Gone),
            (Some(sender), Policy::Wait) => sender.blocking_send(message).map_err(|_| Loss::Gone),
            (Some(sender), _) => sender.try_send(message).map_err(|error| match error {
                TrySendError::Full(_) => Loss::Full,
                TrySendError::Closed(_) => Loss::Gone,
            }),
        };
        if let Err(loss) = sent {
            self.shared.tally.lose(loss, 1);
        }
        self.failure()
    }

    /// Why the sink has failed, where that ends the run. Said once.
    pub(super) fn failure(&self) -> io::Result<()> {
        let mut failed = lock(&self.shared.failed);
        failed.take().map_or(Ok(()), Err)
    }

    /// Lines for standard error that came up since this was asked last.
    pub(super) fn news(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.news))
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self) {
        self.sender = None;
    }

    /// True when the sink has done all that it had to, after [`close`](Self::close).
    pub(super) fn ended(&self) -> bool {
        self.worker.is_finished()
    }
}

/// Empties a queue until nothing more can come.
fn empty<O: Outlet>(
    mut queue: Receiver<Arc<Message>>,
    outlet: &mut O,
    policy: Policy,
    shared: &Shared,
) {
    let mut batch = Vec::with_capacity(O::BATCH);
    let mut well = true;
    while queue.blocking_recv_many(&mut batch, O::BATCH) > 0 {
        match outlet.deliver(&batch) {
            Ok(()) => {
                shared.tally.deliver(batch.len());
                if !well {
                    shared.tell("takes events again");
                }
                well = true;
            }
            Err(failure) => {
                shared.tally.deliver(failure.delivered);
                let lost = batch.len().saturating_sub(failure.delivered);
                if policy != Policy::Drop {
                    *lock(&shared.failed) = Some(failure.error);
                    queue.close();
                    shared.tally.lose(failure.loss, lost);
                    while queue.blocking_recv().is_some() {
                        shared.tally.lose(Loss::Gone, 1);
                    }
                    return;
                }
                if well {
                    shared.tell(format_args!("{}; events are dropped", failure.error));
                }
                well = false;
                shared.tally.lose(failure.loss, lost);
            }
        }
        batch.clear();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::mpsc;

    pub(in crate::sink) fn message(n: usize) -> Arc<Message> {
        Arc::new(Message {
            source: "cam0".into(),
            person: 7,
            json: format!("{{\"n\":{n}}}"),
        })
    }

    /// Takes one batch for each word that it is sent, or fails.
    struct Gated(mpsc::Receiver<io::Result<()>>);

    impl Outlet for Gated {
        const BATCH: usize = 10;

        fn deliver(&mut self, _: &[Arc<Message>]) -> Result<(), Failure> {
            let word = self.0.recv().unwrap_or(Ok(()));
            word.map_err(|error| Failure {
                delivered: 0,
                loss: Loss::Gone,
                error,
            })
        }
    }

    fn gated(policy: Policy) -> (Queue, mpsc::Sender<io::Result<()>>) {
        let (sender, receiver) = mpsc::channel();
        (Queue::new("gated".into(), policy, Gated(receiver)), sender)
    }

    #[test]
    fn who_sends_never_waits_for_a_sink_that_takes_nothing() {
        let (mut queue, gate) = gated(Policy::Drop);
        let sent = 3 * WAITING;
        for n in 0..sent {
            queue.send(message(n)).expect("no failure");
        }
        let full = queue.shared.tally.report().dropped["full"] as usize;
        let kept = sent - full;
        assert!((WAITING..=WAITING + Gated::BATCH).contains(&kept), "{kept}");
        drop(gate);
        crate::sink::settle(&queue.shared.tally, None);
        assert_eq!(queue.shared.tally.report().delivered as usize, kept);
        queue.close();
    }

    #[test]
    fn a_sink_that_must_not_lose_anything_is_waited_for() {
        let (queue, gate) = gated(Policy::Wait);
        drop(gate);
        for n in 0..3 * WAITING {
            queue.send(message(n)).expect("no failure");
        }
        crate::sink::settle(&queue.shared.tally, None);
        let report = queue.shared.tally.report();
        assert_eq!(report.delivered as usize, 3 * WAITING);
        assert!(report.dropped.is_empty());
    }

    #[test]
    fn a_failure_ends_the_run_or_is_told_once_and_counted() {
        let broken = || Err(io::Error::from(io::ErrorKind::BrokenPipe));
        for policy in [Policy::Wait, Policy::DropUntilFailure] {
            let (queue, gate) = gated(policy);
            gate.send(broken()).expect("there");
            queue.shared.tally.offer();
            let sender = queue.sender.as_ref().expect("open");
            sender.try_send(message(0)).expect("room");
            crate::sink::settle(&queue.shared.tally, None);
            let error = queue.failure().expect_err("it failed");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            queue.send(message(1)).expect("said once");
            assert_eq!(queue.shared.tally.report().dropped["gone"], 2);
        }
        let (queue, gate) = gated(Policy::Drop);
        for word in [broken(), broken(), Ok(())] {
            gate.send(word).expect("there");
            queue.send(message(0)).expect("no failure");
            crate::sink::settle(&queue.shared.tally, None);
        }
        // The thread counts first and tells then: the queue's end comes after both.
        let mut queue = queue;
        queue.close();
        drop(gate);
        while !queue.ended() {
            thread::yield_now();
        }
        let news = queue.news();
        assert_eq!(news.len(), 2, "{news:?}");
        assert!(news[0].contains("dropped") && news[1].contains("again"));
        assert_eq!(queue.shared.tally.report().dropped["gone"], 2);
    }
}
