//! A webhook: events are posted as a JSON array.

use super::queue::{Failure, Message, Outlet};
use super::tally::Loss;
use axum::http::Uri;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use ureq::Agent;

/// Most events of one request.
const BATCH: usize = 64;

/// How often a request is tried.
const TRIES: u32 = 5;

/// Time for a request in all.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after the first try; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// Posts events.
pub(super) struct Webhook {
    agent: Agent,
    to: Uri,
    pause: Duration,
}

impl Webhook {
    pub(super) fn new(to: Uri) -> Self {
        Self::with(to, TIMEOUT, PAUSE)
    }

    fn with(to: Uri, timeout: Duration, pause: Duration) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // A redirected POST would become a GET without the events.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("aimclr-run/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent, to, pause }
    }

    /// Posts once.
    fn post(&self, body: &str) -> Result<(), (Loss, io::Error)> {
        let request = self.agent.post(&self.to);
        let answer = request
            .header("content-type", "application/json")
            .send(body);
        let status = match answer {
            Ok(answer) => answer.status(),
            Err(error) => return Err((Loss::Gone, io::Error::other(error))),
        };
        let error = io::Error::other(format!("answered {status}"));
        match status.as_u16() {
            200..300 => Ok(()),
            // Not now: too slow, too many, or broken.
            408 | 425 | 429 | 500..600 => Err((Loss::Gone, error)),
            _ => Err((Loss::Refused, error)),
        }
    }
}

impl Outlet for Webhook {
    const BATCH: usize = BATCH;

    fn deliver(&mut self, events: &[Arc<Message>]) -> Result<(), Failure> {
        let events: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
        let body = format!("[{}]", events.join(","));
        let mut tried = 0;
        loop {
            let Err((loss, error)) = self.post(&body) else {
                return Ok(());
            };
            tried += 1;
            if loss == Loss::Refused || tried == TRIES {
                return Err(Failure {
                    delivered: 0,
                    loss,
                    error,
                });
            }
            thread::sleep(self.pause * (1 << (tried - 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Delivery;
    use crate::net;
    use crate::queue::lock;
    use crate::sink::queue::tests::message;
    use crate::sink::queue::{Policy, Queue};
    use crate::sink::{WAITING, settle};
    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::Value;
    use std::net::SocketAddr;
    use std::sync::Mutex;
    use tokio::net::TcpListener;
    use tokio::runtime::Runtime;
    use tokio::sync::Semaphore;

    /// A server that answers one request for each permit, with the next of some answers.
    struct Hook {
        _network: Runtime,
        address: SocketAddr,
        state: Arc<Answers>,
    }

    struct Answers {
        /// The last one goes on for ever.
        answers: Mutex<Vec<StatusCode>>,
        permits: Semaphore,
        /// What was taken with a 2xx.
        taken: Mutex<Vec<Value>>,
    }

    impl Hook {
        fn new(answers: &[u16], permits: usize) -> Self {
            let status = |code: &u16| StatusCode::from_u16(*code).expect("a status");
            let state = Arc::new(Answers {
                answers: Mutex::new(answers.iter().rev().map(status).collect()),
                permits: Semaphore::new(permits),
                taken: Mutex::default(),
            });
            let network = net::start().expect("threads");
            let bound = network.block_on(TcpListener::bind("127.0.0.1:0"));
            let listener = bound.expect("a port");
            let address = listener.local_addr().expect("an address");
            let router = Router::new().route("/hook", post(answer));
            let serving = axum::serve(listener, router.with_state(state.clone()));
            network.spawn(async move { serving.await.unwrap_or_default() });
            Self {
                _network: network,
                address,
                state,
            }
        }

        fn queue(&self) -> Queue {
            queue(self.address)
        }
    }

    async fn answer(
        State(state): State<Arc<Answers>>,
        Json(events): Json<Vec<Value>>,
    ) -> StatusCode {
        state.permits.acquire().await.expect("open").forget();
        let mut answers = lock(&state.answers);
        let answer = match answers.len() {
            1 => answers[0],
            _ => answers.pop().expect("an answer"),
        };
        if answer.is_success() {
            lock(&state.taken).extend(events);
        }
        answer
    }

    fn queue(address: SocketAddr) -> Queue {
        let to: Uri = format!("http://{address}/hook")
            .parse()
            .expect("an address");
        let hook = Webhook::with(to, Duration::from_secs(30), Duration::from_millis(1));
        Queue::new("hook".into(), Policy::Drop, hook)
    }

    fn send(queue: &Queue, events: usize) {
        for n in 0..events {
            queue.send(message(n)).expect("a webhook ends no run");
        }
    }

    fn settled(queue: &Queue) -> Delivery {
        settle(&queue.shared.tally, None);
        queue.shared.tally.report()
    }

    fn numbers(hook: &Hook) -> Vec<u64> {
        let taken = lock(&hook.state.taken);
        taken
            .iter()
            .filter_map(|event| event["n"].as_u64())
            .collect()
    }

    #[test]
    fn every_event_is_posted_in_order_and_again_after_an_error() {
        let hook = Hook::new(&[500, 429, 503, 200], Semaphore::MAX_PERMITS);
        let queue = hook.queue();
        send(&queue, 200);
        assert_eq!(settled(&queue).delivered, 200);
        assert_eq!(numbers(&hook), (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_wanted_is_not_posted_again() {
        let hook = Hook::new(&[404, 302, 200], Semaphore::MAX_PERMITS);
        let queue = hook.queue();
        for _ in 0..3 {
            send(&queue, 1);
            settled(&queue);
        }
        let report = settled(&queue);
        assert_eq!((report.delivered, report.dropped["refused"]), (1, 2));
        assert_eq!(numbers(&hook).len(), 1);
    }

    #[test]
    fn one_that_is_always_broken_or_down_costs_events_and_nothing_else() {
        let hook = Hook::new(&[500], Semaphore::MAX_PERMITS);
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let nobody = free.local_addr().expect("an address");
        drop(free);
        for address in [hook.address, nobody] {
            let queue = queue(address);
            send(&queue, 10);
            let report = settled(&queue);
            assert_eq!((report.delivered, report.dropped["gone"]), (0, 10));
            assert!(queue.news()[0].contains("events are dropped"));
        }
    }

    #[test]
    fn a_slow_one_holds_nobody_up() {
        let hook = Hook::new(&[200], 0);
        let queue = hook.queue();
        send(&queue, 3 * WAITING);
        let full = queue.shared.tally.report().dropped["full"];
        hook.state.permits.add_permits(WAITING);
        let report = settled(&queue);
        assert_eq!(report.delivered + full, 3 * WAITING as u64);
        assert!(report.delivered <= (WAITING + BATCH) as u64, "{report:?}");
        assert_eq!(numbers(&hook).len() as u64, report.delivered);
    }
}
